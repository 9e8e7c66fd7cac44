/** The log that is appended to: its records on disk, and how it goes from one store to the next. */
import * as fs from 'node:fs';

import { nodeDisk } from '../../lib/storage/disk';
import type { Disk, DiskOperations } from '../../lib/storage/disk';
import type { LogFile } from '../../lib/storage/log-file';
import { Store } from '../../lib/storage/store';
import {
  failing, faultyDisk, folder, names, onlyWithModes, put, snapshotOf, storageError, updateOf, valuesIn,
} from './folder';

/** A store with a snapshot of its own, and an empty log. */
async function ownerOn(disk: Disk = nodeDisk, value = 1): Promise<{ store: Store; log: LogFile }> {
  const store = new Store({ filename: folder.filename, fs: disk });
  await store.load();
  await store.takeOver();
  expect(await store.save(snapshotOf(value, store.generation))).toBe(true);
  return { store, log: store.log! };
}

const read = async (): Promise<number[]> => valuesIn(await new Store({ filename: folder.filename }).load());

test('what was synced is loaded, in the order in which it was added', async () => {
  const { log } = await ownerOn();
  for (let value = 2; value <= 50; value++) log.add(updateOf(value));
  expect(await log.sync()).toBe(true);
  expect(log.isSynced).toBe(true);
  expect(await read()).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
});

onlyWithModes('only the user may read it', async () => {
  const { log } = await ownerOn();
  await log.sync();
  expect(fs.statSync(`${folder.filename}-log`).mode & 0o777).toBe(0o600);
});

test('calls that come while a sync is going on share the next one', async () => {
  let syncs = 0;
  let running = 0;
  const async: Disk['async'] = {
    ...nodeDisk.async,
    sync: async (descriptor) => {
      syncs++;
      expect(++running).toBe(1);
      await nodeDisk.async.sync(descriptor);
      running--;
    },
  };
  const { log } = await ownerOn({ ...nodeDisk, async });
  const waits: Promise<boolean>[] = [];
  for (let value = 2; value <= 20; value++) {
    log.add(updateOf(value));
    waits.push(log.sync());
  }
  expect(await Promise.all(waits)).toEqual(waits.map(() => true));
  expect(syncs).toBe(2);
  expect((await read()).length).toBe(20);
});

test('a disk that takes a few bytes at a time gets all of them', async () => {
  const write: DiskOperations['write'] = (descriptor, bytes, position) =>
    nodeDisk.sync.write(descriptor, bytes.subarray(0, 7), position);
  const { log } = await ownerOn(faultyDisk({ write }));
  for (let value = 2; value <= 5; value++) log.add(updateOf(value));
  expect(await log.sync()).toBe(true);
  expect(await read()).toEqual([1, 2, 3, 4, 5]);
});

test.each(['write', 'sync'] as const)('after a %s has failed, the log is never written or synced again', async (operation) => {
  const calls = { write: 0, sync: 0 };
  let isBroken = false;
  const counting = (name: 'write' | 'sync') => (...args: unknown[]): unknown => {
    calls[name]++;
    if (isBroken && name === operation) failing('EIO')();
    return Reflect.apply(nodeDisk.sync[name], undefined, args) as unknown;
  };
  const { log } = await ownerOn(faultyDisk({ write: counting('write'), sync: counting('sync') } as never));
  log.add(updateOf(2));
  expect(await log.sync()).toBe(true);
  isBroken = true;
  log.add(updateOf(3));
  await expect(log.sync()).rejects.toEqual(storageError);
  expect(log.hasFailed).toBe(true);
  isBroken = false;
  const before = { ...calls };
  log.add(updateOf(4));
  await expect(log.sync()).rejects.toEqual(storageError);
  await expect(log.write()).rejects.toEqual(storageError);
  expect(() => log.syncSync()).toThrow(storageError as Error);
  expect(calls).toEqual(before);
  expect((await read()).slice(0, 2)).toEqual([1, 2]);
});

test('a disk that takes nothing any more has failed', async () => {
  let isFull = false;
  const write: DiskOperations['write'] = (...args) => (isFull ? 0 : nodeDisk.sync.write(...args));
  const { log } = await ownerOn(faultyDisk({ write }));
  isFull = true;
  log.add(updateOf(2));
  await expect(log.write()).rejects.toEqual(storageError);
});

test('an exiting process writes what is being written once more, to the same place', async () => {
  let release = (): void => undefined;
  const async: Disk['async'] = {
    ...nodeDisk.async,
    write: async (...args) => {
      await new Promise<void>((resolve) => (release = resolve));
      return nodeDisk.async.write(...args);
    },
  };
  const { log } = await ownerOn({ ...nodeDisk, async });
  log.add(updateOf(2));
  const written = log.write();
  await new Promise(setImmediate);
  log.add(updateOf(3));
  expect(log.syncSync()).toBe(true);
  expect(await read()).toEqual([1, 2, 3]);
  release();
  await written;
  expect(await read()).toEqual([1, 2, 3]);
});

test('who takes over reads what was promised, and from then on nothing more is', async () => {
  const first = await ownerOn();
  first.log.add(updateOf(2));
  expect(await first.log.sync()).toBe(true);
  const second = new Store({ filename: folder.filename });
  await second.load();
  first.log.add(updateOf(3));
  expect(await first.log.sync()).toBe(true);
  const taken = await second.takeOver();
  expect(valuesIn(taken)).toEqual([1, 2, 3]);
  first.log.add(updateOf(4));
  expect(await first.log.sync()).toBe(false);
  expect(await first.store.hasForeignFile()).toBe(true);
  expect(await second.save(snapshotOf(9, second.generation))).toBe(true);
  expect(names()).toEqual(['x.db', 'x.db-log']);
  expect(await first.store.save(snapshotOf(4, first.store.generation))).toBe(false);
  expect(await read()).toEqual([9]);
});

