/** `npm run simulate -- --seeds N [--seed S]`: plays N histories from seed S on; stops at the first fault. */
import { parseArgs } from 'node:util';
import { playHistory } from './history';

const { values } = parseArgs({ options: { seeds: { type: 'string' }, seed: { type: 'string' } } });
const first = Number(values.seed ?? 1);
const count = Number(values.seeds ?? (values.seed === undefined ? 1000 : 1));
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) {
  throw new RangeError('--seeds and --seed take whole numbers');
}

const startedAt = performance.now();
for (let seed = first; seed < first + count; seed++) {
  try {
    playHistory(seed);
  } catch (error) {
    console.error(error);
    console.error(`\nfailed; again with: npm run simulate -- --seed ${seed}`);
    process.exit(1);
  }
}
const seconds = (performance.now() - startedAt) / 1000;
console.log(`${count} seeds from ${first} held, ${(count / seconds).toFixed(0)} a second`);
