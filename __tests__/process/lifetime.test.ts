/** How processes end and what they leave behind: every way to end, and the file that the next one finds. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Cache } from '../../lib/index';
import { countsIn, newDirectory, openAll, readFile, runScript, startFork, startForks, until, type Step } from './harness';

const set: Step = ['set', 'a', 1];

/** Ways to end in which the process is still asked for its last words, and the exit code of each. */
const ends: readonly (readonly [name: string, step: Step | null, code: number])[] = [
  ['ends by itself', null, 0],
  ['calls process.exit', ['exit', 3], 3],
  ['throws an error that nobody catches', ['throw'], 1],
  ['rejects a promise that nobody handles', ['reject'], 1],
];

test.each(ends)('a process that sets a value and %s right away leaves it in the file', async (_name, end, code) => {
  const path = newDirectory();
  const script = await runScript({ path }, end === null ? [set] : [set, end]);
  expect(script).toMatchObject({ code, lines: [1] });
  if (code !== 1) expect(script.stderr).toBe('');
  expect(await readFile(path, 'a')).toBe(1);
  expect(['c.db', 'c.db-log']).toEqual(expect.arrayContaining(readdirSync(path)));
});

test.each(ends)('a process that has joined, sets a value and %s tells the others', async (_name, end, code) => {
  const path = newDirectory();
  const peer = startFork();
  await openAll([peer], path);
  const steps: Step[] = [['sync'], set];
  expect(await runScript({ path }, end === null ? steps : [...steps, end])).toMatchObject({ code, lines: [null, 1] });
  await peer.shows('a', 1);
  await peer.ask('close');
  expect(await readFile(path, 'a')).toBe(1);
});

test.each(ends)('a process that has not read the file yet, sets a value and %s loses nothing of it', async (_name, end) => {
  const path = newDirectory();
  await runScript({ path }, [['set', 'old', 1], ['close']]);
  await runScript({ path }, end === null ? [set] : [set, end]);
  expect(await readFile(path, [])).toEqual({ old: 1, a: 1 });
});

test.each(ends)('a process that has not joined yet, sets a value and %s harms no file of the others', async (_name, end) => {
  const path = newDirectory();
  const peer = startFork();
  await openAll([peer], path);
  await peer.ask('set', 'old', 1);
  await peer.ask('flush');
  await runScript({ path }, end === null ? [set] : [set, end]);
  await peer.kill();
  expect(await readFile(path, [])).toEqual({ old: 1, a: 1 });
});

test('what a process sets right before process.exit is not lost, however large', async () => {
  const path = newDirectory();
  const peer = startFork();
  await openAll([peer], path);
  expect(await runScript({ path }, [['sync'], ['fill', 'large', 6, 1_000_000], ['exit', 0]])).toMatchObject({ code: 0 });
  // The others have it, or the file has it: what does not fit into the sockets is for the next who reads that.
  await peer.ask('set', 'small', { 0: true });
  await peer.ask('close');
  expect(await countsIn(path)).toEqual({ large: 6, small: 1 });
});

test.each(['sync', 'flush', 'close', 'destroy'])('a pending %s keeps the process until it has settled', async (method) => {
  const path = newDirectory();
  const peer = startFork();
  await openAll([peer], path);
  for (const options of [{ path }, { path: newDirectory() }]) {
    const script = await runScript(options, [set, [method]]);
    expect(script).toEqual({ code: 0, lines: [1, null], stderr: '' });
  }
});

test('a process that only reads ends by itself and writes nothing', async () => {
  const path = newDirectory();
  expect(await runScript({ path }, [['get', 'a']])).toEqual({ code: 0, lines: [null], stderr: '' });
  expect(readdirSync(path)).toEqual([]);
});

test('a process that dies without last words loses nothing that was flushed', async () => {
  const path = newDirectory();
  const script = await runScript({ path }, [set, ['flush'], ['set', 'b', 2], ['kill']]);
  expect(script).toMatchObject({ code: null, lines: [1, null, 2] });
  expect(await readFile(path, 'a')).toBe(1);
});

test('the last process out leaves a complete file', async () => {
  const path = newDirectory();
  const members = startForks(4);
  await openAll(members, path);
  for (const [i, member] of members.entries()) {
    await member.ask('fill', `m${i}`, 100);
    for (const later of members.slice(i)) later.tell('set', `late.m${i}`, true);
    await member.ask('close');
  }
  expect(await countsIn(path)).toEqual({ m0: 100, m1: 100, m2: 100, m3: 100, late: 4 });
});

test('when close has resolved, this process writes no more, although the manager left at that moment', async () => {
  const path = newDirectory();
  const manager = startFork();
  await openAll([manager], path);
  const cache = new Cache('c', { path });
  await cache.sync();
  cache.set('large', 'x'.repeat(5_000_000));
  await cache.flush();
  cache.set('a', 1);
  const closing = cache.close();
  // Blocked from the flush on, it hears at once that the manager has saved and that it has left.
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  const left = manager.ask('close');
  for (const begin = Date.now(); Date.now() - begin < 1_500; );
  await closing;
  await left;
  const { ino } = statSync(cache.filename);
  // Nothing tells when it would come; if it comes later it goes unnoticed.
  await delay(500);
  expect(statSync(cache.filename).ino).toBe(ino);
});

