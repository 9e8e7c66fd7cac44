/** A folder of this machine for each test, snapshots to put there, and disks on which something goes wrong. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import { join } from 'node:path';

import { nodeDisk } from '../../lib/storage/disk';
import type { Disk, DiskOperations } from '../../lib/storage/disk';
import type { LoadResult } from '../../lib/storage/inventory';
import type { StoredUpdate } from '../../lib/storage/records';
import { parseSnapshot, SnapshotEncoder, type EncodedSnapshot } from '../../lib/storage/snapshot';

/** The folder of this test. Invariant: `filename` lies in it. */
export const folder = { directory: '', filename: '' };

beforeEach(() => {
  folder.directory = fs.mkdtempSync(join(os.tmpdir(), 'cluster-cache-store-'));
  folder.filename = join(folder.directory, 'x.db');
});
afterEach(() => {
  jest.restoreAllMocks();
  fs.rmSync(folder.directory, { recursive: true, force: true });
});

/** For what a system without modes and links to files does not do. */
export const onlyWithModes = process.platform === 'win32' ? test.skip : test;

/** Runs `work` as somebody whom permissions hold back: they do not hold back root. */
export async function asUser(work: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return work();
  const nobody = 65534;
  for (const name of fs.readdirSync(folder.directory)) fs.chownSync(join(folder.directory, name), nobody, nobody);
  fs.chownSync(folder.directory, nobody, nobody);
  process.seteuid?.(nobody);
  try {
    await work();
  } finally {
    process.seteuid?.(0);
  }
}

/** An update that is told by its epoch. */
export function updateOf(value: number, length = 100): StoredUpdate {
  return { epoch: { number: value, founder: 'f' }, update: new Uint8Array(length).fill(value) };
}

export function snapshotOf(value: number, generation = 1): EncodedSnapshot {
  const encoder = new SnapshotEncoder(generation);
  encoder.add(updateOf(value));
  return encoder.finish();
}

export function names(): string[] {
  return fs.readdirSync(folder.directory).sort();
}

/** Which snapshot is in a file. */
export function onDisk(path = folder.filename): number {
  const parsed = parseSnapshot(fs.readFileSync(path));
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed.updates[0]!.epoch.number;
}

export function put(path: string, value: number): void {
  fs.writeFileSync(path, snapshotOf(value).bytes);
}

/** Which updates a load has found. */
export function valuesIn({ updates }: LoadResult): number[] {
  return updates.map(({ epoch }) => epoch.number);
}

export const systemError = (code: string): Error => Object.assign(new Error(`${code}: injected`), { code });
export const storageError = expect.objectContaining({ code: 'ERR_CLUSTER_CACHE_STORAGE' }) as unknown;
export const snapshotError = expect.objectContaining({ code: 'ERR_CLUSTER_CACHE_SNAPSHOT' }) as unknown;

export const failing = (code: string) => (): never => {
  throw systemError(code);
};

/** A disk on which some operations behave otherwise, in both its halves. */
export function faultyDisk(faults: Partial<DiskOperations>): Disk {
  const async = Object.fromEntries(
    Object.entries(faults).map(([name, fault]) => [
      name,
      // eslint-disable-next-line @typescript-eslint/require-await
      async (...args: unknown[]) => Reflect.apply(fault, undefined, args) as unknown,
    ]),
  );
  return { async: { ...nodeDisk.async, ...async }, sync: { ...nodeDisk.sync, ...faults } };
}

/** What write-file-atomic does on a full disk: it resolves, with part of the file in its place. */
export const truncating: Partial<DiskOperations> = {
  writeFile: (path, bytes) => nodeDisk.sync.writeFile(path, bytes.subarray(0, bytes.length / 2)),
};
