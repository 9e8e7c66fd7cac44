/**
 * A disk that fails at any call, once or from then on: a flush promises nothing that is not there, the process goes
 * on in memory and says so, and when the disk has recovered so has the cache.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

import { limits } from '../../lib/limits';
import { Random } from '../simulation/random';
import { Guest, readBack } from './guests';
import { MemoryDisk, type Fault } from './memory-disk';

beforeEach(() => {
  // Small, so that a short life has snapshots and rotations, and waits for nothing.
  jest.replaceProperty(limits, 'logRewriteBytesMin', 400);
  jest.replaceProperty(limits, 'contentionWaitMs', 0 as never);
  jest.replaceProperty(limits, 'diskRetryMs', 1 as never);
});
afterEach(() => {
  jest.restoreAllMocks();
});

/** Flushes of a life in which something goes wrong. */
const rounds = 8;

const atOnce = (): Promise<void> => Promise.resolve();

/** Writes and flushes; how often a flush has rejected. */
async function work(guest: Guest, times: number): Promise<number> {
  let rejections = 0;
  for (let round = 0; round < times; round++) {
    guest.write();
    guest.write();
    await nextTurn();
    try {
      await guest.flush();
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_CLUSTER_CACHE_STORAGE' });
      rejections++;
    }
  }
  return rejections;
}

/** What a process finds that starts after the machine has gone down now. */
async function afterPowerCut(disk: MemoryDisk, seed: number): Promise<number> {
  const { counts } = await readBack(disk.crashed(new Random(seed)).view(() => null, atOnce), ['p']);
  return counts[0]!;
}

/** Calls of the disk in the life of a process that nothing happens to. */
async function countCalls(): Promise<number> {
  let calls = 0;
  const guest = new Guest('p', new MemoryDisk().view(() => (calls++, null), atOnce), 'everysec');
  await guest.begin();
  expect(await work(guest, rounds)).toBe(0);
  await guest.keeper.end();
  return calls;
}

jest.setTimeout(120_000);

const codes = ['ENOSPC', 'EIO', 'EMFILE'] as const;
const faults: readonly (readonly [name: string, faultAt: (at: number) => Fault])[] = [
  ['an error', (at) => codes[at % codes.length]!],
  ['a write of half of the bytes', () => 'short'],
];

describe.each(faults)('%s', (_name, faultAt) => {
  test('of any one call', async () => {
    const total = await countCalls();
    expect(total).toBeGreaterThan(50);
    for (let at = 1; at <= total; at++) {
      const disk = new MemoryDisk();
      let calls = 0;
      const guest = new Guest('p', disk.view(() => (++calls === at ? faultAt(at) : null), atOnce), 'everysec');
      await guest.begin();
      await work(guest, rounds);
      expect({ at, isKept: (await afterPowerCut(disk, at)) >= guest.promised.get('p')! }).toEqual({ at, isKept: true });
      // The disk is whole again, and so is the promise.
      await guest.flush();
      expect(guest.promised.get('p')).toBe(2 * rounds);
      expect(await afterPowerCut(disk, at)).toBe(2 * rounds);
      await guest.keeper.end();
      expect(await afterPowerCut(disk, at)).toBe(2 * rounds);
      const { counts, errors } = await readBack(disk.view(() => null, atOnce), ['p']);
      expect({ at, counts, errors }).toEqual({ at, counts: [2 * rounds], errors: [] });
    }
  });

  test('of any call and all after it', async () => {
    const total = await countCalls();
    for (let at = 1; at <= total; at++) {
      const disk = new MemoryDisk();
      let calls = 0;
      let isMended = false;
      const onCall = (): Fault | null => (++calls >= at && !isMended ? faultAt(at) : null);
      const guest = new Guest('p', disk.view(onCall, atOnce), 'everysec');
      await guest.begin();
      const rejections = await work(guest, rounds);
      const promised = guest.promised.get('p') ?? 0;
      expect({ at, isKept: (await afterPowerCut(disk, at)) >= promised }).toEqual({ at, isKept: true });
      // Half of a write is written on; half of a file is not.
      if (faultAt(at) !== 'short' && at <= total - 20) {
        expect(rejections).toBeGreaterThan(0);
        expect(guest.errors.length).toBeGreaterThan(0);
      }
      expect(Object.keys(guest.replica.get('p') as object)).toHaveLength(2 * rounds);
      isMended = true;
      await guest.flush();
      expect(await afterPowerCut(disk, at)).toBe(2 * rounds);
      await guest.keeper.end();
    }
  });
});

