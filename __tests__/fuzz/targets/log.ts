/** Logs, before the checksums: of a damaged one, nothing is read that was not appended, nor in another order. */
import { beginLog, parseLog } from '../../../lib/storage/log';
import type { StoredUpdate } from '../../../lib/storage/records';
import type { Random } from '../../simulation/random';
import { join, mutate } from '../mutate';
import { check, type Target } from '../target';

export const log: Target = { inputs: 20, play };

const spell = ({ epoch, update }: StoredUpdate): string => `${epoch.number} ${epoch.founder} ${Buffer.from(update).toString('hex')}`;

function play(random: Random): void {
  const encoder = beginLog({ generation: random.int(5), base: random.int(5) });
  const appended = Array.from({ length: 1 + random.int(6) }, () => ({
    epoch: { number: random.int(3), founder: random.pick(['', 'a', 'é']) },
    update: Uint8Array.from({ length: random.int(60) }, () => random.int(256)),
  }));
  const records = appended.map((each) => encoder.encode(each));
  const whole = join(encoder.header, ...records);
  for (let i = 0; i < 20; i++) {
    const { header, updates } = parseLog(mutate(random, whole, [whole, ...records]));
    check(header !== null || updates.length === 0, 'records without a header');
    check(updates.every((each, n) => appended[n] !== undefined && spell(each) === spell(appended[n])), 'what was not appended came out');
  }
}
