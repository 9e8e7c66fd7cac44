/** The durable copy: whatever fails while it is replaced, one good snapshot remains. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import { join } from 'node:path';

import { limits } from '../../lib/limits';
import { nodeDisk } from '../../lib/storage/disk';
import type { Disk, DiskOperations } from '../../lib/storage/disk';
import { decodeSnapshot, encodeSnapshot, SNAPSHOT_VERSION } from '../../lib/storage/snapshot';
import type { Snapshot } from '../../lib/storage/snapshot';
import { Store } from '../../lib/storage/store';

let directory: string;
let filename: string;

beforeEach(() => {
  directory = fs.mkdtempSync(join(os.tmpdir(), 'cluster-cache-store-'));
  filename = join(directory, 'x.db');
});
afterEach(() => {
  jest.restoreAllMocks();
  fs.rmSync(directory, { recursive: true, force: true });
});

const isRoot = process.getuid?.() === 0;
const onlyWithModes = process.platform === 'win32' ? test.skip : test;

/** Runs `work` as somebody whom permissions hold back: they do not hold back root. */
async function asUser(work: () => Promise<void>): Promise<void> {
  if (!isRoot) return work();
  const nobody = 65534;
  for (const name of fs.readdirSync(directory)) fs.chownSync(join(directory, name), nobody, nobody);
  fs.chownSync(directory, nobody, nobody);
  process.seteuid?.(nobody);
  try {
    await work();
  } finally {
    process.seteuid?.(0);
  }
}

function snapshotOf(value: number, length = 100): Snapshot {
  return { epoch: { number: value, founder: 'f' }, update: new Uint8Array(length).fill(value) };
}
const names = () => fs.readdirSync(directory).sort();
const onDisk = (path = filename) => decodeSnapshot(fs.readFileSync(path)).epoch.number;
const put = (path: string, value: number) => fs.writeFileSync(path, encodeSnapshot(snapshotOf(value)));
const systemError = (code: string) => Object.assign(new Error(`${code}: injected`), { code });
const storageError = expect.objectContaining({ code: 'ERR_CLUSTER_CACHE_STORAGE' }) as unknown;
const snapshotError = expect.objectContaining({ code: 'ERR_CLUSTER_CACHE_SNAPSHOT' }) as unknown;

/** A disk on which some operations behave otherwise, in both its halves. */
function faultyDisk(faults: Partial<DiskOperations>): Disk {
  const async = Object.fromEntries(
    Object.entries(faults).map(([name, fault]) => [
      name,
      // eslint-disable-next-line @typescript-eslint/require-await
      async (...args: unknown[]) => Reflect.apply(fault, undefined, args) as unknown,
    ]),
  );
  return { async: { ...nodeDisk.async, ...async }, sync: { ...nodeDisk.sync, ...faults } };
}

const failing = (code: string) => () => {
  throw systemError(code);
};

/** What write-file-atomic does on a full disk: it resolves, with part of the file in the place of the good one. */
const truncating: Partial<DiskOperations> = {
  writeFile: (path, bytes) => nodeDisk.sync.writeFile(path, bytes.subarray(0, bytes.length / 2)),
};

/** Runs a test with both ways to save. */
const ways = [
  ['save', (store: Store, snapshot: Snapshot) => store.save(snapshot)],
  [
    'saveSync',
    // eslint-disable-next-line @typescript-eslint/require-await
    async (store: Store, snapshot: Snapshot) => store.saveSync(snapshot),
  ],
] as const;

