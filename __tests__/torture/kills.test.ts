/** Kills: the short form of `npm run torture -- kills`. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

test('200 kills of processes at work lose no write that was flushed, and show nothing that has expired', () => {
  const script = join(__dirname, '..', '..', 'torture', 'kills.js');
  const { status, stdout } = spawnSync(process.execPath, [script, '--kills', '200'], { encoding: 'utf8', timeout: 400_000 });
  expect(stdout).toMatch(/^20\d kills, .*; 0 faults$/m);
  expect(status).toBe(0);
}, 420_000);
