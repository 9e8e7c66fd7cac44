/** Snapshots on disk: whatever fails while one is replaced, one good snapshot remains. */
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';

import { nodeDisk } from '../../lib/storage/disk';
import type { Disk, DiskOperations } from '../../lib/storage/disk';
import type { EncodedSnapshot } from '../../lib/storage/snapshot';
import { Store } from '../../lib/storage/store';
import {
  asUser, failing, faultyDisk, folder, names, onDisk, onlyWithModes, put, snapshotOf, storageError, systemError, truncating,
  valuesIn,
} from './folder';

/** A store that has loaded what is there. */
async function storeOn(disk: Disk = nodeDisk, filename = folder.filename): Promise<Store> {
  await new Store({ filename }).load();
  const store = new Store({ filename, fs: disk });
  await store.load();
  return store;
}

/** Runs a test with both ways to save. */
const ways = [
  ['save', (store: Store, snapshot: EncodedSnapshot) => store.save(snapshot)],
  [
    'saveSync',
    // eslint-disable-next-line @typescript-eslint/require-await
    async (store: Store, snapshot: EncodedSnapshot) => store.saveSync(snapshot),
  ],
] as const;

describe.each(ways)('%s', (_way, save) => {
  test('what was saved is loaded, and nothing else stays behind', async () => {
    const store = await storeOn();
    expect(await save(store, snapshotOf(1))).toBe(true);
    expect(await save(store, snapshotOf(2))).toBe(true);
    expect(names()).toEqual(['x.db']);
    const loaded = await new Store({ filename: folder.filename }).load();
    expect([valuesIn(loaded), loaded.problems, loaded.isSynced]).toEqual([[2], [], true]);
  });

  test('makes the directories that are missing', async () => {
    const deep = join(folder.directory, 'a', 'b', 'x.db');
    await save(await storeOn(nodeDisk, deep), snapshotOf(1));
    expect(onDisk(deep)).toBe(1);
  });

  onlyWithModes('only the user may read the file', async () => {
    await save(await storeOn(), snapshotOf(1));
    expect(fs.statSync(folder.filename).mode & 0o777).toBe(0o600);
  });

  test('a truncated file is noticed, and takes the place of nothing', async () => {
    put(folder.filename, 1);
    const before = fs.statSync(folder.filename).ino;
    const store = await storeOn(faultyDisk(truncating));
    await expect(save(store, snapshotOf(2))).rejects.toEqual(storageError);
    expect(onDisk()).toBe(1);
    expect(fs.statSync(folder.filename).ino).toBe(before);
    expect(names()).toEqual(['x.db']);
    expect(await store.hasForeignFile()).toBe(false);
  });

  test('a flipped byte in what is read back is noticed', async () => {
    const writeFile: DiskOperations['writeFile'] = (path, bytes) => {
      const flipped = Uint8Array.from(bytes);
      flipped[flipped.length - 1]! ^= 1;
      nodeDisk.sync.writeFile(path, flipped);
    };
    put(folder.filename, 1);
    await expect(save(await storeOn(faultyDisk({ writeFile })), snapshotOf(2))).rejects.toEqual(storageError);
    expect(onDisk()).toBe(1);
  });

  test.each(['writeFile', 'syncDirectory', 'readFile', 'stat', 'mkdir', 'rename'] as const)(
    'an error of %s leaves a good file and has a cause',
    async (operation) => {
      put(folder.filename, 1);
      let isBroken = false;
      const fault = (...args: unknown[]): unknown => {
        if (isBroken) throw systemError('EIO');
        return Reflect.apply(nodeDisk.sync[operation], undefined, args) as unknown;
      };
      const store = await storeOn(faultyDisk({ [operation]: fault }));
      isBroken = true;
      const outcome = await save(store, snapshotOf(2)).catch((error: unknown) => error);
      if (outcome !== true) {
        expect(outcome).toEqual(storageError);
        expect((outcome as Error).cause).toHaveProperty('message');
      }
      isBroken = false;
      const loaded = await new Store({ filename: folder.filename }).load();
      expect([1, 2]).toContain(valuesIn(loaded)[0]);
      expect(loaded.problems).toEqual([]);
      expect(names()).toEqual(['x.db']);
    },
  );

  test('what somebody else has written is not replaced unread', async () => {
    const store = await storeOn();
    put(folder.filename, 9);
    expect(await save(store, snapshotOf(2))).toBe(false);
    expect([onDisk(), names()]).toEqual([9, ['x.db']]);
    expect(await store.hasForeignFile()).toBe(true);
    await store.load();
    expect(await save(store, snapshotOf(2))).toBe(true);
    expect(onDisk()).toBe(2);
  });

  test('nor what comes while the new file is written', async () => {
    put(folder.filename, 1);
    const writeFile: DiskOperations['writeFile'] = (path, bytes) => {
      nodeDisk.sync.writeFile(path, bytes);
      nodeDisk.sync.writeFile(folder.filename, snapshotOf(9).bytes);
    };
    expect(await save(await storeOn(faultyDisk({ writeFile })), snapshotOf(2))).toBe(false);
    expect([onDisk(), names()]).toEqual([9, ['x.db']]);
  });

  test('the directory is synced after the file has its name', async () => {
    const deep = join(folder.directory, 'a', 'b', 'x.db');
    const synced: string[] = [];
    const syncDirectory: DiskOperations['syncDirectory'] = (path) => {
      if (fs.existsSync(deep)) synced.push(path);
    };
    await save(await storeOn(faultyDisk({ syncDirectory }), deep), snapshotOf(1));
    expect(synced).toEqual([dirname(deep), join(folder.directory, 'a'), folder.directory]);
  });

  test('a directory that cannot be synced is no failure, but one that fails to be is', async () => {
    expect(await save(await storeOn(faultyDisk({ syncDirectory: failing('EINVAL') })), snapshotOf(1))).toBe(true);
    const store = await storeOn(faultyDisk({ syncDirectory: failing('EIO') }));
    await expect(save(store, snapshotOf(2))).rejects.toEqual(storageError);
  });

  test('a path that leads through a file is refused cleanly', async () => {
    put(folder.filename, 1);
    const store = await storeOn(nodeDisk, join(folder.filename, 'y.db'));
    await expect(save(store, snapshotOf(2))).rejects.toEqual(storageError);
    expect(names()).toEqual(['x.db']);
  });

  onlyWithModes('a read-only directory is refused cleanly', async () => {
    await asUser(async () => {
      put(folder.filename, 1);
      const store = await storeOn();
      fs.chmodSync(folder.directory, 0o500);
      await expect(save(store, snapshotOf(2))).rejects.toEqual(storageError);
      fs.chmodSync(folder.directory, 0o700);
      expect([onDisk(), names()]).toEqual([1, ['x.db']]);
    });
  });

  onlyWithModes('a symbolic link stays one', async () => {
    fs.mkdirSync(join(folder.directory, 'elsewhere'));
    const target = join(folder.directory, 'elsewhere', 'y.db');
    put(target, 1);
    fs.symlinkSync(target, folder.filename);
    await expect(save(await storeOn(faultyDisk(truncating)), snapshotOf(2))).rejects.toEqual(storageError);
    expect(onDisk(target)).toBe(1);
    await save(await storeOn(), snapshotOf(3));
    expect(onDisk(target)).toBe(3);
    expect(fs.lstatSync(folder.filename).isSymbolicLink()).toBe(true);
    expect(fs.readdirSync(join(folder.directory, 'elsewhere'))).toEqual(['y.db']);
  });
});

