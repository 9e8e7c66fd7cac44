/** Snapshots: before the checksums by their decoder, behind them by the replica that loads what they hold. */
import { parseSnapshot, SnapshotEncoder, type Snapshot } from '../../../lib/storage/snapshot';
import type { StoredUpdate } from '../../../lib/storage/records';
import type { Random } from '../../simulation/random';
import { forgeUpdate } from '../forge';
import { Honest } from '../honest';
import { mutate } from '../mutate';
import type { Target } from '../target';

export const snapshot: Target = { inputs: 40, play };

function play(random: Random): void {
  const honest = new Honest(random);
  const update = honest.a.encodeState();
  const file = encode([{ epoch: { number: 3, founder: 'b' }, update }]);
  for (let i = 0; i < 20; i++) {
    const parsed = parseSnapshot(mutate(random, file, [file, update]));
    if (typeof parsed !== 'string') load(honest, parsed);
  }
  for (let i = 0; i < 20; i++) {
    const number = random.pick([0, 0, 1, 5, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]);
    const payload = random.chance(0.5) ? mutate(random, update, honest.said) : forgeUpdate(random, honest.clocks());
    const epoch = { number, founder: random.pick(['', 'zz', '__proto__']) };
    load(honest, parseSnapshot(encode([{ epoch, update: payload }])) as Snapshot);
  }
  honest.checkConvergence();
}

function encode(updates: readonly StoredUpdate[]): Uint8Array {
  const encoder = new SnapshotEncoder(1);
  for (const each of updates) encoder.add(each);
  return encoder.finish().bytes;
}

function load(honest: Honest, { updates }: Snapshot): void {
  for (const { epoch, update } of updates) honest.load(epoch, [update]);
}
