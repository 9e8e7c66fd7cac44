/**
 * A disk in memory that knows what a crash would leave of it: bytes that were not synced may be there, or in part,
 * or as zeros, or not at all, each write by itself; likewise names that were not synced.
 *
 * It knows one directory. Its operations can be made to fail, and to stop for ever, as for a process that was killed.
 */
import type { Disk, DiskOperations, FileStatus } from '../../lib/storage/disk';
import type { Random } from '../simulation/random';

interface Write {
  readonly position: number;
  readonly bytes: Uint8Array;
}

interface Inode {
  readonly ino: bigint;
  mtimeNs: bigint;
  /** As every process sees them. */
  bytes: Uint8Array;
  durable: Uint8Array;
  /** What was written since. */
  pending: Write[];
}

/** A change of the directory: `inode` gets the name `to`, and loses the name `from`. */
interface Naming {
  readonly inode: Inode;
  readonly from: string | null;
  readonly to: string | null;
}

/** What goes wrong with one call: an error of the system, a write of half the bytes, or the end of the process. */
export type Fault = 'ENOSPC' | 'EIO' | 'EMFILE' | 'short' | 'killed';

const directory = '/data';
let inoLast = 0n;
let mtimeLast = 0n;

export class MemoryDisk {
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #namings: Naming[] = [];
  readonly #open = new Map<number, Inode>();
  #descriptorLast = 2;

