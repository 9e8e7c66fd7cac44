/** Envelopes, as they are behind the checksum. */
import { isDeepStrictEqual } from 'node:util';
import { decodeEnvelope, encodeEnvelope, type Message } from '../../../lib/core/message';
import type { Random } from '../../simulation/random';
import { mutate } from '../mutate';
import { check, valueOf, type Target } from '../target';

export const message: Target = { inputs: 30, play };

function play(random: Random): void {
  const said = honestMessages(random).map((each) => encodeEnvelope({ cache: random.pick(['users', 'é', '__proto__']), message: each }));
  for (let i = 0; i < 30; i++) {
    const bytes = mutate(random, random.pick(said), said);
    const envelope = valueOf(() => decodeEnvelope(bytes), 'ERR_CLUSTER_CACHE_PROTOCOL');
    if (envelope === undefined) continue;
    check(envelope.cache !== '', 'a message about no cache');
    check(isDeepStrictEqual(decodeEnvelope(encodeEnvelope(envelope)), envelope), 'what was read reads otherwise when written again');
  }
}

/** One message of each type. */
export function honestMessages(random: Random): Message[] {
  const epoch = { number: random.int(3), founder: random.pick(['', 'a', 'b']) };
  const token = random.int(1000);
  const bytes = (): Uint8Array => Uint8Array.from({ length: random.int(30) }, () => random.int(256));
  return [
    { type: 'state', epoch, replicaId: 'evil', vector: bytes(), token, isMirrored: random.chance(0.5), isDeferred: random.chance(0.3), isPersistent: true },
    { type: 'sync', epoch, token, isComplete: random.chance(0.5), isInformed: random.chance(0.5), update: bytes() },
    { type: 'complete', token },
    { type: 'none', token },
    { type: 'update', epoch, update: bytes() },
    { type: 'compare', epoch, vector: bytes(), entries: random.int(100) },
    { type: 'flush', token, isDurable: random.chance(0.5), vector: random.chance(0.5) ? bytes() : new Uint8Array() },
    { type: 'flushed', token, problem: random.pick(['', 'disk full']) },
    { type: 'declined', token },
    { type: 'leave' },
  ];
}