test('eight processes that close at the same moment leave a complete file', async () => {
  const path = newDirectory();
  const members = startForks(8);
  await openAll(members, path);
  await Promise.all(
    members.map(async (member, i) => {
      await member.ask('fill', `m${i}`, 50);
      await member.ask('close');
    }),
  );
  expect(await countsIn(path)).toEqual(Object.fromEntries(members.map((_, i) => [`m${i}`, 50])));
  expect(members.flatMap((member) => member.heard('error'))).toEqual([]);
  expect(readdirSync(path)).toEqual(['c.db']);
});

test('twenty short-lived processes that start at the same moment lose nothing and never crash', async () => {
  const path = newDirectory();
  const scripts = Array.from({ length: 20 }, (_, i) => runScript({ path }, [['set', `k.${i}`, i], ['close']]));
  for (const [i, script] of (await Promise.all(scripts)).entries()) {
    expect(script).toEqual({ code: 0, lines: [i, null], stderr: '' });
  }
  expect(await countsIn(path)).toEqual({ k: 20 });
});

test('twenty short-lived processes that end without closing lose nothing and never crash', async () => {
  const path = newDirectory();
  const scripts = Array.from({ length: 20 }, (_, i) => runScript({ path }, [['set', `k.${i}`, i]]));
  for (const script of await Promise.all(scripts)) expect(script).toMatchObject({ code: 0, stderr: '' });
  expect(await countsIn(path)).toEqual({ k: 20 });
});

test('processes that start while others end find all that was there', async () => {
  const path = newDirectory();
  await runScript({ path }, [['set', 'gone.0', 0], ['close']]);
  for (let i = 1; i <= 8; i++) {
    const [closing, opening] = await Promise.all([
      runScript({ path }, [['sync'], ['set', `gone.${i}`, i], ['close']]),
      runScript({ path }, [['sync'], ['get', 'gone'], ['close']]),
    ]);
    expect([closing.code, opening.code]).toEqual([0, 0]);
    // All from before this round; whether the write of this round as well is a matter of luck.
    expect(Object.keys(opening.lines[1] as object).length).toBeGreaterThanOrEqual(i);
  }
  expect(await countsIn(path)).toEqual({ gone: 9 });
});

test('what has expired is not seen after a restart', async () => {
  const path = newDirectory();
  await runScript({ path }, [['set', 'a.soon', 1, 300], ['set', 'a.late', 1, 3_600_000], ['set', 'a.never', 1], ['close']]);
  const closedAt = Date.now();
  await until('it has expired', () => Date.now() > closedAt + 300);
  expect(await readFile(path, 'a')).toEqual({ late: 1, never: 1 });
  expect(await readFile(path, 'a.soon')).toBeNull();
});

test('a value expires in every process at the same moment', async () => {
  const path = newDirectory();
  const members = startForks(3);
  await openAll(members, path);
  const ttl = 2_000;
  const before = Date.now();
  await members[0]!.ask('set', 'a.b', 1, ttl);
  const after = Date.now();
  await members[0]!.ask('flush');
  for (const member of members) {
    await until('it expires', async () => {
      const sample = (await member.ask('sample', 'a')) as { before: number; value: unknown; after: number };
      // The same rule in all processes, however late they are: there before, gone from then on.
      if (sample.after < before + ttl) expect(sample.value).toEqual({ b: 1 });
      if (sample.before > after + ttl) expect(sample.value).toBeNull();
      return sample.before > after + ttl;
    });
  }
});

test('processes that all exit at the same moment leave what both had in the file', async () => {
  const path = newDirectory();
  const members = startForks(2);
  await openAll(members, path);
  await members[0]!.ask('set', 'a', 1);
  await members[1]!.shows('a', 1);
  for (const member of members) member.tell('exit', 0);
  await Promise.all(members.map((member) => member.ended));
  expect(existsSync(join(path, 'c.db'))).toBe(true);
  expect(await readFile(path, 'a')).toBe(1);
});

test('processes that set values and exit at the same moment, without a word to each other, lose none', async () => {
  const path = newDirectory();
  for (const round of [0, 1]) {
    const members = startForks(4);
    await openAll(members, path);
    for (const [i, member] of members.entries()) {
      member.tell('fill', `r${round}m${i}`, 50);
      member.tell('exit', 0);
    }
    await Promise.all(members.map((member) => member.ended));
  }
  const names = [0, 1].flatMap((round) => [0, 1, 2, 3].map((i) => `r${round}m${i}`));
  expect(await countsIn(path)).toEqual(Object.fromEntries(names.map((name) => [name, 50])));
});
