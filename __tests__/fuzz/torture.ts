/** `npm run torture -- fuzz [--count N] [--target T] [--seed S]`: N broken inputs, shared among the targets. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { targets } from './targets';
import { fuzz } from './watch';

const { values } = parseArgs({
  options: { count: { type: 'string' }, target: { type: 'string' }, seed: { type: 'string' } },
});
const [count, seed] = [Number(values.count ?? 1_000_000), Number(values.seed ?? 1)];
if (!Number.isSafeInteger(count) || !Number.isSafeInteger(seed) || count < 1) {
  throw new RangeError('--count and --seed take whole numbers');
}
const names = values.target === undefined ? Object.keys(targets) : [values.target];
const childFile = join(__dirname, 'child.js');
let failures = 0;

async function run(): Promise<void> {
  for (const name of names) {
    const startedAt = performance.now();
    try {
      const { inputs, maxRss, disagreements } = await fuzz(childFile, name, seed, Math.ceil(count / names.length));
      const rate = inputs / ((performance.now() - startedAt) / 1000);
      const shares = disagreements === 0 ? '' : `, ${(100 * disagreements).toFixed(2)} % of rounds differed until written again`;
      console.log(`${name}: ${inputs} inputs, ${rate.toFixed(0)} a second, ${(maxRss / 1024 ** 2).toFixed(0)} MiB at most${shares}`);
    } catch (error) {
      failures++;
      console.error(error instanceof Error ? error.message : error);
    }
  }
}

void run().then(() => {
  if (failures > 0) process.exitCode = 1;
});
