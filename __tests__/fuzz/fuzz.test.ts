/**
 * A hundred thousand broken inputs for all that reads bytes, and some thousand odd paths and values, in processes with
 * a memory cap and a watchdog. As many as anybody likes with `npm run torture -- fuzz --count N`.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { targets } from './targets';
import { fuzz } from './watch';

const root = join(__dirname, '../..');
const childFile = join(root, '.build/simulation/__tests__/fuzz/child.js');
/** Inputs for each target: 100,000 for those that read bytes, and as many paths and values as there is time for. */
const counts: Readonly<Record<string, number>> = {
  frame: 15_000, hello: 15_000, message: 20_000, snapshot: 10_000, log: 10_000, update: 20_000, session: 10_000, paths: 20_000,
};

beforeAll(() => {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const run = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.simulation.json')], { encoding: 'utf8' });
  expect(run.stdout).toBe('');
}, 120_000);

test('every target is fuzzed, 120,000 inputs in all', () => {
  expect(Object.keys(counts).sort()).toEqual(Object.keys(targets).sort());
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(120_000);
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
