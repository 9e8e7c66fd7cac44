/** All kinds of processes and threads of an application hold the same data. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CacheStats, ManagerEvent } from '../../lib/index';
import { newDirectory, openAll, readFile, runScript, startFamily, startFork, startForks, startThread, until, type Member } from './harness';

test('forks, threads, ESM entries, cluster workers and scripts share one cache', async () => {
  const path = newDirectory();
  const [workers, children] = await Promise.all([startFamily('cluster', 2), startFamily('fork', 1)]);
  const members = [startFork(), startFork('member.mjs'), startThread(), startThread(), ...workers.children, ...children.children];
  await openAll(members, path);
  await Promise.all(members.map((member, i) => member.ask('set', `members.m${i}`, i)));
  const script = await runScript({ path }, [['sync'], ['get', 'members'], ['set', 'script', 'was here']]);
  const expected = Object.fromEntries(members.map((_, i) => [`m${i}`, i]));
  expect(script).toMatchObject({ code: 0, stderr: '' });
  await Promise.all(members.map((member) => member.shows('script', 'was here')));
  for (const member of members) expect(await member.ask('get', 'members')).toEqual(expected);
  // The writes were not flushed, so the script may have come too early for some of them.
  expect(expected).toMatchObject(script.lines[1] as object);
  for (const member of members) expect(member.heard('error')).toEqual([]);
});

test('sync in every worker of a cluster, all started at the same moment, resolves', async () => {
  const path = newDirectory();
  const { children } = await startFamily('cluster', 8);
  await openAll(children, path);
  await Promise.all(children.map(async (worker, i) => {
    await worker.ask('set', `w.${i}`, i);
    await worker.ask('flush');
  }));
  // What was flushed is with every connected process.
  for (const worker of children) expect(Object.keys((await worker.ask('get', 'w')) as object)).toHaveLength(8);
  for (const worker of children) expect(worker.heard('error')).toEqual([]);
});

test('eight processes started at the same moment all hold each other\'s writes', async () => {
  const path = newDirectory();
  const startedAt = Date.now();
  const members = startForks(8);
  const times = members.map(async (member, i) => {
    // None of these waits for the one before: they are on their way while the process starts.
    const done = [member.ask('open', 'c', { path }), member.ask('set', `w.${i}`, i), member.ask('holds', 'w', 8)];
    return Number((await Promise.all(done))[2]);
  });
  const lastMs = Math.max(...(await Promise.all(times))) - startedAt;
  process.stderr.write(`eight processes hold each other's writes ${lastMs} ms after the first fork\n`);
  for (const member of members) expect(member.heard('error')).toEqual([]);
});

test('all agree after concurrent writes by all', async () => {
  const path = newDirectory();
  const members = startForks(5);
  await openAll(members, path);
  for (let round = 0; round < 3; round++) {
    await Promise.all(members.map((member, i) => member.ask('scramble', 10 * round + i, 300)));
    await Promise.all(members.map((member, i) => member.ask('set', `own.m${i}`, round)));
    await Promise.all(members.map((member) => member.ask('flush')));
    const views = await Promise.all(members.map((member) => member.ask('get', [])));
    for (const view of views) expect(view).toEqual(views[0]);
    expect((views[0] as { own: object }).own).toEqual({ m0: round, m1: round, m2: round, m3: round, m4: round });
  }
  const last = await members[0]!.ask('get', []);
  await Promise.all(members.map((member) => member.ask('close')));
  expect(await readFile(path, [])).toEqual(last);
});

test('caches in two directories do not mix', async () => {
  const paths = [newDirectory(), newDirectory()];
  const members = startForks(2);
  await Promise.all(members.map((member, i) => openAll([member], paths[i]!)));
  await Promise.all(members.map((member, i) => member.ask('set', 'a', i)));
  await Promise.all(members.map((member) => member.ask('flush')));
  await Promise.all(members.map((member) => member.ask('sync')));
  expect(await Promise.all(members.map((member) => member.ask('get', 'a')))).toEqual([0, 1]);
  expect(members.flatMap((member) => member.heard('peer'))).toEqual([]);
  await Promise.all(members.map((member) => member.ask('close')));
  expect([await readFile(paths[0]!, 'a'), await readFile(paths[1]!, 'a')]).toEqual([0, 1]);
});

test('two names in one directory do not mix', async () => {
  const path = newDirectory();
  const members = startForks(4);
  const nameOf = (i: number): string => (i % 2 === 0 ? 'even' : 'odd');
  await Promise.all(members.map((member, i) => openAll([member], path, {}, nameOf(i))));
  await members[0]!.ask('set', 'a', 'even');
  await members[1]!.ask('set', 'a', 'odd');
  await Promise.all(members.map((member) => member.ask('flush')));
  for (const [i, member] of members.entries()) await member.shows('a', nameOf(i));
  // A process that opens the other name is no peer.
  for (const member of members) expect(member.heard('peer')).toHaveLength(1);
  await Promise.all(members.map((member) => member.ask('close')));
  expect(readdirSync(path).sort()).toEqual(['even.db', 'odd.db']);
});

test('processes in different directories meet in a common socket directory', async () => {
  const paths = [newDirectory(), newDirectory()];
  const socketDirectory = join(newDirectory(), 's');
  const members = startForks(2);
  await Promise.all(members.map((member, i) => openAll([member], paths[i]!, { socketDirectory })));
  await members[0]!.ask('set', 'a', 1);
  await members[1]!.shows('a', 1);
});

test('with persist: false there is no file, and a process that keeps one saves for the others', async () => {
  const path = newDirectory();
  const members = startForks(2);
  await openAll(members, path, { persist: false });
  await members[0]!.ask('set', 'a', 1);
  await members[0]!.ask('flush');
  expect(await members[1]!.ask('get', 'a')).toBe(1);
  expect(readdirSync(path)).toEqual([]);

  const keeper = startFork();
  await openAll([keeper], path);
  await members[1]!.ask('set', 'b', 2);
  await members[1]!.ask('flush');
  expect(await keeper.ask('get', [])).toEqual({ a: 1, b: 2 });
  await Promise.all(members.map((member) => member.ask('close')));
  await until('the file', () => existsSync(join(path, 'c.db')));
  await keeper.kill();
  // Nothing was said about disk: the keeper has written only what it had when it took office.
  expect(await readFile(path, 'a')).toBe(1);
});

test('where nobody keeps a file there is a manager all the same, and another when it is gone', async () => {
  const path = newDirectory();
  const members = startForks(3);
  await openAll(members, path, { persist: false });
  const managers = async (): Promise<Member[]> => {
    const stats = (await Promise.all(members.map((member) => member.ask('stats')))) as CacheStats[];
    return members.filter((_, i) => stats[i]!.manager);
  };
  while (members.length > 0) {
    let manager: Member | undefined;
    // Who is the manager may change until all have heard of each other.
    await until('all name the one who says it is', async () => {
      const found = await managers();
      if (found.length !== 1) return false;
      manager = found[0];
      const pid = await manager!.ask('pid');
      return members.every((member) => {
        const last = member.heard('manager').at(-1) as ManagerEvent | undefined;
        return last !== undefined && last.manager.pid === pid && last.isSelf === (member === manager);
      });
    });
    members.splice(members.indexOf(manager!), 1);
    await manager!.kill();
  }
  expect(readdirSync(path)).toEqual([]);
});

test('keepers save what processes without a file have set', async () => {
  const path = newDirectory();
  const [memory, keeper] = startForks(2);
  await openAll([memory!], path, { persist: false });
  await openAll([keeper!], path);
  await memory!.ask('set', 'a', 1);
  await memory!.ask('flush');
  await keeper!.ask('close');
  expect(await keeper!.ask('property', 'closed')).toBe(true);
  await memory!.ask('close');
  expect(await readFile(path, 'a')).toBe(1);
});
