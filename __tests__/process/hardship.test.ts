/** What processes go through: a blocked event loop, a stopped manager, clocks that jump, no file descriptors left. */
import { countsIn, newDirectory, openAll, startFork, startForks, until, type Member } from './harness';

const onlyPosix = process.platform === 'win32' ? test.skip : test;
const hourMs = 3_600_000;

/** The one that all take for the manager, and the others. */
async function manager(members: readonly Member[]): Promise<[Member, ...Member[]]> {
  const pids = await Promise.all(members.map((member) => member.ask('pid')));
  let found: Member | undefined;
  await until('all name one manager', () => {
    const named = members.map((member) => (member.heard('manager').at(-1) as { manager: { pid: number } }).manager.pid);
    found = members[pids.indexOf(named[0])];
    return found !== undefined && named.every((pid) => pid === named[0]);
  });
  return [found!, ...members.filter((member) => member !== found)];
}

async function agree(members: readonly Member[]): Promise<void> {
  await until('all show the same', async () => {
    const shown = await Promise.all(members.map(async (member) => JSON.stringify(await member.ask('get', []))));
    return shown.every((one) => one === shown[0]);
  });
}

test('a manager that blocks its event loop for 5 s holds up nobody who does not wait for the disk', async () => {
  const path = newDirectory();
  const members = startForks(3);
  await openAll(members, path);
  const [blocked, a, b] = await manager(members);
  let isBlocked = true;
  const blocking = blocked.ask('block', 5_000).finally(() => (isBlocked = false));
  for (let i = 0; i < 10; i++) {
    await a!.ask('set', `a.${i}`, i);
    await b!.shows(`a.${i}`, i);
  }
  expect(isBlocked).toBe(true);
  // It is asked for the disk, and answers once it can.
  await b!.ask('flush');
  await blocking;
  for (const member of members) member.signal('SIGKILL');
  await Promise.all(members.map((member) => member.ended));
  expect(await countsIn(path)).toEqual({ a: 10 });
});

onlyPosix('a stopped manager keeps its office, and what was flushed meanwhile is on disk once it goes on', async () => {
  const path = newDirectory();
  const members = startForks(3);
  await openAll(members, path);
  const [stopped, a, b] = await manager(members);
  stopped.signal('SIGSTOP');
  await a!.ask('set', 'a', 1);
  await b!.shows('a', 1);
  let isFlushed = false;
  const flushing = a!.ask('flush').then(() => (isFlushed = true));
  await b!.ask('set', 'b', 2);
  await a!.shows('b', 2);
  expect(isFlushed).toBe(false);
  stopped.signal('SIGCONT');
  await flushing;
  await agree(members);
  expect(members.flatMap((member) => member.heard('error'))).toEqual([]);
});

test('clocks that jump an hour either way leave the writes in order', async () => {
  const path = newDirectory();
  const members = startForks(2);
  await openAll(members, path);
  const [a, b] = members;
  const steps: [Member, number][] = [[b!, hourMs], [a!, 0], [b!, -hourMs], [a!, -hourMs], [b!, 0], [a!, hourMs]];
  for (const [i, [writer, aheadMs]] of steps.entries()) {
    await writer.ask('setClock', aheadMs);
    // Later than all that it has seen, whatever its clock says.
    await writer.ask('set', 'x', i);
    await Promise.all(members.map((member) => member.shows('x', i)));
  }
  // By its own clock, each decides whether a value has expired.
  await b!.ask('setClock', 0);
  await a!.ask('setClock', 0);
  await a!.ask('set', 'short', 'yes', hourMs / 2);
  await b!.shows('short', 'yes');
  await b!.ask('setClock', hourMs);
  await b!.shows('short', null);
  await a!.shows('short', 'yes');
  expect(members.flatMap((member) => member.heard('error'))).toEqual([]);
});

onlyPosix('without file descriptors the cache works in memory and says so, and saves when there are some again', async () => {
  const path = newDirectory();
  const shell = { execPath: '/bin/sh', execArgv: ['-c', 'ulimit -n 80 && exec "$0" "$@"', process.execPath] };
  const poor = startFork('member.js', shell);
  await openAll([poor], path);
  // Not before: who has started first has the office.
  const [rich] = startForks(1);
  await openAll([rich!], path);
  await poor.ask('set', 'early', 1);
  expect(await poor.ask('exhaust')).toBeGreaterThan(10);
  await poor.ask('set', 'late', 1);
  // The link was there before.
  await rich!.shows('late', 1);
  const [keeper] = await manager([poor, rich!]);
  expect(keeper).toBe(poor);
  await expect(poor.ask('flush')).rejects.toMatchObject({ code: 'ERR_CLUSTER_CACHE_STORAGE' });
  expect(poor.heard('error')).toMatchObject([{ code: 'ERR_CLUSTER_CACHE_STORAGE' }]);
  await poor.ask('relieve');
  await rich!.ask('flush');
  for (const member of [poor, rich!]) member.signal('SIGKILL');
  await Promise.all([poor.ended, rich!.ended]);
  const [reader] = startForks(1);
  await openAll([reader!], path);
  expect(await reader!.ask('get', [])).toEqual({ early: 1, late: 1 });
});