  /** The whole content, for looking at it and for damaging it. */
  get files(): ReadonlyMap<string, Uint8Array> {
    return new Map(Array.from(this.#names, ([name, { bytes }]) => [name, bytes]));
  }

  /** Puts a file there, synced. */
  put(name: string, bytes: Uint8Array): void {
    const inode = newInode(bytes);
    inode.durable = bytes;
    inode.pending = [];
    this.#names.set(name, inode);
    this.#durableNames.set(name, inode);
  }

  /** What the next process finds after a crash of the machine. */
  crashed(random: Random): MemoryDisk {
    const names = new Map(this.#durableNames);
    for (const naming of this.#namings) if (random.chance(0.5)) rename(names, naming);
    const disk = new MemoryDisk();
    for (const [name, { durable, pending }] of names) {
      let bytes = durable;
      for (const write of pending) bytes = tear(bytes, write, random);
      disk.put(name, bytes);
    }
    return disk;
  }

  /** The disk as one process uses it; `onCall` decides on the fate of each call, and may make it wait. */
  view(onCall: (operation: keyof DiskOperations) => Fault | null, onWait: () => Promise<void>): Disk {
    let isKilled = false;
    const operations = this.#operations;
    const never = new Promise<never>(() => undefined);
    const call = (name: keyof DiskOperations, args: unknown[]): unknown => {
      const fault = onCall(name);
      if (fault === 'short') return this.#doInPart(name, args);
      if (fault === 'killed') {
        isKilled = true;
        // Part of what it was about to write may be there.
        if (name === 'write') this.#doInPart(name, args);
        return never;
      }
      if (fault !== null) {
        // The system marks the pages as clean: what they hold is not written by the next sync either.
        if (name === 'sync') this.#inodeOf(args[0] as number).pending = [];
        throw Object.assign(new Error(`${fault}: injected`), { code: fault });
      }
      return Reflect.apply(operations[name], undefined, args) as unknown;
    };
    const names = Object.keys(operations) as (keyof DiskOperations)[];
    const sync = Object.fromEntries(names.map((name) => [name, (...args: unknown[]) => call(name, args)]));
    const async = Object.fromEntries(
      names.map((name) => [
        name,
        async (...args: unknown[]) => {
          await onWait();
          return isKilled ? never : call(name, args);
        },
      ]),
    );
    return { sync, async } as unknown as Disk;
  }

  readonly #operations: DiskOperations = {
    mkdir: () => {
      throw systemError('EEXIST');
    },
    realpath: (path) => {
      this.#find(path);
      return path;
    },
    stat: (path) => statusOf(this.#find(path)),
    readdir: () => [...this.#names.keys()],
    readFile: (path) => this.#find(path).bytes.slice(),
    holds: (path, bytes) => Buffer.compare(this.#find(path).bytes, bytes) === 0,
    writeFile: (path, bytes) => {
      const inode = newInode(new Uint8Array(bytes));
      inode.durable = inode.bytes;
      inode.pending = [];
      this.#name({ inode, from: null, to: nameOf(path) });
    },
    rename: (from, to) => {
      this.#name({ inode: this.#find(from), from: nameOf(from), to: nameOf(to) });
    },
    unlink: (path) => {
      this.#name({ inode: this.#find(path), from: nameOf(path), to: null });
    },
    syncDirectory: () => {
      this.#namings = [];
      this.#durableNames = new Map(this.#names);
    },
    create: (path) => {
      if (this.#names.has(nameOf(path))) throw systemError('EEXIST');
      const inode = newInode(new Uint8Array());
      this.#name({ inode, from: null, to: nameOf(path) });
      this.#open.set(++this.#descriptorLast, inode);
      return this.#descriptorLast;
    },
    statOpen: (descriptor) => statusOf(this.#inodeOf(descriptor)),
    write: (descriptor, bytes, position) => {
      const inode = this.#inodeOf(descriptor);
      const write = { position, bytes: new Uint8Array(bytes) };
      inode.bytes = apply(inode.bytes, write);
      inode.mtimeNs = nextMtime();
      inode.pending.push(write);
      return bytes.length;
    },
    sync: (descriptor) => {
      const inode = this.#inodeOf(descriptor);
      for (const write of inode.pending) inode.durable = apply(inode.durable, write);
      inode.pending = [];
    },
    close: (descriptor) => {
      this.#open.delete(descriptor);
    },
  };

  /** What write-file-atomic does on a full disk: it resolves, with part of the file in its place. */
  #doInPart(name: keyof DiskOperations, args: unknown[]): unknown {
    const at = name === 'write' || name === 'writeFile' ? 1 : -1;
    const given = args.map((arg, i) => (i === at ? (arg as Uint8Array).subarray(0, (arg as Uint8Array).length >> 1) : arg));
    return Reflect.apply(this.#operations[name], undefined, given) as unknown;
  }

  #name(naming: Naming): void {
    rename(this.#names, naming);
    this.#namings.push(naming);
  }

  #find(path: string): Inode {
    const inode = this.#names.get(nameOf(path));
    if (inode === undefined) throw systemError('ENOENT');
    return inode;
  }

  #inodeOf(descriptor: number): Inode {
    const inode = this.#open.get(descriptor);
    if (inode === undefined) throw systemError('EBADF');
    return inode;
  }
}

/** Of this moment, and never twice. */
function nextMtime(): bigint {
  const now = BigInt(Date.now()) * 1_000_000n;
  mtimeLast = now > mtimeLast ? now : mtimeLast + 1n;
  return mtimeLast;
}

function nameOf(path: string): string {
  return path.slice(directory.length + 1);
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

function newInode(bytes: Uint8Array): Inode {
  return { ino: ++inoLast, mtimeNs: nextMtime(), bytes, durable: new Uint8Array(), pending: [{ position: 0, bytes }] };
}

function statusOf({ ino, bytes, mtimeNs }: Inode): FileStatus {
  return { ino, size: BigInt(bytes.length), mtimeNs, isFile: () => true };
}

/** One whose old name is not there, since that was lost, does nothing. */
function rename(names: Map<string, Inode>, { inode, from, to }: Naming): void {
  if (from !== null && names.get(from) !== inode) return;
  if (from !== null) names.delete(from);
  if (to !== null) names.set(to, inode);
}

function apply(before: Uint8Array, { position, bytes }: Write): Uint8Array {
  const after = new Uint8Array(Math.max(before.length, position + bytes.length));
  after.set(before);
  after.set(bytes, position);
  return after;
}

function tear(before: Uint8Array, write: Write, random: Random): Uint8Array {
  switch (random.int(4)) {
    case 0:
      return before;
    case 1:
      return apply(before, write);
    case 2:
      return apply(before, { ...write, bytes: write.bytes.subarray(0, random.int(write.bytes.length + 1)) });
    default:
      return apply(before, { ...write, bytes: new Uint8Array(write.bytes.length) });
  }
}
