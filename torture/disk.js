/**
 * Target `disk`: the crash histories of `__tests__/storage/crash.test.ts`, --count of each kind (20,000), from --seed on:
 * writes, syncs and renames are recorded, and what was not synced is dropped or torn.
 */
'use strict';

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { values } = parseArgs({
  options: { count: { type: 'string', default: '20000' }, seed: { type: 'string', default: '1' } },
});
const root = path.join(__dirname, '..');
const { status } = spawnSync(process.execPath, [require.resolve('jest/bin/jest'), '--testTimeout', '7200000', 'storage/crash'], {
  cwd: root,
  env: { ...process.env, CRASHES: values.count, CRASH_SEED: values.seed },
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
