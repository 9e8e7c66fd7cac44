/** Snapshots: before the checksum by their decoder, behind it by the replica that loads what they hold. */
import { decodeSnapshot, encodeSnapshot } from '../../../lib/storage/snapshot';
import type { Random } from '../../simulation/random';
import { forgeUpdate } from '../forge';
import { Honest } from '../honest';
import { mutate } from '../mutate';
import { valueOf, type Target } from '../target';

export const snapshot: Target = { inputs: 40, play };

function play(random: Random): void {
  const honest = new Honest(random);
  const update = honest.a.encodeState();
  const file = encodeSnapshot({ epoch: { number: 3, founder: 'b' }, update });
  for (let i = 0; i < 20; i++) {
    const bytes = mutate(random, file, [file, update]);
    const value = valueOf(() => decodeSnapshot(bytes), 'ERR_CLUSTER_CACHE_SNAPSHOT');
    if (value !== undefined) honest.load(value.epoch, value.update);
  }
  for (let i = 0; i < 20; i++) {
    const number = random.pick([0, 0, 1, 5, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]);
    const payload = random.chance(0.5) ? mutate(random, update, honest.said) : forgeUpdate(random, honest.clocks());
    const epoch = { number, founder: random.pick(['', 'zz', '__proto__']) };
    const value = decodeSnapshot(encodeSnapshot({ epoch, update: payload }));
    honest.load(value.epoch, value.update);
  }
  honest.checkConvergence();
}
