/** Two hundred processes are killed at any moment; a ledger outside has what they had flushed. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

const KILLS = 200;
const MINUTE_MS = 60_000;

let child: ChildProcessByStdio<null, Readable, Readable> | undefined;
afterAll(() => child?.kill());

test(
  `after ${KILLS} kills no flushed write is missing, no expired value is seen, and all show the same`,
  async () => {
    child = spawn(process.execPath, [join(__dirname, '../../torture/kills.js'), '--kills', String(KILLS)], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const status = await new Promise((resolve) => child!.once('close', resolve));
    expect(output).toMatch(/\n?\d{3} kills, \d+ processes, \d+ of which flushed; 0 faults\n$/);
    expect(status).toBe(0);
  },
  8 * MINUTE_MS,
);
