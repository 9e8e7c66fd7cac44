/** Runs the fuzzed process under a memory cap and a watchdog. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { targets } from './targets';

/** The cap on the heap: one input that makes Yjs set room aside for what it claims exceeds it. */
const HEAP_MB_MAX = 96;
/** What the process may take in all, in bytes: the heap, the code, and a few large buffers. */
const RSS_MAX = 400 * 1024 ** 2;
/** A round takes milliseconds; one that takes as long as this, on however busy a machine, hangs. */
const ROUND_MS_MAX = 60_000;
const LOOK_MS = 500;

export interface Verdict {
  readonly inputs: number;
  /** Largest resident memory, in bytes. */
  readonly maxRss: number;
  /** Share of the rounds after which two honest replicas differed until what a liar had touched was written again. */
  readonly disagreements: number;
}

/**
 * Feeds `target` with at least `count` inputs from `seed` on, in a process of its own. `childFile` is child.ts,
 * compiled. Rejects, naming the seed of the round, if the process dies, hangs, grows or finds a rule broken.
 */
export async function fuzz(childFile: string, target: string, seed: number, count: number): Promise<Verdict> {
  const directory = mkdtempSync(join(tmpdir(), 'fuzz-'));
  const progressFile = join(directory, 'progress');
  const rounds = Math.ceil(count / targets[target]!.inputs);
  const child = spawn(
    process.execPath,
    [`--max-old-space-size=${HEAP_MB_MAX}`, childFile, target, String(seed), String(rounds), progressFile],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let [output, errors, reached, stalledMs, isHung] = ['', '', '', 0, false];
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  child.stderr.on('data', (chunk) => (errors = (errors + String(chunk)).slice(-5000)));
  const readProgress = (): string => {
    try {
      return readFileSync(progressFile, 'utf8').trim();
    } catch {
      return '';
    }
  };
  const watchdog = setInterval(() => {
    const now = readProgress();
    stalledMs = now === reached ? stalledMs + LOOK_MS : 0;
    reached = now;
    if (stalledMs < ROUND_MS_MAX) return;
    isHung = true;
    child.kill('SIGKILL');
  }, LOOK_MS);
  try {
    const end = await new Promise<string>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(isHung ? 'hung' : code === 0 ? '' : `ended with ${signal ?? code}`));
    });
    const again = `again with: npm run torture -- fuzz --target ${target} --seed ${readProgress()} --count 1`;
    if (end !== '') throw new Error(`${target} ${end}\n${errors}\n${again}`);
    const verdict = JSON.parse(output) as Verdict;
    if (verdict.maxRss > RSS_MAX) throw new Error(`${target} has grown to ${verdict.maxRss} bytes`);
    return verdict;
  } finally {
    clearInterval(watchdog);
    rmSync(directory, { recursive: true, force: true });
  }
}
