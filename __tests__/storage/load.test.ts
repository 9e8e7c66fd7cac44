/** What a start makes of what it finds: whole files, torn ones, damaged ones, and what cannot be read. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { limits } from '../../lib/limits';
import { nodeDisk } from '../../lib/storage/disk';
import type { DiskOperations } from '../../lib/storage/disk';
import { beginLog } from '../../lib/storage/log';
import type { FileHeader } from '../../lib/storage/records';
import { FORMAT_VERSION } from '../../lib/storage/records';
import { Store } from '../../lib/storage/store';
import {
  failing, faultyDisk, folder, names, onDisk, onlyWithModes, put, snapshotError, snapshotOf, storageError, systemError,
  updateOf, valuesIn,
} from './folder';

const storeOn = (disk = nodeDisk): Store => new Store({ filename: folder.filename, fs: disk });
const aside = (kind: string): unknown => expect.stringMatching(new RegExp(`^x\\.db${kind}-\\d+$`));
const logName = (): string => `${folder.filename}-log`;

function logOf(header: FileHeader, values: readonly number[]): Uint8Array {
  const encoder = beginLog(header);
  return Buffer.concat([encoder.header, ...values.map((value) => encoder.encode(updateOf(value)))]);
}

test('a store does not hold on to what it has read', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  fs.writeFileSync(folder.filename, snapshotOf(2).bytes);
  const store = storeOn();
  const load = async (): Promise<WeakRef<ArrayBufferLike>> => new WeakRef((await store.load()).updates[0]!.update.buffer);
  const read = await load();
  for (let i = 0; i < 20 && read.deref() !== undefined; i++) {
    await nextTurn();
    collectGarbage();
  }
  expect(read.deref()).toBeUndefined();
  // Later than the collections, so that the store is there all the while.
  expect(store.log).toBeNull();
});

describe('a snapshot', () => {
  test('that is not there is no problem', async () => {
    const missing = new Store({ filename: join(folder.directory, 'not', 'there', 'x.db') });
    expect(await missing.load()).toMatchObject({ updates: [], problems: [] });
    expect(names()).toEqual([]);
  });

  test('that is damaged is kept aside and reported', async () => {
    fs.writeFileSync(folder.filename, snapshotOf(2).bytes.subarray(0, 50));
    const store = storeOn();
    const { updates, problems } = await store.load();
    expect([updates, problems]).toEqual([[], [snapshotError]]);
    expect(problems[0]?.message).toContain('(truncated)');
    expect(names()).toEqual([aside('-damaged')]);
    await store.save(snapshotOf(3));
    expect(names()).toEqual(['x.db', aside('-damaged')]);
  });

  test('of another format version is kept as such, and nothing of it is read', async () => {
    for (const version of [1, FORMAT_VERSION + 1]) {
      const bytes = snapshotOf(2).bytes;
      new DataView(bytes.buffer, bytes.byteOffset).setUint16(8, version, true);
      fs.writeFileSync(folder.filename, bytes);
      const { updates, problems } = await storeOn().load();
      expect([updates, problems]).toEqual([[], [snapshotError]]);
      expect(problems[0]?.message).toContain('(version)');
      const [name] = names();
      expect(name).toEqual(aside('-unsupported'));
      expect(Buffer.compare(fs.readFileSync(join(folder.directory, name!)), bytes)).toBe(0);
      fs.unlinkSync(join(folder.directory, name!));
    }
  });

  test('that is damaged and cannot be moved is reported twice and never overwritten', async () => {
    fs.writeFileSync(folder.filename, 'damaged');
    const store = storeOn(faultyDisk({ rename: failing('EROFS') }));
    const { updates, problems } = await store.load();
    expect([updates, problems]).toEqual([[], [snapshotError, storageError]]);
    expect(await store.save(snapshotOf(2))).toBe(false);
    expect(fs.readFileSync(folder.filename, 'utf8')).toBe('damaged');
  });

  test('in whose place there is a directory is a problem, and that stays', async () => {
    fs.mkdirSync(folder.filename);
    const store = storeOn();
    expect(await store.load()).toMatchObject({ updates: [], problems: [storageError] });
    await expect(store.save(snapshotOf(1))).rejects.toEqual(storageError);
    await expect(store.takeOver()).rejects.toEqual(storageError);
    expect(fs.statSync(folder.filename).isDirectory()).toBe(true);
  });

  onlyWithModes('in whose place there is a pipe is not waited for', async () => {
    execFileSync('mkfifo', [folder.filename]);
    const store = storeOn();
    expect(await store.load()).toMatchObject({ updates: [], problems: [storageError] });
    await expect(store.save(snapshotOf(1))).rejects.toEqual(storageError);
    expect(fs.statSync(folder.filename).isFIFO()).toBe(true);
  });

  test.each(['EACCES', 'EIO'])('that cannot be read (%s) is not overwritten until a load could read it', async (code) => {
    put(folder.filename, 1);
    let isBroken = true;
    const readFile: DiskOperations['readFile'] = (path) => {
      if (isBroken) throw systemError(code);
      return nodeDisk.sync.readFile(path);
    };
    const store = storeOn(faultyDisk({ readFile }));
    expect(await store.load()).toMatchObject({ updates: [], problems: [storageError] });
    await expect(store.takeOver()).rejects.toEqual(storageError);
    isBroken = false;
    expect(await store.hasForeignFile()).toBe(true);
    await expect(store.save(snapshotOf(2))).rejects.toEqual(storageError);
    expect(() => store.saveSync(snapshotOf(2))).toThrow(storageError as Error);
    expect(onDisk()).toBe(1);
    expect(valuesIn(await store.takeOver())).toEqual([1]);
    expect(await store.save(snapshotOf(2))).toBe(true);
    expect(onDisk()).toBe(2);
  });

  test('that is too large is not read into memory', async () => {
    put(folder.filename, 1);
    const readFile = jest.fn(nodeDisk.sync.readFile);
    const stat: DiskOperations['stat'] = (path) =>
      Object.assign(nodeDisk.sync.stat(path), { size: BigInt(limits.snapshotBytesMax) * 2n });
    const { problems } = await storeOn(faultyDisk({ readFile, stat })).load();
    expect(problems[0]?.message).toContain('(size)');
    expect(readFile).not.toHaveBeenCalled();
  });
});

describe('a log', () => {
  test('continues the snapshot, and one log the other, in order of their generations', async () => {
    fs.writeFileSync(folder.filename, snapshotOf(1, 3).bytes);
    fs.writeFileSync(`${logName()}-9`, logOf({ generation: 3, base: 2 }, [2]));
    fs.writeFileSync(`${logName()}-1`, logOf({ generation: 4, base: 3 }, [3, 4]));
    fs.writeFileSync(logName(), logOf({ generation: 5, base: 3 }, [5]));
    const loaded = await storeOn().load();
    expect([valuesIn(loaded), loaded.problems, loaded.isSynced]).toEqual([[1, 2, 3, 4, 5], [], false]);
  });

  test('that the snapshot holds is passed over', async () => {
    fs.writeFileSync(folder.filename, snapshotOf(1, 3).bytes);
    fs.writeFileSync(`${logName()}-1`, logOf({ generation: 2, base: 1 }, [7]));
    const store = storeOn();
    expect(await store.load()).toMatchObject({ updates: [updateOf(1)], problems: [] });
    await store.takeOver();
    await store.save(snapshotOf(2, store.generation));
    expect(names()).toEqual(['x.db', 'x.db-log']);
  });

  test('whose last record is torn is no problem', async () => {
    put(folder.filename, 1);
    const bytes = logOf({ generation: 1, base: 1 }, [2, 3]);
    for (let length = 0; length < bytes.length; length++) {
      fs.writeFileSync(logName(), bytes.subarray(0, length));
      const loaded = await storeOn().load();
      expect(loaded.problems).toEqual([]);
      expect([[1], [1, 2]]).toContainEqual(valuesIn(loaded));
    }
    expect(names()).toEqual(['x.db', 'x.db-log']);
  });

  test('that is damaged is read up to the fault, reported, and kept aside when a snapshot holds what was read', async () => {
    put(folder.filename, 1);
    const bytes = logOf({ generation: 1, base: 1 }, [2, 3, 4]);
    bytes[bytes.length - 200]! ^= 1;
    fs.writeFileSync(logName(), bytes);
    for (const store of [storeOn(), storeOn()]) {
      const loaded = await store.load();
      expect([valuesIn(loaded), loaded.problems]).toEqual([[1, 2], [snapshotError]]);
      expect(names()).toEqual(['x.db', 'x.db-log']);
    }
    const store = storeOn();
    await store.load();
    await store.takeOver();
    await store.save(snapshotOf(5, store.generation));
    expect(names()).toEqual(['x.db', 'x.db-log', aside('-log-damaged')]);
    expect(fs.readFileSync(join(folder.directory, names()[2]!))).toEqual(bytes);
    expect(await storeOn().load()).toMatchObject({ updates: [updateOf(5)], problems: [] });
  });

  test('whose snapshot is damaged or gone is kept aside with it', async () => {
    for (const hasSnapshot of [true, false]) {
      if (hasSnapshot) fs.writeFileSync(folder.filename, 'damaged');
      fs.writeFileSync(logName(), logOf({ generation: 2, base: 2 }, [2]));
      fs.writeFileSync(`${logName()}-1`, logOf({ generation: 1, base: 1 }, [1]));
      const loaded = await storeOn().load();
      expect([loaded.updates, loaded.problems.length]).toEqual([[], hasSnapshot ? 3 : 2]);
      for (const name of names()) expect(name).toMatch(/-damaged-\d+$/);
    }
  });

  test('of another format version is kept as such', async () => {
    put(folder.filename, 1);
    const bytes = logOf({ generation: 1, base: 1 }, [2]);
    new DataView(bytes.buffer, bytes.byteOffset).setUint16(8, FORMAT_VERSION + 1, true);
    fs.writeFileSync(logName(), bytes);
    const { updates, problems } = await storeOn().load();
    expect([updates, problems]).toEqual([[updateOf(1)], [snapshotError]]);
    expect(names()).toEqual(['x.db', aside('-log-unsupported')]);
  });

  test('that cannot be read is left alone until it can', async () => {
    put(folder.filename, 1);
    fs.writeFileSync(logName(), logOf({ generation: 1, base: 1 }, [2]));
    let isBroken = true;
    const readFile: DiskOperations['readFile'] = (path) => {
      if (isBroken && path === logName()) throw systemError('EIO');
      return nodeDisk.sync.readFile(path);
    };
    const store = storeOn(faultyDisk({ readFile }));
    expect((await store.load()).problems).toEqual([storageError]);
    await expect(store.takeOver()).rejects.toEqual(storageError);
    await expect(store.save(snapshotOf(2))).rejects.toEqual(storageError);
    expect(names()).toEqual(['x.db', 'x.db-log']);
    isBroken = false;
    expect(valuesIn(await store.takeOver())).toEqual([1, 2]);
  });

  test('that is given another name while it is read is found', async () => {
    put(folder.filename, 1);
    fs.writeFileSync(logName(), logOf({ generation: 1, base: 1 }, [2]));
    const stat: DiskOperations['stat'] = (path) => {
      if (path === logName() && fs.existsSync(path)) fs.renameSync(path, `${path}-7`);
      return nodeDisk.sync.stat(path);
    };
    expect(valuesIn(await storeOn(faultyDisk({ stat })).load())).toEqual([1, 2]);
  });
});

test('files kept aside within one millisecond have names of their own', async () => {
  jest.spyOn(Date, 'now').mockReturnValue(1_700_000_000_000);
  for (const text of ['one', 'other']) {
    fs.writeFileSync(folder.filename, text);
    expect((await storeOn().load()).problems).toEqual([snapshotError]);
  }
  const contents = names().map((name) => fs.readFileSync(join(folder.directory, name), 'utf8'));
  expect(contents.sort()).toEqual(['one', 'other']);
});

test('only the newest of the files kept aside stay', async () => {
  fs.writeFileSync(`${folder.filename}-damaged-5`, 'oldest');
  fs.writeFileSync(`${folder.filename}-log-unsupported-6`, 'old');
  fs.writeFileSync(`${folder.filename}-damaged-5-of-mine`, 'not ours');
  fs.writeFileSync(`${folder.filename}-damaged-5.db`, 'of another cache');
  const clock = jest.spyOn(Date, 'now');
  for (let round = 0; round < 5; round++) {
    // The clock stands still, then is set back.
    clock.mockReturnValue(1_700_000_000_000 - (round > 3 ? 5_000 : 0));
    fs.writeFileSync(folder.filename, `damaged ${round}`);
    await storeOn().load();
  }
  const ours = names().filter((name) => /-\d+$/.test(name));
  expect(ours.length).toBe(limits.filesKeptAsideMax);
  const contents = ours.map((name) => fs.readFileSync(join(folder.directory, name), 'utf8'));
  expect(contents).toEqual(['damaged 2', 'damaged 3', 'damaged 4']);
  expect(names()).toEqual(expect.arrayContaining(['x.db-damaged-5-of-mine', 'x.db-damaged-5.db']));
});

test('old temporary files are swept, those of a live writer and of others are not', async () => {
  const old = new Date(Date.now() - limits.temporaryFileAgeMs - 5_000);
  for (const name of ['x.db.1', 'x.db.4294967295', 'x.db.3.4', 'x.db.2.db', 'x.db.a', 'xx.db.1', 'x.db.5']) {
    fs.writeFileSync(join(folder.directory, name), '');
    if (name !== 'x.db.5') fs.utimesSync(join(folder.directory, name), old, old);
  }
  expect(await storeOn().load()).toMatchObject({ updates: [], problems: [] });
  expect(names()).toEqual(['x.db.2.db', 'x.db.5', 'x.db.a', 'xx.db.1']);
});
