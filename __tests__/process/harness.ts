/**
 * What the tests with real processes share: conditions with a deadline, places in which caches meet, and
 * members that are driven over a channel. All that was begun here ends in `afterEach`.
 */
import { fork, spawn, type ChildProcess, type ForkOptions } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { CacheOptions } from '../../lib/index';
import { socketDirectory } from '../../lib/mesh/directory';

const deadlineMs = 30_000;
jest.setTimeout(120_000);

const cleanups: (() => unknown)[] = [];

/** Last one first, after each test. */
export function addCleanup(action: () => unknown): void {
  cleanups.push(action);
}

afterEach(async () => {
  for (let action = cleanups.pop(); action !== undefined; action = cleanups.pop()) await action();
});

/** Waits until the condition holds; fails with what it was about if it does not within the deadline. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, waitMs = deadlineMs): Promise<void> {
  const deadline = Date.now() + waitMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Waited in vain: ${what}`);
    await delay(10);
  }
}

async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  const abort = new AbortController();
  const late = delay(deadlineMs, undefined, { signal: abort.signal }).then(() => {
    throw new Error(`Waited in vain: ${what}`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    abort.abort();
    late.catch(() => undefined);
  }
}

/** A new data directory; it and the sockets of those who meet there are removed after the test. */
export function newDirectory(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'cc-')));
  addCleanup(async () => {
    rmSync(await socketDirectory(directory), { recursive: true, force: true });
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

export interface Told {
  readonly event: string;
  readonly detail: unknown;
}

type Answer = Told | { readonly id: number; readonly result?: unknown; readonly error?: object };

/** How one is told something, and ended. */
interface Channel {
  readonly post: (message: unknown) => void;
  readonly kill: (signal: NodeJS.Signals) => unknown;
  readonly ended: Promise<unknown>;
}

/** A process or thread that has, or will have, one cache open. */
export class Member {
  readonly told: Told[] = [];
  readonly ended: Promise<unknown>;
  readonly #channel: Channel;
  readonly #questions = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #lastId = 0;
  /** Why no answer comes any more. */
  #end: Error | null = null;

  constructor(connect: (onMessage: (message: unknown) => void) => Channel) {
    this.#channel = connect((message) => {
      this.#hear(message as Answer);
    });
    this.ended = this.#channel.ended.then((how) => {
      this.#end = new Error(`The member has ended: ${JSON.stringify(how)}`);
      for (const { reject } of this.#questions.values()) reject(this.#end);
      this.#questions.clear();
      return how;
    });
  }

  /** Has an operation of `serve.js`, or a method of its cache, called there. */
  ask(op: string, ...args: unknown[]): Promise<unknown> {
    const id = ++this.#lastId;
    const answer = new Promise<unknown>((resolve, reject) => {
      if (this.#end !== null) throw this.#end;
      this.#questions.set(id, { resolve, reject });
      this.#channel.post({ id, op, args });
    });
    return within(`${op} ${JSON.stringify(args).slice(0, 80)}`, answer);
  }

  /** As `ask`, where the member ends before it could answer. */
  tell(op: string, ...args: unknown[]): void {
    this.#channel.post({ id: 0, op, args });
  }

  /** Waits until it shows `value` at `path`. */
  async shows(path: string, value: unknown): Promise<void> {
    const wanted = JSON.stringify(value);
    let last = '';
    await until(`${path} is ${wanted}`, async () => (last = JSON.stringify(await this.ask('get', path))) === wanted).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}, but ${last}`);
      },
    );
  }

  /** Details of the events of that name so far. */
  heard(event: string): unknown[] {
    return this.told.filter((told) => told.event === event).map(({ detail }) => detail);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.signal(signal);
    await within('its end', this.ended);
  }

  signal(signal: NodeJS.Signals): void {
    this.#channel.kill(signal);
  }

  #hear(answer: Answer): void {
    if ('event' in answer) {
      this.told.push(answer);
      return;
    }
    const question = this.#questions.get(answer.id);
    this.#questions.delete(answer.id);
    if (answer.error === undefined) question?.resolve(answer.result);
    else question?.reject(Object.assign(new Error('in a member'), answer.error));
  }
}

const fixture = (name: string): string => join(__dirname, 'fixtures', name);

function endOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      resolve({ code, signal });
    });
  });
}

/** How a message is sent that may come too late for a process that was killed: its end tells, not an error of the channel. */
function postTo(child: ChildProcess): Channel['post'] {
  return (message) => child.connected && child.send(message as object, () => undefined);
}

/** A forked process, with a CommonJS or an ESM entry; it has no cache open yet. */
export function startFork(entry: 'member.js' | 'member.mjs' = 'member.js', options: ForkOptions = {}): Member {
  return new Member((onMessage) => {
    const child = fork(fixture(entry), options);
    child.on('message', onMessage);
    const ended = endOf(child);
    addCleanup(() => {
      child.kill('SIGKILL');
      return ended;
    });
    return { post: postTo(child), kill: (signal) => child.kill(signal), ended };
  });
}

export function startForks(count: number): Member[] {
  return Array.from({ length: count }, () => startFork());
}

export function startThread(): Member {
  return new Member((onMessage) => {
    const worker = new Worker(fixture('member.js'));
    worker.on('message', onMessage);
    addCleanup(() => worker.terminate());
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    // Not `kill`: the thread's process is this one.
    return { post: (message) => worker.postMessage(message), kill: () => worker.terminate(), ended };
  });
}

/** A parent that never loads the library, and its children. */
export interface Family {
  readonly parent: ChildProcess;
  readonly children: Member[];
}

/** Starts members as cluster workers, or forked children, of a process that never loads the library. */
export async function startFamily(mode: 'cluster' | 'fork', count: number): Promise<Family> {
  const parent = fork(fixture('parent.js'), [mode, String(count)]);
  const post = postTo(parent);
  const ended = endOf(parent);
  const listeners: ((message: unknown) => void)[] = [];
  let pids: number[] = [];
  addCleanup(async () => {
    for (const pid of pids) killQuietly(pid, 'SIGKILL');
    parent.kill('SIGKILL');
    await ended;
  });
  const children = Array.from({ length: count }, (_, to) => {
    return new Member((onMessage) => {
      listeners.push(onMessage);
      return {
        post: (message) => {
          post({ to, message });
        },
        kill: (signal) => killQuietly(pids[to]!, signal),
        ended,
      };
    });
  });
  await new Promise<void>((resolve) => {
    parent.on('message', (message) => {
      if ('pids' in (message as object)) {
        const hello = message as unknown as { pids: number[]; isLoaded: boolean };
        pids = hello.pids;
        expect(hello.isLoaded).toBe(false);
        resolve();
      } else {
        const { from, message: inner } = message as unknown as { from: number; message: unknown };
        listeners[from]!(inner);
      }
    });
  });
  return { parent, children };
}

function killQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended before.
  }
}

/** How a script ended, and what it printed. */
export interface ScriptEnd {
  readonly code: number | null;
  readonly lines: unknown[];
  readonly stderr: string;
}

export type Step = readonly [op: string, ...args: unknown[]];

/** Runs a script with no channel to this process, which opens a cache and takes the steps. */
export async function runScript(options: CacheOptions, steps: readonly Step[], name = 'c'): Promise<ScriptEnd> {
  const job = JSON.stringify({ name, options, steps });
  const child = spawn(process.execPath, [fixture('script.js'), job], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  addCleanup(() => child.kill('SIGKILL'));
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const code = await within(
    `the end of a script: ${JSON.stringify(steps)}`,
    new Promise<number | null>((resolve) => child.once('close', resolve)),
  );
  const lines = stdout.split('\n').filter((line) => line !== '');
  return { code, lines: lines.map((line) => JSON.parse(line) as unknown), stderr };
}

/** What a process that starts now finds at `path`; it is the only one, so that is what the file holds. */
export async function readFile(directory: string, path: string | string[], name = 'c'): Promise<unknown> {
  const { lines, stderr } = await runScript({ path: directory }, [['sync'], ['get', path]], name);
  expect(stderr).toBe('');
  return lines[1];
}

/** As `readFile`: how many values are below each path of one segment. */
export async function countsIn(directory: string): Promise<unknown> {
  const { lines, stderr } = await runScript({ path: directory }, [['sync'], ['counts']]);
  expect(stderr).toBe('');
  return lines[1];
}

/** Opens one cache in all members at the same moment. */
export async function openAll(members: readonly Member[], path: string, options: CacheOptions = {}, name = 'c'): Promise<void> {
  await Promise.all(members.map((member) => member.ask('open', name, { path, ...options })));
  await Promise.all(members.map((member) => member.ask('sync')));
}