describe.each(ways)('%s', (_way, save) => {
  test('what was saved is loaded, and nothing else stays behind', async () => {
    const store = new Store({ filename });
    await save(store, snapshotOf(1));
    await save(store, snapshotOf(2));
    expect(names()).toEqual(['x.db']);
    expect(await new Store({ filename }).load()).toEqual({ snapshot: snapshotOf(2), problems: [] });
  });

  test('makes the directories that are missing', async () => {
    const deep = join(directory, 'a', 'b', 'x.db');
    await save(new Store({ filename: deep }), snapshotOf(1));
    expect(onDisk(deep)).toBe(1);
  });

  onlyWithModes('only the user may read the file', async () => {
    await save(new Store({ filename }), snapshotOf(1));
    expect(fs.statSync(filename).mode & 0o777).toBe(0o600);
  });

  test('a truncated file is noticed, and the previous one put back', async () => {
    await save(new Store({ filename }), snapshotOf(1));
    const before = fs.statSync(filename).ino;
    const store = new Store({ filename, fs: faultyDisk(truncating) });
    await store.load();
    await expect(save(store, snapshotOf(2))).rejects.toEqual(storageError);
    expect(onDisk()).toBe(1);
    expect(fs.statSync(filename).ino).toBe(before);
    expect(names()).toEqual(['x.db']);
    expect(await store.hasForeignFile()).toBe(false);
  });

  test('a truncated first file is removed', async () => {
    const store = new Store({ filename, fs: faultyDisk(truncating) });
    await expect(save(store, snapshotOf(1))).rejects.toEqual(storageError);
    expect(names()).toEqual([]);
  });

  test('a flipped byte in what is read back is noticed', async () => {
    const writeFile: DiskOperations['writeFile'] = (path, bytes) => {
      const flipped = bytes.slice();
      flipped[flipped.length - 1]! ^= 1;
      nodeDisk.sync.writeFile(path, flipped);
    };
    put(filename, 1);
    await expect(save(new Store({ filename, fs: faultyDisk({ writeFile }) }), snapshotOf(2))).rejects.toEqual(storageError);
    expect(onDisk()).toBe(1);
  });

  test('the new file is good before the previous one goes', async () => {
    put(filename, 1);
    const unlink: DiskOperations['unlink'] = (path) => {
      if (fs.existsSync(path)) expect(onDisk()).toBe(2);
      nodeDisk.sync.unlink(path);
    };
    const writeFile: DiskOperations['writeFile'] = (path, bytes) => {
      expect(onDisk(`${filename}-previous`)).toBe(1);
      nodeDisk.sync.writeFile(path, bytes);
    };
    await save(new Store({ filename, fs: faultyDisk({ unlink, writeFile }) }), snapshotOf(2));
    expect(names()).toEqual(['x.db']);
  });

  test.each(['link', 'writeFile', 'syncDirectory', 'unlink', 'readFile', 'stat', 'mkdir', 'rename'] as const)(
    'an error of %s leaves a good file and has a cause',
    async (operation) => {
      put(filename, 1);
      const fault = failing('EIO');
      const withCopy = operation === 'link' ? { copyFile: fault } : {};
      const store = new Store({ filename, fs: faultyDisk({ [operation]: fault, ...withCopy }) });
      const outcome = await save(store, snapshotOf(2)).catch((error: unknown) => error);
      if (outcome !== undefined) {
        expect(outcome).toEqual(storageError);
        expect((outcome as Error).cause).toHaveProperty('message');
      }
      const { snapshot, problems } = await new Store({ filename }).load();
      expect([1, 2]).toContain(snapshot?.epoch.number);
      expect(problems).toEqual([]);
    },
  );

  test('when not even putting back works, the previous file is there to be loaded', async () => {
    put(filename, 1);
    const store = new Store({ filename, fs: faultyDisk({ ...truncating, rename: failing('EIO') }) });
    await expect(save(store, snapshotOf(2))).rejects.toEqual(storageError);
    const { snapshot, problems } = await new Store({ filename }).load();
    expect(snapshot).toEqual(snapshotOf(1));
    expect(problems).toEqual([snapshotError]);
  });

  test('without hard links the previous file is a copy', async () => {
    put(filename, 1);
    const store = new Store({ filename, fs: faultyDisk({ ...truncating, link: failing('EPERM') }) });
    await expect(save(store, snapshotOf(2))).rejects.toEqual(storageError);
    expect(onDisk()).toBe(1);
    expect(names()).toEqual(['x.db']);
    await save(new Store({ filename, fs: faultyDisk({ link: failing('EPERM') }) }), snapshotOf(3));
    expect(onDisk()).toBe(3);
    expect(names()).toEqual(['x.db']);
  });

  test('part of a copy does not stay behind', async () => {
    put(filename, 1);
    const copyFile: DiskOperations['copyFile'] = (_from, to) => {
      fs.writeFileSync(to, 'part');
      throw systemError('ENOSPC');
    };
    const store = new Store({ filename, fs: faultyDisk({ link: failing('EPERM'), copyFile }) });
    await expect(save(store, snapshotOf(2))).rejects.toEqual(storageError);
    expect(names()).toEqual(['x.db']);
    expect(onDisk()).toBe(1);
  });

  test('a faulty file does not take the place of a good previous one', async () => {
    fs.writeFileSync(filename, 'damaged by somebody else');
    put(`${filename}-previous`, 1);
    await expect(save(new Store({ filename, fs: faultyDisk(truncating) }), snapshotOf(2))).rejects.toEqual(storageError);
    expect(onDisk()).toBe(1);
    expect(names()).toEqual(['x.db', expect.stringMatching(/^x\.db-damaged-\d+$/)]);
  });

  test('a file that nobody has loaded and that cannot be read is not overwritten', async () => {
    put(filename, 1);
    let reads = 0;
    const readFile: DiskOperations['readFile'] = (path) => {
      if (reads++ === 0) throw systemError('EIO');
      return nodeDisk.sync.readFile(path);
    };
    const store = new Store({ filename, fs: faultyDisk({ readFile }) });
    await expect(save(store, snapshotOf(2))).rejects.toEqual(storageError);
    expect(onDisk()).toBe(1);
  });

  test('a write that fails leaves the file as it was, and nothing beside it', async () => {
    put(filename, 1);
    const before = fs.statSync(filename).ino;
    const store = new Store({ filename, fs: faultyDisk({ writeFile: failing('ENOSPC') }) });
    await expect(save(store, snapshotOf(2))).rejects.toEqual(storageError);
    expect(fs.statSync(filename).ino).toBe(before);
    expect(names()).toEqual(['x.db']);
  });

  test('the whole file of another process is not undone', async () => {
    put(filename, 1);
    const writeFile: DiskOperations['writeFile'] = (path, bytes) => {
      nodeDisk.sync.writeFile(path, bytes);
      nodeDisk.sync.writeFile(path, encodeSnapshot(snapshotOf(9)));
    };
    const store = new Store({ filename, fs: faultyDisk({ writeFile }) });
    await expect(save(store, snapshotOf(2))).rejects.toEqual(storageError);
    expect(onDisk()).toBe(9);
    expect(await store.hasForeignFile()).toBe(true);
  });

  test('the previous file of another process is not removed', async () => {
    put(filename, 1);
    const writeFile: DiskOperations['writeFile'] = (path, bytes) => {
      nodeDisk.sync.writeFile(path, bytes);
      fs.unlinkSync(`${filename}-previous`);
      put(`${filename}-previous`, 9);
    };
    await save(new Store({ filename, fs: faultyDisk({ writeFile }) }), snapshotOf(2));
    expect(onDisk(`${filename}-previous`)).toBe(9);
  });

  test('the directory is synced after the file has its name', async () => {
    const synced: string[] = [];
    const syncDirectory: DiskOperations['syncDirectory'] = (path) => {
      expect(onDisk(join(directory, 'a', 'b', 'x.db'))).toBe(1);
      synced.push(path);
    };
    const deep = join(directory, 'a', 'b', 'x.db');
    await save(new Store({ filename: deep, fs: faultyDisk({ syncDirectory }) }), snapshotOf(1));
    expect(synced).toEqual([join(directory, 'a', 'b'), join(directory, 'a'), directory]);
  });

  test('a directory that cannot be synced is no failure, but one that fails to be is', async () => {
    await save(new Store({ filename, fs: faultyDisk({ syncDirectory: failing('EINVAL') }) }), snapshotOf(1));
    const store = new Store({ filename, fs: faultyDisk({ syncDirectory: failing('EIO') }) });
    await expect(save(store, snapshotOf(2))).rejects.toEqual(storageError);
  });

  test('a path that leads through a file is refused cleanly', async () => {
    put(filename, 1);
    await expect(save(new Store({ filename: join(filename, 'y.db') }), snapshotOf(2))).rejects.toEqual(storageError);
    expect(names()).toEqual(['x.db']);
  });

  onlyWithModes('a read-only directory is refused cleanly', async () => {
    await asUser(async () => {
      put(filename, 1);
      fs.chmodSync(directory, 0o500);
      await expect(save(new Store({ filename }), snapshotOf(2))).rejects.toEqual(storageError);
      fs.chmodSync(directory, 0o700);
      expect(names()).toEqual(['x.db']);
      expect(onDisk()).toBe(1);
    });
  });

  test('a snapshot out of bounds is refused before anything changes', async () => {
    const snapshot = { epoch: { number: -1, founder: 'f' }, update: new Uint8Array() };
    await expect(save(new Store({ filename: join(directory, 'a', 'x.db') }), snapshot)).rejects.toEqual(snapshotError);
    expect(names()).toEqual([]);
  });

  onlyWithModes('a symbolic link stays one', async () => {
    fs.mkdirSync(join(directory, 'elsewhere'));
    const target = join(directory, 'elsewhere', 'y.db');
    put(target, 1);
    fs.symlinkSync(target, filename);
    await expect(save(new Store({ filename, fs: faultyDisk(truncating) }), snapshotOf(2))).rejects.toEqual(storageError);
    expect(onDisk(target)).toBe(1);
    await save(new Store({ filename }), snapshotOf(3));
    expect(onDisk(target)).toBe(3);
    expect(fs.lstatSync(filename).isSymbolicLink()).toBe(true);
    expect(fs.readdirSync(join(directory, 'elsewhere'))).toEqual(['y.db']);
  });
});

