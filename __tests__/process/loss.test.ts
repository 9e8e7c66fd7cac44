/** The loss of processes: whoever is killed, the others go on, and nobody waits for the dead. */
import { readdirSync } from 'node:fs';
import { socketDirectory } from '../../lib/mesh/directory';
import { countsIn, newDirectory, openAll, readFile, startFamily, startFork, startForks, until, type Member } from './harness';

/** Far less than any patience of the library with a peer (10 s and more), far more than a busy machine needs. */
const promptMs = 5_000;

function managerOf(members: readonly Member[], pids: readonly number[]): number {
  const last = members[0]!.heard('manager').at(-1) as { manager: { pid: number } };
  return pids.indexOf(last.manager.pid);
}

test('kill -9 of any process, the manager included, delays nobody else', async () => {
  const path = newDirectory();
  const members = startForks(5);
  await openAll(members, path);
  for (let round = 0; members.length > 1; round++) {
    const peers = (await Promise.all(members.map((member) => member.ask('pid')))) as number[];
    // Alternately the manager and the last that is not.
    const manager = managerOf(members, peers);
    const victim = round % 2 === 0 ? manager : members.length - 1 - Number(manager === members.length - 1);
    const [dead] = members.splice(victim, 1);
    await dead!.ask('fill', `dead${round}`, 10);
    dead!.signal('SIGKILL');
    const killedAt = Date.now();
    await Promise.all(members.map((member, i) => member.ask('set', `round${round}.m${i}`, i)));
    await Promise.all(members.map((member) => member.ask('holds', `round${round}`, members.length)));
    expect(Date.now() - killedAt).toBeLessThan(promptMs);
    // Somebody else keeps the file now.
    await members[0]!.ask('flush');
    await dead!.ended;
  }
  for (const member of members) expect(member.heard('error')).toEqual([]);
  await Promise.all(members.map((member) => member.kill()));
  expect(Object.keys((await readFile(path, [])) as object)).toEqual(expect.arrayContaining(['round0', 'round3']));
});

test('what all had is in the file when all are killed after a flush', async () => {
  const path = newDirectory();
  const members = startForks(4);
  await openAll(members, path);
  await Promise.all(members.map((member, i) => member.ask('fill', `m${i}`, 20)));
  await Promise.all(members.map((member) => member.ask('flush')));
  for (const member of members) member.signal('SIGKILL');
  await Promise.all(members.map((member) => member.ended));
  expect(await countsIn(path)).toEqual({ m0: 20, m1: 20, m2: 20, m3: 20 });
});

test('a flush during which the manager is killed is kept by the next one', async () => {
  const path = newDirectory();
  const members = startForks(3);
  await openAll(members, path);
  const pids = (await Promise.all(members.map((member) => member.ask('pid')))) as number[];
  const [manager] = members.splice(managerOf(members, pids), 1);
  await Promise.all(members.map((member, i) => member.ask('fill', `m${i}`, 20, 100_000)));
  const flushes = members.map((member) => member.ask('flush'));
  manager!.signal('SIGKILL');
  await Promise.all(flushes);
  await Promise.all(members.map((member) => member.kill()));
  expect(await countsIn(path)).toEqual({ m0: 20, m1: 20 });
});

test.each(['fork', 'cluster'] as const)('children of a killed parent live on (%s)', async (mode) => {
  const path = newDirectory();
  const observer = startFork();
  const { parent, children } = await startFamily(mode, 3);
  await openAll([observer, ...children], path);
  await Promise.all(children.map((child) => child.ask('stay')));
  await Promise.all(children.map((child) => child.ask('echo')));
  parent.kill('SIGKILL');
  await until('the end of the parent', () => parent.signalCode !== null);
  // There is no channel to them any more but the cache itself.
  await observer.ask('set', 'ask', 'are you there?');
  await observer.ask('holds', 'answer', 3);
  expect(observer.heard('peer').filter((event) => (event as { type: string }).type === 'left')).toEqual([]);
});

test('workers that Node.js ends because their primary was killed leave a complete file', async () => {
  const path = newDirectory();
  const { parent, children } = await startFamily('cluster', 4);
  const observer = startFork();
  await openAll([observer, ...children], path);
  await Promise.all(children.map((child, i) => child.ask('fill', `m${i}`, 20)));
  await Promise.all(children.map((_, i) => observer.ask('holds', `m${i}`, 20)));
  await observer.kill();
  parent.kill('SIGKILL');
  await until('the file', () => readdirSync(path).includes('c.db'));
  await until('their end', async () => {
    const sockets = readdirSync(await socketDirectory(path));
    // The killed observer could not remove its own.
    return sockets.length <= 1;
  });
  expect(await countsIn(path)).toEqual({ m0: 20, m1: 20, m2: 20, m3: 20 });
});

test('a killed process that starts again has everything', async () => {
  const path = newDirectory();
  const [stays, dies] = startForks(2);
  await openAll([stays!, dies!], path);
  await dies!.ask('fill', 'before', 100);
  await stays!.ask('holds', 'before', 100);
  await dies!.kill();
  await stays!.ask('fill', 'meanwhile', 100);
  const again = startFork();
  await openAll([again], path);
  expect(await again.ask('get', [])).toEqual(await stays!.ask('get', []));
  // Nothing of the dead is left where processes meet.
  const sockets = await socketDirectory(path);
  await until('the removal', () => readdirSync(sockets).length === 2);
});