test('an outage is reported once, and the next one again', async () => {
  const disk = new MemoryDisk();
  let isFull = false;
  const guest = new Guest('p', disk.view((operation) => (isFull && operation.startsWith("w") ? 'ENOSPC' : null), atOnce));
  await guest.begin();
  await work(guest, 2);
  for (let outage = 1; outage <= 2; outage++) {
    isFull = true;
    expect(await work(guest, 5)).toBe(5);
    expect(guest.errors).toHaveLength(outage);
    isFull = false;
    expect(await work(guest, 2)).toBe(0);
    expect(guest.errors).toHaveLength(outage);
  }
  await guest.keeper.end();
});

test('when the disk has recovered, what was written meanwhile comes to it by itself', async () => {
  const disk = new MemoryDisk();
  let isFull = false;
  const guest = new Guest('p', disk.view((operation) => (isFull && operation.startsWith("w") ? 'ENOSPC' : null), atOnce));
  await guest.begin();
  await work(guest, 2);
  isFull = true;
  await work(guest, 5);
  isFull = false;
  while (!guest.keeper.isSaved) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(await afterPowerCut(disk, 1)).toBe(14);
  await guest.keeper.end();
});

test('on a full disk attempts leave no files behind', async () => {
  const disk = new MemoryDisk();
  let isFull = false;
  const guest = new Guest('p', disk.view((operation) => (isFull && operation.startsWith('w') ? 'ENOSPC' : null), atOnce));
  await guest.begin();
  await work(guest, 2);
  isFull = true;
  expect(await work(guest, 50)).toBe(50);
  // The snapshot, the log that continues it, and the one that could not be written.
  expect(disk.files.size).toBeLessThanOrEqual(3);
  isFull = false;
  expect(await work(guest, 1)).toBe(0);
  expect(await afterPowerCut(disk, 1)).toBe(106);
  await guest.keeper.end();
});

test('once a flush has found the disk to work again, a log that outgrows the snapshot does not wait for the next attempt', async () => {
  jest.replaceProperty(limits, 'diskRetryMs', 3_600_000 as never);
  const disk = new MemoryDisk();
  let [isFull, snapshots] = [false, 0];
  const onCall = (operation: string): Fault | null => {
    if (operation === 'writeFile' && !isFull) snapshots++;
    return isFull && operation.startsWith('w') ? 'ENOSPC' : null;
  };
  const guest = new Guest('p', disk.view(onCall, atOnce));
  await guest.begin();
  await work(guest, 2);
  isFull = true;
  expect(await work(guest, 1)).toBe(1);
  isFull = false;
  expect(await work(guest, 1)).toBe(0);
  const before = snapshots;
  for (let turn = 0; turn < 200 && snapshots === before; turn++) {
    guest.write();
    await nextTurn();
  }
  expect(snapshots).toBeGreaterThan(before);
  await guest.keeper.end();
});

test('a disk that hangs costs no more memory than the buffer of the log', async () => {
  jest.replaceProperty(limits, 'logBufferBytesMax', 2_000);
  const disk = new MemoryDisk();
  let isHanging = false;
  const onWait = async (): Promise<void> => {
    while (isHanging) await nextTurn();
  };
  const guest = new Guest('p', disk.view(() => null, onWait));
  await guest.begin();
  await work(guest, 2);
  isHanging = true;
  for (let i = 0; i < 100; i++) {
    guest.write();
    await nextTurn();
  }
  isHanging = false;
  await guest.flush();
  expect(await afterPowerCut(disk, 1)).toBe(104);
  expect(guest.errors.length).toBeGreaterThan(0);
  await guest.keeper.end();
});

test.each([
  ['took it', null],
  ['did not take it', 'EIO'],
] as const)('the memory of a snapshot is given back when the disk %s', async (_what, fault) => {
  const disk = new MemoryDisk().view((operation) => (operation === 'holds' ? fault : null), atOnce);
  const written: Uint8Array[] = [];
  const writeFile: typeof disk.async.writeFile = (path, bytes) => {
    written.push(bytes);
    return disk.async.writeFile(path, bytes);
  };
  const guest = new Guest('p', { ...disk, async: { ...disk.async, writeFile } });
  await guest.begin();
  expect(await work(guest, 3)).toBe(fault === null ? 0 : 3);
  await guest.keeper.end();
  expect(written.map(({ buffer }) => buffer.byteLength)).toEqual(written.map(() => 0));
  expect(written).not.toEqual([]);
});