test('who takes over what is known reads nothing again', async () => {
  const { log } = await ownerOn();
  log.add(updateOf(2));
  await log.sync();
  const readFile = jest.fn(nodeDisk.sync.readFile);
  const second = new Store({ filename: folder.filename, fs: faultyDisk({ readFile }) });
  await second.load();
  const reads = readFile.mock.calls.length;
  expect(valuesIn(await second.takeOver())).toEqual([]);
  expect(readFile.mock.calls.length).toBe(reads);
});

test('logs stay until a snapshot holds them', async () => {
  const { store, log } = await ownerOn();
  log.add(updateOf(2));
  expect(await store.rotate()).toBe(true);
  const next = store.log!;
  next.add(updateOf(3));
  expect(await next.sync()).toBe(true);
  expect(await read()).toEqual([1, 2, 3]);
  expect(names()).toHaveLength(3);
  await store.save(snapshotOf(4, store.generation));
  expect(names()).toEqual(['x.db', 'x.db-log']);
  expect(await read()).toEqual([4, 3]);
});

test('a log that somebody else has taken is not gone on from', async () => {
  const first = await ownerOn();
  await (await ownerOn(nodeDisk, 2)).log.sync();
  expect(await first.store.rotate()).toBe(false);
});

test.each(['create', 'rename', 'syncDirectory', 'statOpen'] as const)('a takeover whose %s fails loses nothing', async (operation) => {
  const { log } = await ownerOn();
  log.add(updateOf(2));
  await log.sync();
  let isBroken = false;
  const fault = (...args: unknown[]): unknown =>
    isBroken ? failing('EIO')() : (Reflect.apply(nodeDisk.sync[operation], undefined, args) as unknown);
  const second = new Store({ filename: folder.filename, fs: faultyDisk({ [operation]: fault }) });
  await second.load();
  isBroken = true;
  await expect(second.takeOver()).rejects.toEqual(storageError);
  expect(await read()).toEqual([1, 2]);
  isBroken = false;
  await second.takeOver();
  expect(await second.save(snapshotOf(3, second.generation))).toBe(true);
  expect(await read()).toEqual([3]);
});

test('a log all of which is in the snapshot goes when its owner ends', async () => {
  const { store } = await ownerOn();
  await store.removeLog();
  expect([names(), await read()]).toEqual([['x.db'], [1]]);
});

test('an owner that ends does not remove the log of who has taken over', async () => {
  const first = await ownerOn();
  const second = await ownerOn(nodeDisk, 2);
  second.log.add(updateOf(3));
  await second.log.sync();
  await first.store.removeLog();
  expect(await read()).toEqual([2, 3]);
  expect(await second.log.sync()).toBe(true);
});

describe('a foreign file', () => {
  test('is what was neither loaded nor written', async () => {
    const store = new Store({ filename: folder.filename });
    expect(await store.hasForeignFile()).toBe(false);
    await store.save(snapshotOf(1));
    expect(await store.hasForeignFile()).toBe(false);
    const other = new Store({ filename: folder.filename });
    expect(await other.hasForeignFile()).toBe(true);
    await other.load();
    expect(await other.hasForeignFile()).toBe(false);
    other.saveSync(snapshotOf(2));
    expect([await other.hasForeignFile(), await store.hasForeignFile()]).toEqual([false, true]);
  });

  test('is a log that was begun, or has grown, since it was loaded', async () => {
    const other = new Store({ filename: folder.filename });
    await other.load();
    const { log } = await ownerOn();
    expect(await other.hasForeignFile()).toBe(true);
    await other.load();
    log.add(updateOf(2));
    await log.write();
    expect(await other.hasForeignFile()).toBe(true);
    expect(valuesIn(await other.load())).toEqual([1, 2]);
    expect(await other.hasForeignFile()).toBe(false);
  });

  test('is none that is gone: there is nothing to merge', async () => {
    const store = new Store({ filename: folder.filename });
    await store.save(snapshotOf(1));
    fs.unlinkSync(folder.filename);
    expect(await store.hasForeignFile()).toBe(false);
  });

  test('is what nobody can be sure of where one cannot look', async () => {
    const store = new Store({ filename: folder.filename, fs: faultyDisk({ stat: failing('EACCES') }) });
    await expect(store.hasForeignFile()).rejects.toEqual(storageError);
  });
});

test('nothing is promised in a log whose snapshot is gone or was replaced', async () => {
  const { log } = await ownerOn();
  put(folder.filename, 9);
  log.add(updateOf(2));
  expect(await log.sync()).toBe(false);
  fs.unlinkSync(folder.filename);
  expect(await log.sync()).toBe(false);
});

test('who finds the log taken away has that on disk before it makes another', async () => {
  const done: string[] = [];
  const note =
    (name: 'rename' | 'syncDirectory' | 'create') =>
    (...args: unknown[]): never => {
      done.push(name);
      return Reflect.apply(nodeDisk.sync[name], undefined, args) as never;
    };
  const fs = faultyDisk({ rename: note('rename'), syncDirectory: note('syncDirectory'), create: note('create') });
  await new Store({ filename: folder.filename, fs }).takeOver();
  expect(done.slice(0, 3)).toEqual(['rename', 'syncDirectory', 'create']);
});
