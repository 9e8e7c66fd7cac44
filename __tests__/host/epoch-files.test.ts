/** A new epoch and the files: nothing that was flushed is lost while a large tree is looked through, or a file read. */
import { cpSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { SnapshotMaker } from '../../lib/host/snapshot-maker';
import { Store } from '../../lib/storage/store';
import { Bench } from '../core/replicas';
import { persistent, TestHost } from './hosts';

/** Ends turns until `promise` has settled. */
async function pump<T>(host: TestHost, promise: Promise<T>): Promise<T> {
  const state = { isOver: false };
  const end = (): void => void (state.isOver = true);
  promise.then(end, end);
  while (!state.isOver) {
    await nextTurn();
    host.endTurns(1);
  }
  return promise;
}

const keysOf = (host: TestHost, prefix: string): number =>
  Object.keys(host.cache.replica.get([]) as object).filter((key) => key.startsWith(prefix)).length;

test.each([
  ['looked through', 0],
  ['looked through to its end', Infinity],
])('a snapshot has what is overwritten while a new epoch is %s, as it was or as it is', async (_when, nodes) => {
  const host = new TestHost();
  const { cache } = host;
  const { replica } = cache;
  const gone = new Bench().create({ id: 'gone' });
  await pump(host, cache.sync());
  for (let i = 0; i < 3000; i++) (i % 2 === 0 ? replica : gone).set(`k${i}`, i);
  replica.receive([gone.commit()!]);
  cache.touch();
  await pump(host, cache.flush());
  const { filename } = persistent();
  const store = new Store({ filename: filename! });
  await store.load();
  const maker = new SnapshotMaker({ replica, commit: () => cache.commit() });
  await maker.save(store);

  replica.beginEpoch();
  replica.turnOver(nodes);
  for (let i = 0; i < 3000; i++) replica.set(`k${i}`, -i);
  cache.touch();
  await pump(host, maker.save(store));
  // Killed here: nothing but the file is left.
  const after = new Bench().create({ id: 'after' });
  for (const { epoch, update } of (await new Store({ filename: filename! }).load()).updates) after.load(epoch, [update]);
  expect(Object.keys(after.get([]) as object)).toHaveLength(3000);
  await cache.end();
});

test('a manager takes nobody for gone while it reads a file of a later epoch, of which more is to come', async () => {
  const other = new Bench().create({ id: 'o', now: Date.now });
  const files = persistent();
  // Collections follow each other faster than a file can be read, and what is away for so long is gone.
  const hasty = { gcInterval: 5, hasListeners: () => false, emit: () => undefined };
  // So large that it is still looked through when the first part of the file comes in.
  const mine = new TestHost(files);
  await pump(mine, mine.cache.sync());
  for (let i = 0; i < 40_000; i++) mine.cache.replica.set(`m${i}`, 0);
  other.set('old', 1);
  mine.cache.replica.receive([other.commit()!]);
  mine.cache.touch();
  await pump(mine, mine.cache.flush());
  // It has looked for files of others before.
  mine.cache.attach(hasty);
  await pump(mine, delay(100));
  mine.cache.detachUnlessLast(hasty);

  // Others go on in a later epoch, and leave their files in the place of ours.
  const theirFiles = persistent();
  const theirs = new TestHost(theirFiles);
  await pump(theirs, theirs.cache.sync());
  const epoch = { number: 1, founder: 'z' };
  for (const replica of [theirs.cache.replica, other]) replica.enterEpoch(epoch);
  theirs.cache.commit();
  await pump(theirs, theirs.cache.flush());
  for (let i = 0; i < 300; i++) {
    other.set(`o${i}`, i);
    theirs.cache.replica.receive([other.commit()!]);
  }
  await pump(theirs, theirs.cache.flush());
  cpSync(dirname(theirFiles.filename!), dirname(files.filename!), { recursive: true });

  mine.cache.attach(hasty);
  const read = async (): Promise<void> => {
    for (const end = performance.now() + 20_000; performance.now() < end && mine.cache.replica.get('o299') === undefined; ) await nextTurn();
  };
  await pump(mine, read());
  await pump(mine, mine.cache.flush());
  expect([mine.cache.replica.epoch, keysOf(mine, 'o')]).toEqual([epoch, 301]);
  await pump(mine, mine.cache.end());
  await pump(theirs, theirs.cache.end());
  const after = new TestHost(files);
  await pump(after, after.cache.sync());
  expect(keysOf(after, 'o')).toBe(301);
  await after.cache.end();
}, 60_000);
