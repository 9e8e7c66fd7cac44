/**
 * A hundred thousand broken inputs for all that reads bytes, in processes with a memory cap and a watchdog. As many
 * as anybody likes with `npm run torture -- fuzz --count N`.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { targets } from './targets';
import { fuzz } from './watch';

const root = join(__dirname, '../..');
const childFile = join(root, '.build/simulation/__tests__/fuzz/child.js');
/** Inputs for each target, 100,000 in all. */
const counts: Readonly<Record<string, number>> = {
  frame: 20_000, hello: 20_000, message: 20_000, snapshot: 10_000, update: 20_000, session: 10_000,
};

beforeAll(() => {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const run = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.simulation.json')], { encoding: 'utf8' });
  expect(run.stdout).toBe('');
}, 120_000);

test('every target is fuzzed, 100,000 inputs in all', () => {
  expect(Object.keys(counts).sort()).toEqual(Object.keys(targets).sort());
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(100_000);
});

test.each(Object.entries(counts))(
  '%s: each input ends in a value or in a documented error, and nobody is harmed',
  async (target, count) => {
    const verdict = await fuzz(childFile, target, 1, count);
    expect(verdict.inputs).toBeGreaterThanOrEqual(count);
    expect(verdict.disagreements).toBeLessThan(0.02);
  },
  180_000,
);