describe('overlapping calls', () => {
  test('saves run one after the other, in the order of the calls', async () => {
    let running = 0;
    const order: number[] = [];
    const async: Disk['async'] = {
      ...nodeDisk.async,
      writeFile: async (path, bytes) => {
        expect(++running).toBe(1);
        await nodeDisk.async.writeFile(path, bytes);
        order.push(decodeSnapshot(bytes).epoch.number);
        running--;
      },
    };
    const store = new Store({ filename, fs: { ...nodeDisk, async } });
    await Promise.all([1, 2, 3, 4, 5].map((value) => store.save(snapshotOf(value))));
    expect(order).toEqual([1, 2, 3, 4, 5]);
    expect(onDisk()).toBe(5);
    expect(names()).toEqual(['x.db']);
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
    const store = new Store({ filename, fs: faultyDisk({ writeFile }) });
    const outcomes = await Promise.allSettled([store.save(snapshotOf(1)), store.save(snapshotOf(2))]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(onDisk()).toBe(2);
  });

  test('what the caller does to the update later does not matter', async () => {
    const store = new Store({ filename });
    const snapshot = snapshotOf(1);
    const saved = store.save(snapshot);
    snapshot.update.fill(0);
    await saved;
    expect((await store.load()).snapshot).toEqual(snapshotOf(1));
  });

  test('a look for foreign files waits for the save that is under way', async () => {
    const store = new Store({ filename });
    const [, hasForeign] = await Promise.all([store.save(snapshotOf(1)), store.hasForeignFile()]);
    expect(hasForeign).toBe(false);
  });

  test('two stores that save at once leave one whole file', async () => {
    const stores = [new Store({ filename }), new Store({ filename })];
    for (let round = 1; round <= 20; round++) {
      await Promise.allSettled(stores.map((store, index) => store.save(snapshotOf(round * 2 + index))));
      const { snapshot, problems } = await new Store({ filename }).load();
      expect(problems).toEqual([]);
      expect(snapshot).not.toBeNull();
    }
  });
});

describe('load', () => {
  test('nothing there is no problem', async () => {
    const missing = new Store({ filename: join(directory, 'not', 'there', 'x.db') });
    expect(await missing.load()).toEqual({ snapshot: null, problems: [] });
    expect(names()).toEqual([]);
  });

  test('where the file is missing, the previous one is read', async () => {
    put(`${filename}-previous`, 1);
    expect(await new Store({ filename }).load()).toEqual({ snapshot: snapshotOf(1), problems: [] });
  });

  test('a damaged file is kept aside and reported, and the previous one is read', async () => {
    fs.writeFileSync(filename, encodeSnapshot(snapshotOf(2)).subarray(0, 50));
    put(`${filename}-previous`, 1);
    const store = new Store({ filename });
    const { snapshot, problems } = await store.load();
    expect(snapshot).toEqual(snapshotOf(1));
    expect(problems).toEqual([snapshotError]);
    expect(problems[0]?.message).toContain('(truncated)');
    expect(names()).toEqual([expect.stringMatching(/^x\.db-damaged-\d+$/), 'x.db-previous']);
    await store.save(snapshotOf(3));
    expect(names()).toEqual(['x.db', expect.stringMatching(/^x\.db-damaged-\d+$/)]);
  });

  test('a file of another format version is kept as such', async () => {
    const bytes = encodeSnapshot(snapshotOf(2));
    new DataView(bytes.buffer).setUint16(8, SNAPSHOT_VERSION + 1, true);
    fs.writeFileSync(filename, bytes);
    const { snapshot, problems } = await new Store({ filename }).load();
    expect(snapshot).toBeNull();
    expect(problems[0]?.message).toContain('(version)');
    const [aside] = names();
    expect(aside).toMatch(/^x\.db-unsupported-\d+$/);
    expect(new Uint8Array(fs.readFileSync(join(directory, aside!)))).toEqual(bytes);
  });

  test('both files damaged: both are kept, also within one millisecond', async () => {
    jest.spyOn(Date, 'now').mockReturnValue(1_700_000_000_000);
    fs.writeFileSync(filename, 'one');
    fs.writeFileSync(`${filename}-previous`, 'other');
    const { snapshot, problems } = await new Store({ filename }).load();
    expect(snapshot).toBeNull();
    expect(problems).toEqual([snapshotError, snapshotError]);
    const contents = names().map((name) => fs.readFileSync(join(directory, name), 'utf8'));
    expect(contents.sort()).toEqual(['one', 'other']);
  });

  test('only the newest of the files kept aside stay', async () => {
    fs.writeFileSync(`${filename}-damaged-5`, 'oldest');
    fs.writeFileSync(`${filename}-unsupported-6`, 'old');
    fs.writeFileSync(`${filename}-damaged-5-of-mine`, 'not ours');
    fs.writeFileSync(`${filename}-damaged-5.db`, 'of another cache');
    const store = new Store({ filename });
    const clock = jest.spyOn(Date, 'now');
    for (let round = 0; round < 5; round++) {
      // The clock stands still, then is set back.
      clock.mockReturnValue(1_700_000_000_000 - (round > 3 ? 5_000 : 0));
      fs.writeFileSync(filename, `damaged ${round}`);
      await store.load();
    }
    const ours = names().filter((name) => /-\d+$/.test(name));
    expect(ours.length).toBe(limits.filesKeptAsideMax);
    expect(ours.map((name) => fs.readFileSync(join(directory, name), 'utf8'))).toEqual([
      'damaged 2',
      'damaged 3',
      'damaged 4',
    ]);
    expect(names()).toEqual(expect.arrayContaining(['x.db-damaged-5-of-mine', 'x.db-damaged-5.db']));
  });

  test('a damaged file that cannot be moved is reported twice and never thrown', async () => {
    fs.writeFileSync(filename, 'damaged');
    put(`${filename}-previous`, 1);
    const store = new Store({ filename, fs: faultyDisk({ rename: failing('EROFS') }) });
    const { snapshot, problems } = await store.load();
    expect(snapshot).toEqual(snapshotOf(1));
    expect(problems).toEqual([snapshotError, storageError]);
    await expect(store.save(snapshotOf(2))).rejects.toEqual(storageError);
    expect(fs.readFileSync(filename, 'utf8')).toBe('damaged');
    expect(onDisk(`${filename}-previous`)).toBe(1);
  });

  test('a directory in the place of the file is a problem and stays', async () => {
    fs.mkdirSync(filename);
    const store = new Store({ filename });
    expect(await store.load()).toEqual({ snapshot: null, problems: [storageError] });
    await expect(store.save(snapshotOf(1))).rejects.toEqual(storageError);
    expect(fs.statSync(filename).isDirectory()).toBe(true);
  });

  onlyWithModes('a pipe in the place of the file is not waited for', async () => {
    execFileSync('mkfifo', [filename]);
    const store = new Store({ filename });
    expect(await store.load()).toEqual({ snapshot: null, problems: [storageError] });
    await expect(store.save(snapshotOf(1))).rejects.toEqual(storageError);
    expect(fs.statSync(filename).isFIFO()).toBe(true);
  });

  test.each(['EACCES', 'EIO'])('a file that cannot be read (%s) is not overwritten until a load could read it', async (code) => {
    put(filename, 1);
    let isBroken = true;
    const readFile: DiskOperations['readFile'] = (path) => {
      if (isBroken) throw systemError(code);
      return nodeDisk.sync.readFile(path);
    };
    const store = new Store({ filename, fs: faultyDisk({ readFile }) });
    expect(await store.load()).toEqual({ snapshot: null, problems: [storageError] });
    isBroken = false;
    expect(await store.hasForeignFile()).toBe(true);
    await expect(store.save(snapshotOf(2))).rejects.toEqual(storageError);
    expect(() => store.saveSync(snapshotOf(2))).toThrow(storageError as Error);
    expect(onDisk()).toBe(1);
    expect((await store.load()).snapshot).toEqual(snapshotOf(1));
    await store.save(snapshotOf(2));
    expect(onDisk()).toBe(2);
  });

  test('where the file cannot be read, an older state is not taken for it', async () => {
    fs.mkdirSync(filename);
    put(`${filename}-previous`, 1);
    expect(await new Store({ filename }).load()).toEqual({ snapshot: null, problems: [storageError] });
    expect(names()).toEqual(['x.db', 'x.db-previous']);
  });

  test('a previous file that cannot be read is not removed by the next save', async () => {
    put(`${filename}-previous`, 1);
    const store = new Store({ filename, fs: faultyDisk({ readFile: failing('EIO') }) });
    expect(await store.load()).toEqual({ snapshot: null, problems: [storageError] });
    await expect(store.save(snapshotOf(2))).rejects.toEqual(storageError);
    expect(names()).toEqual(['x.db-previous']);
    expect(await store.hasForeignFile()).toBe(true);
  });

  test('a file that is too large is not read into memory', async () => {
    put(filename, 1);
    const readFile = jest.fn(nodeDisk.sync.readFile);
    const stat: DiskOperations['stat'] = (path) =>
      Object.assign(nodeDisk.sync.stat(path), { size: BigInt(limits.snapshotBytesMax) * 2n });
    const { problems } = await new Store({ filename, fs: faultyDisk({ readFile, stat }) }).load();
    expect(problems[0]?.message).toContain('(size)');
    expect(readFile).not.toHaveBeenCalled();
  });

  test('old temporary files are swept, those of a live writer and of others are not', async () => {
    const old = new Date(Date.now() - limits.temporaryFileAgeMs - 5_000);
    for (const name of ['x.db.1', 'x.db.4294967295', 'x.db.2.db', 'x.db.a', 'xx.db.1', 'x.db.5']) {
      fs.writeFileSync(join(directory, name), '');
      if (name !== 'x.db.5') fs.utimesSync(join(directory, name), old, old);
    }
    expect(await new Store({ filename }).load()).toEqual({ snapshot: null, problems: [] });
    expect(names()).toEqual(['x.db.2.db', 'x.db.5', 'x.db.a', 'xx.db.1']);
  });
});

describe('hasForeignFile', () => {
  test('is false for no file, and for what was loaded or written', async () => {
    const store = new Store({ filename });
    expect(await store.hasForeignFile()).toBe(false);
    await store.save(snapshotOf(1));
    expect(await store.hasForeignFile()).toBe(false);
    const other = new Store({ filename });
    expect(await other.hasForeignFile()).toBe(true);
    await other.load();
    expect(await other.hasForeignFile()).toBe(false);
    other.saveSync(snapshotOf(2));
    expect(await other.hasForeignFile()).toBe(false);
  });

  test('is true after another process has written, until it was loaded', async () => {
    const store = new Store({ filename });
    await store.save(snapshotOf(1));
    await new Store({ filename }).save(snapshotOf(2));
    expect(await store.hasForeignFile()).toBe(true);
    await store.load();
    expect(await store.hasForeignFile()).toBe(false);
  });

  test('is false when the file is gone: there is nothing to merge', async () => {
    const store = new Store({ filename });
    await store.save(snapshotOf(1));
    fs.unlinkSync(filename);
    expect(await store.hasForeignFile()).toBe(false);
  });

  test('rejects where it cannot look', async () => {
    const store = new Store({ filename, fs: faultyDisk({ stat: failing('EACCES') }) });
    await expect(store.hasForeignFile()).rejects.toEqual(storageError);
  });
});

describe('remove', () => {
  test('removes all but what was kept aside', async () => {
    const store = new Store({ filename });
    await store.save(snapshotOf(1));
    for (const name of ['x.db-previous', 'x.db.77', 'x.db-damaged-1', 'y.db']) fs.writeFileSync(join(directory, name), '');
    await store.remove();
    expect(names()).toEqual(['x.db-damaged-1', 'y.db']);
    expect(await store.load()).toEqual({ snapshot: null, problems: [] });
    await store.remove();
  });

  test('says when it could not', async () => {
    put(filename, 1);
    await expect(new Store({ filename, fs: faultyDisk({ unlink: failing('EPERM') }) }).remove()).rejects.toEqual(storageError);
  });
});

test('a copy never writes into a file that is there: it may be a link to the original', async () => {
  put(filename, 1);
  fs.linkSync(filename, `${filename}-previous`);
  await expect(nodeDisk.async.copyFile(filename, `${filename}-previous`)).rejects.toHaveProperty('code', 'EEXIST');
  expect(() => nodeDisk.sync.copyFile(filename, `${filename}-previous`)).toThrow('EEXIST');
  expect(onDisk()).toBe(1);
});