describe('overlapping calls', () => {
  test('saves run one after the other, in the order of the calls', async () => {
    let running = 0;
    const async: Disk['async'] = {
      ...nodeDisk.async,
      writeFile: async (path, bytes) => {
        expect(++running).toBe(1);
        await nodeDisk.async.writeFile(path, bytes);
        running--;
      },
    };
    const store = await storeOn({ ...nodeDisk, async });
    await Promise.all([1, 2, 3, 4, 5].map((value) => store.save(snapshotOf(value))));
    expect([onDisk(), names()]).toEqual([5, ['x.db']]);
  });

  test('a save that fails does not hold up the next one', async () => {
    let isFirst = true;
    const writeFile: DiskOperations['writeFile'] = (path, bytes) => {
      if (isFirst) {
        isFirst = false;
        throw systemError('ENOSPC');
      }
      nodeDisk.sync.writeFile(path, bytes);
    };
    const store = await storeOn(faultyDisk({ writeFile }));
    const outcomes = await Promise.allSettled([store.save(snapshotOf(1)), store.save(snapshotOf(2))]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(onDisk()).toBe(2);
  });

  test('a look for foreign files waits for the save that is under way', async () => {
    const store = await storeOn();
    const [, hasForeign] = await Promise.all([store.save(snapshotOf(1)), store.hasForeignFile()]);
    expect(hasForeign).toBe(false);
  });

  test('of two stores that save at once, what one has saved the other does not undo unread', async () => {
    const stores = [await storeOn(), await storeOn()];
    for (let round = 1; round <= 20; round++) {
      await Promise.allSettled(stores.map((store, index) => store.save(snapshotOf(round * 2 + index))));
      const { updates, problems } = await new Store({ filename: folder.filename }).load();
      expect([problems, updates.length]).toEqual([[], 1]);
      await Promise.all(stores.map((store) => store.load()));
    }
  });
});

describe('remove', () => {
  test('by somebody else leaves nothing that is taken for damaged later', async () => {
    const store = await storeOn();
    await store.takeOver();
    await store.save(snapshotOf(1, store.generation));
    await (await storeOn()).remove();
    await store.takeOver();
    // A stranger's log, begun and not written.
    fs.writeFileSync(`${folder.filename}-log-0000000000000001`, '');
    const { problems } = await store.takeOver();
    await store.releaseLog();
    expect([problems, names().filter((name) => name.includes('damaged'))]).toEqual([[], []]);
  });

  test('removes all but what was kept aside', async () => {
    const store = await storeOn();
    await store.save(snapshotOf(1));
    await store.takeOver();
    const others = ['x.db-log-77', 'x.db.77', 'x.db.7.7', 'x.db-damaged-1', 'y.db', 'x.db-log-kept'];
    for (const name of others) fs.writeFileSync(join(folder.directory, name), '');
    await store.remove();
    expect(names()).toEqual(['x.db-damaged-1', 'x.db-log-kept', 'y.db']);
    expect(valuesIn(await store.load())).toEqual([]);
    await store.remove();
  });

  test('says when it could not', async () => {
    put(folder.filename, 1);
    const store = await storeOn(faultyDisk({ unlink: failing('EPERM') }));
    await expect(store.remove()).rejects.toEqual(storageError);
  });
});
