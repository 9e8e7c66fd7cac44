/** The mesh between real processes, threads and cluster workers; they load dist/. */
import { fork, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { managerPid } from '../../lib/mesh/manager';
import { Cleanup, RecordingMesh, until } from './meshes';

interface Told {
  readonly id?: string;
  readonly event: string;
  readonly detail: string | string[];
}

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const fixture = (name: string): string => join(__dirname, 'fixtures', `${name}.js`);

async function started(directory: string, id: string): Promise<RecordingMesh> {
  const peer = new RecordingMesh(directory, id);
  cleanup.add(() => peer.mesh.close());
  await peer.mesh.start();
  return peer;
}

/** A process that is killed after the test, and what it tells. */
function child(name: string, ...args: string[]): { process: ChildProcess; told: Told[] } {
  const process = fork(fixture(name), args);
  const told: Told[] = [];
  process.on('message', (message) => told.push(message as Told));
  cleanup.add(() => process.kill('SIGKILL'));
  return { process, told };
}

const exited = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

async function kill(process: ChildProcess): Promise<void> {
  process.kill('SIGKILL');
  await until('the kill', () => exited(process));
}

test('a process that is killed is gone at once, and the next one removes its socket', async () => {
  const directory = cleanup.directory();
  const a = await started(directory, 'a');
  const b = child('peer', directory, 'b');
  await until('the link', () => a.ids.length === 1);
  await kill(b.process);
  await until('the end', () => a.ids.length === 0, 500);
  expect(a.errors).toEqual([]);
  expect(existsSync(join(directory, 'b.sock'))).toBe(true);
  const c = await started(directory, 'c');
  expect(c.ids).toEqual(['a']);
  await until('the removal', () => !existsSync(join(directory, 'b.sock')));
  expect(readdirSync(directory).sort()).toEqual(['a.sock', 'c.sock']);
});

test('messages travel between processes', async () => {
  const directory = cleanup.directory();
  const a = await started(directory, 'a');
  const b = child('peer', directory, 'b', 'echo');
  await until('the link', () => a.ids.length === 1);
  a.link('b').send(new Uint8Array(Buffer.from('hello')));
  await until('the echo', () => a.batches.length === 1);
  expect(a.batches).toEqual([['hello']]);
  expect(a.link('b').peer).toMatchObject({ id: 'b', pid: b.process.pid, threadId: 0 });
});

test('a process with links to others ends by itself', async () => {
  const directory = cleanup.directory();
  const a = await started(directory, 'a');
  // Its channel would hold it, so this one has none.
  const lone = spawn(process.execPath, [fixture('peer'), directory, 'lone', 'alone'], { stdio: 'inherit' });
  cleanup.add(() => lone.kill('SIGKILL'));
  await until('it ends', () => exited(lone));
  expect(lone.exitCode).toBe(0);
  await until('the end of its link', () => a.events.length === 2);
  expect(a.errors).toEqual([]);
});

test('a process that is referenced by its mesh stays until it is told otherwise', async () => {
  const directory = cleanup.directory();
  const a = await started(directory, 'a');
  const stays = spawn(process.execPath, [fixture('peer'), directory, 'stays', ''], { stdio: 'inherit' });
  cleanup.add(() => stays.kill('SIGKILL'));
  await until('the link', () => a.ids.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(exited(stays)).toBe(false);
});

test('a stopped process does not hold up those who start, and is linked when it goes on', async () => {
  const directory = cleanup.directory();
  const b = child('peer', directory, 'b');
  await until('its start', () => b.told.some(({ event }) => event === 'started'));
  b.process.kill('SIGSTOP');
  const startedAt = performance.now();
  const a = await started(directory, 'a');
  expect(performance.now() - startedAt).toBeLessThan(6_000);
  expect(a.ids).toEqual([]);
  b.process.kill('SIGCONT');
  await until('the link', () => a.ids.length === 1);
});

test('the workers of a cluster whose primary does not know the library find each other', async () => {
  const directory = cleanup.directory();
  const count = 6;
  const cluster = child('cluster', directory, String(count));
  cleanup.add(() => cluster.process.connected && cluster.process.disconnect());
  const links = (): string[] =>
    cluster.told.filter(({ event }) => event === 'link').map(({ id, detail }) => `${id} ${String(detail)}`);
  await until('the full mesh', () => new Set(links()).size === count * (count - 1));
  expect(links()).toHaveLength(count * (count - 1));
  expect(cluster.told.filter(({ event }) => event === 'error')).toEqual([]);
});

test('worker threads are peers of their own', async () => {
  const directory = cleanup.directory();
  const a = await started(directory, 'a');
  const workers = ['t1', 't2'].map((id) => {
    const worker = new Worker(fixture('peer'), { workerData: [directory, id, 'echo'] });
    cleanup.add(() => worker.terminate());
    return worker;
  });
  await until('the links', () => a.ids.length === 2);
  expect(a.link('t1').peer).toMatchObject({ pid: process.pid, threadId: workers[0]!.threadId });
  a.link('t2').send(new Uint8Array(Buffer.from('x')));
  await until('the echo', () => a.batches.length === 1);
  await workers[0]!.terminate();
  await until('the end', () => !a.ids.includes('t1'));
  expect(a.ids).toEqual(['t2']);
});

(process.getuid?.() === 0 ? test : test.skip)('the umask 0777 does not keep a user from his own sockets', async () => {
  const directory = join(cleanup.directory(), 'sockets');
  const user = { uid: 65534, gid: 65534 };
  chmodSync(join(directory, '..'), 0o777);
  const told: Told[] = [];
  for (const id of ['a', 'b']) {
    const process = fork(fixture('peer'), [directory, id, 'umask'], user);
    process.on('message', (message) => told.push(message as Told));
    cleanup.add(() => process.kill('SIGKILL'));
  }
  await until('the links', () => told.filter(({ event }) => event === 'link').length === 2);
  expect(told.filter(({ event }) => event === 'error')).toEqual([]);
});

test('the hint of manager-process is one process of several, and the same for all', async () => {
  const children = [1, 2, 3].map(() => child('manager'));
  await until('all run', () => children.every(({ told }) => told.length === 1));
  for (const { process } of children) process.send('ask');
  await until('all answer', () => children.every(({ told }) => told.length === 2));
  const ranks = children.map(({ told }) => (told[1] as unknown as { rank: number }).rank);
  expect(ranks.sort()).toEqual([0, 1, 1]);
});

test('asking manager-process keeps no process alive and prints nothing', async () => {
  // A `ps` that hangs, first in the path.
  const directory = cleanup.directory();
  const pidFile = join(directory, 'pid');
  writeFileSync(join(directory, 'ps'), `#!/bin/sh\necho $$ > ${pidFile}\nexec sleep 30\n`, { mode: 0o755 });
  const asking = spawn(process.execPath, [fixture('manager'), 'exit'], {
    env: { ...process.env, PATH: `${directory}:${process.env['PATH'] ?? ''}` },
  });
  let output = '';
  asking.stdout.on('data', (chunk) => (output += String(chunk)));
  asking.stderr.on('data', (chunk) => (output += String(chunk)));
  await until('it ends', () => exited(asking));
  expect([asking.exitCode, output]).toEqual([0, '']);
  // It has not waited for what it started, which is still there, and must not outlive the test.
  await until('it runs', () => existsSync(pidFile) && readFileSync(pidFile, 'utf8').endsWith('\n'));
  process.kill(Number(readFileSync(pidFile, 'utf8')));
});

test('without ps the rank is 1', async () => {
  const asking = child('manager', 'without-ps');
  await until('it runs', () => asking.told.length === 1);
  asking.process.send('ask');
  await until('the answer', () => asking.told.length === 2);
  expect(asking.told[1]).toMatchObject({ rank: 1 });
});

test('under an ESM entry the rank is 1', () => {
  const script = `import { askManagerProcess } from ${JSON.stringify(join(__dirname, '../../dist/mesh/manager.js'))};
    console.log(await askManagerProcess());`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect([run.stdout, run.stderr]).toEqual(['1\n', '']);
});

test('the manager is computed as manager-process does, with oneself in the list', () => {
  const [primary, first, second] = [{ pid: 10, ppid: 1 }, { pid: 11, ppid: 10 }, { pid: 12, ppid: 10 }];
  expect(managerPid([primary, second], first)).toBe(11);
  expect(managerPid([primary, first], second)).toBe(11);
  expect(managerPid([second], first)).toBe(11);
  expect(managerPid([], first)).toBe(11);
});
