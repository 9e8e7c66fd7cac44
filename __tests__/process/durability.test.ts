/** What is left when processes are killed, with and without a flush: the log at work between real processes. */
import { copyFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Cache } from '../../lib/index';
import { countsIn, newDirectory, openAll, readFile, startFork, startForks, until, type Member } from './harness';

function managerOf(members: readonly Member[], pids: readonly number[]): number {
  const last = members[0]!.heard('manager').at(-1) as { manager: { pid: number } };
  return pids.indexOf(last.manager.pid);
}

const logBytes = (path: string): number => statSync(join(path, 'c.db-log')).size;

test('kill -9 of all right after a flush loses nothing, and the flush writes no more than was set', async () => {
  const path = newDirectory();
  const members = startForks(3);
  await openAll(members, path);
  await members[0]!.ask('fill', 'much', 5_000);
  await members[0]!.ask('flush');
  const { ino } = statSync(join(path, 'c.db'));
  const before = logBytes(path);
  for (let round = 0; round < 5; round++) {
    await Promise.all(members.map((member, i) => member.ask('set', `m${i}.${round}`, round)));
    await Promise.all(members.map((member) => member.ask('flush')));
  }
  expect(statSync(join(path, 'c.db')).ino).toBe(ino);
  expect(logBytes(path) - before).toBeLessThan(20_000);
  for (const member of members) member.signal('SIGKILL');
  await Promise.all(members.map((member) => member.ended));
  expect(await countsIn(path)).toEqual({ much: 5_000, m0: 5, m1: 5, m2: 5 });
});

test('kill -9 of one manager after the other under load loses no write that was flushed', async () => {
  const path = newDirectory();
  const members = startForks(3);
  await openAll(members, path);
  /** How many writes of whom were flushed. */
  const ledger: Record<string, number> = {};
  for (let round = 0; round < 6; round++) {
    const pids = (await Promise.all(members.map((member) => member.ask('pid')))) as number[];
    const manager = managerOf(members, pids);
    const work = members.map(async (member, i) => {
      const name = `p${pids[i]!}`;
      for (let n = ledger[name] ?? 0; n < (ledger[name] ?? 0) + 20; n++) {
        await member.ask('set', [name, String(n)], n);
        await member.ask('flush');
        ledger[name] = n + 1;
        // The manager dies in the middle of somebody's flush.
        if (round + n % 20 >= 10 && i !== manager) members[manager]!.signal('SIGKILL');
        if (n % 20 === 19) return;
      }
    });
    const victim = members[manager]!;
    await Promise.allSettled(work);
    victim.signal('SIGKILL');
    await victim.ended;
    members.splice(manager, 1);
    members.push(startFork());
    await openAll([members.at(-1)!], path);
  }
  await Promise.all(members.map((member) => member.kill()));
  const counts = (await countsIn(path)) as Record<string, number>;
  expect(Object.keys(ledger).length).toBeGreaterThan(6);
  for (const [name, flushed] of Object.entries(ledger)) {
    expect({ name, isThere: (counts[name] ?? 0) >= flushed }).toEqual({ name, isThere: true });
  }
});

test('what was appended to the log is there when all are killed, without a flush', async () => {
  const path = newDirectory();
  const [manager, other] = startForks(2);
  await openAll([manager!], path);
  await openAll([other!], path);
  await manager!.ask('set', 'first', 1);
  await manager!.ask('flush');
  const before = logBytes(path);
  await other!.ask('fill', 'unflushed', 100, 1_000);
  // Nobody was asked to save, and no timer: the manager appends what it hears of.
  await until('the log has grown', () => logBytes(path) > before + 100_000);
  for (const member of [manager!, other!]) member.signal('SIGKILL');
  await Promise.all([manager!.ended, other!.ended]);
  expect(await countsIn(path)).toEqual({ first: 0, unflushed: 100 });
});

test('a log that has outgrown the snapshot is rewritten, and both give the same', async () => {
  const path = newDirectory();
  const cache = new Cache('c', { path });
  await cache.sync();
  cache.set('a', 0);
  await cache.flush();
  const { ino } = statSync(cache.filename);
  for (let round = 1; statSync(cache.filename).ino === ino; round++) {
    expect(round).toBeLessThan(200);
    cache.set('a', round);
    cache.set('large', String(round).repeat(20_000));
    await cache.flush();
  }
  await until('the old log is gone', () => logBytes(path) < 1024 * 1024);
  const last = cache.get<number>('a');
  await cache.flush();
  const copy = newDirectory();
  for (const name of ['c.db', 'c.db-log']) {
    copyFileSync(join(path, name), join(copy, name));
  }
  expect(await readFile(copy, 'a')).toBe(last);
  await cache.close();
  expect(await readFile(path, 'a')).toBe(last);
});

test.each(['always', 'everysec', 'no'] as const)('with durability %s a flush is on disk', async (durability) => {
  const path = newDirectory();
  const member = startFork();
  await openAll([member], path, { durability });
  await member.ask('set', 'a', 1);
  await member.ask('flush');
  await member.ask('set', 'b', 2);
  await member.ask('flush');
  await member.kill();
  expect(await readFile(path, [])).toEqual({ a: 1, b: 2 });
});
