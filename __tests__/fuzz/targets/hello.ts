/** Hellos and seniorities, as they are behind the checksum. */
import { decodeHello, decodeSeniority, encodeHello, encodeSeniority, isPeerId } from '../../../lib/mesh/hello';
import type { Random } from '../../simulation/random';
import { mutate } from '../mutate';
import { check, valueOf, type Target } from '../target';

export const hello: Target = { inputs: 20, play };

function play(random: Random): void {
  const seniority = { rank: random.int(2), startedAt: random.int(2 ** 40) };
  const bytes = [
    encodeHello({ id: random.int(2 ** 30).toString(36), seniority, pid: random.int(70_000), threadId: random.int(5) }),
    encodeSeniority(seniority),
  ];
  for (let i = 0; i < 10; i++) {
    const said = mutate(random, bytes[0]!, bytes);
    const value = valueOf(() => decodeHello(said), 'ERR_CLUSTER_CACHE_FRAME', 'ERR_CLUSTER_CACHE_PROTOCOL');
    if (value !== undefined) check(isPeerId(value.id) && isOrdered(value.seniority), 'a hello of nobody');
    const told = mutate(random, bytes[1]!, bytes);
    const later = valueOf(() => decodeSeniority(told), 'ERR_CLUSTER_CACHE_FRAME');
    if (later !== undefined) check(isOrdered(later), 'a seniority without an order');
  }
}

function isOrdered({ rank, startedAt }: { readonly rank: number; readonly startedAt: number }): boolean {
  return Number.isInteger(rank) && rank >= 0 && Number.isFinite(startedAt) && startedAt >= 0;
}
