/**
 * The few operations on files that the storage needs, as a port, and the ways to drive a procedure
 * made of them.
 *
 * A procedure is written once, as a generator of steps. `runSteps` awaits each of them, `runStepsSync`
 * does them at once, which is all that a process can still do while it exits.
 */
import * as fs from 'node:fs';
import { promisify } from 'node:util';

import writeFileAtomic from 'write-file-atomic';

/** What tells one state of a file from another without reading it. */
export interface FileIdentity {
  readonly ino: bigint;
  /** Bytes. */
  readonly size: bigint;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint;
}

/** What `stat` says of a path. */
export interface FileStatus extends FileIdentity {
  isFile(): boolean;
}

/** The operations; each throws the error of the system, with its `code`. */
export interface DiskOperations {
  /** Makes one directory, mode 0700. */
  mkdir(path: string): void;
  realpath(path: string): string;
  stat(path: string): FileStatus;
  readdir(path: string): string[];
  readFile(path: string): Uint8Array;
  /** Whether the file at `path` has exactly these bytes. It is read in pieces: so it takes little memory. */
  holds(path: string, bytes: Uint8Array): boolean;
  /** Puts a file with these bytes, mode 0600 and synced, in the place of the one at `path`, atomically. */
  writeFile(path: string, bytes: Uint8Array): void;
  rename(from: string, to: string): void;
  unlink(path: string): void;
  syncDirectory(path: string): void;
  /** Makes a file, mode 0600, and opens it for writing; fails where there is one. Returns its descriptor. */
  create(path: string): number;
  /** What `stat` says of an open file. */
  statOpen(descriptor: number): FileStatus;
  /** Writes bytes from `position` on, and returns how many: a full disk takes fewer than it is given. */
  write(descriptor: number, bytes: Uint8Array, position: number): number;
  sync(descriptor: number): void;
  close(descriptor: number): void;
}

type Promised<Operation> = Operation extends (...args: infer Args) => infer Result
  ? (...args: Args) => Promise<Result>
  : never;

/** The same operations twice: for the life of a process, and for its exit. */
export interface Disk {
  readonly async: { readonly [Name in keyof DiskOperations]: Promised<DiskOperations[Name]> };
  readonly sync: Readonly<DiskOperations>;
}

/** One operation that a procedure asks for. */
export interface Step {
  readonly operation: keyof DiskOperations;
  readonly args: readonly unknown[];
}

/** A procedure: it yields operations, is given their results or errors, and ends with a `Result`. */
export type Steps<Result> = Generator<Step, Result, unknown>;

/** Asks for one operation from within a procedure. */
export function* perform<Name extends keyof DiskOperations>(
  operation: Name,
  ...args: Parameters<DiskOperations[Name]>
): Steps<ReturnType<DiskOperations[Name]>> {
  return (yield { operation, args }) as ReturnType<DiskOperations[Name]>;
}

/** Drives a procedure without holding up the process. */
export async function runSteps<Result>(steps: Steps<Result>, disk: Disk): Promise<Result> {
  let turn = steps.next();
  while (turn.done !== true) {
    let result: unknown;
    try {
      result = await (Reflect.apply(disk.async[turn.value.operation], undefined, turn.value.args) as Promise<unknown>);
    } catch (error) {
      turn = steps.throw(error);
      continue;
    }
    turn = steps.next(result);
  }
  return turn.value;
}

/** Drives a procedure to its end at once. */
export function runStepsSync<Result>(steps: Steps<Result>, disk: Disk): Result {
  let turn = steps.next();
  while (turn.done !== true) {
    let result: unknown;
    try {
      result = Reflect.apply(disk.sync[turn.value.operation], undefined, turn.value.args);
    } catch (error) {
      turn = steps.throw(error);
      continue;
    }
    turn = steps.next(result);
  }
  return turn.value;
}

/** Whether `error` is one of the system's, with one of `codes`. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && codes.includes(String(error.code));
}

/** A new object at each call: `write-file-atomic` writes into the options it is given. */
const writeOptions = () => ({ mode: 0o600, fsync: true });

const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** What is read at once where a file is compared, in bytes. */
const PIECE_BYTES = 2 ** 18;

const isPiece = (piece: Uint8Array, bytes: Uint8Array, at: number) =>
  Buffer.compare(piece, bytes.subarray(at, at + piece.length)) === 0;

/** The disk of this machine. */
export const nodeDisk: Disk = {
  async: {
    mkdir: (path) => fs.promises.mkdir(path, { mode: 0o700 }),
    realpath: (path) => fs.promises.realpath(path),
    stat: (path) => fs.promises.stat(path, { bigint: true }),
    readdir: (path) => fs.promises.readdir(path),
    readFile: (path) => fs.promises.readFile(path),
    holds: async (path, bytes) => {
      const handle = await fs.promises.open(path, 'r');
      try {
        const piece = Buffer.allocUnsafe(PIECE_BYTES);
        for (let at = 0; ; ) {
          const { bytesRead } = await handle.read(piece, 0, piece.length, at);
          if (bytesRead === 0) return at === bytes.length;
          if (!isPiece(piece.subarray(0, bytesRead), bytes, at)) return false;
          at += bytesRead;
        }
      } finally {
        await handle.close();
      }
    },
    writeFile: (path, bytes) => writeFileAtomic(path, asBuffer(bytes), writeOptions()),
    rename: (from, to) => fs.promises.rename(from, to),
    unlink: (path) => fs.promises.unlink(path),
    syncDirectory: async (path) => {
      const handle = await fs.promises.open(path, 'r');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    },
    // Descriptors, not handles: what was opened in the life of a process is also written at its exit.
    create: (path) => promisify(fs.open)(path, 'wx', 0o600),
    statOpen: (descriptor) => promisify(fs.fstat)(descriptor, { bigint: true }),
    write: async (descriptor, bytes, position) => {
      const { bytesWritten } = await promisify(fs.write)(descriptor, bytes, 0, bytes.length, position);
      return bytesWritten;
    },
    sync: (descriptor) => promisify(fs.fsync)(descriptor),
    close: (descriptor) => promisify(fs.close)(descriptor),
  },
  sync: {
    mkdir: (path) => {
      fs.mkdirSync(path, { mode: 0o700 });
    },
    realpath: (path) => fs.realpathSync(path),
    stat: (path) => fs.statSync(path, { bigint: true }),
    readdir: (path) => fs.readdirSync(path),
    readFile: (path) => fs.readFileSync(path),
    holds: (path, bytes) => Buffer.compare(fs.readFileSync(path), bytes) === 0,
    writeFile: (path, bytes) => writeFileAtomic.sync(path, asBuffer(bytes), writeOptions()),
    rename: (from, to) => fs.renameSync(from, to),
    unlink: (path) => fs.unlinkSync(path),
    syncDirectory: (path) => {
      const descriptor = fs.openSync(path, 'r');
      try {
        fs.fsyncSync(descriptor);
      } finally {
        fs.closeSync(descriptor);
      }
    },
    create: (path) => fs.openSync(path, 'wx', 0o600),
    statOpen: (descriptor) => fs.fstatSync(descriptor, { bigint: true }),
    write: (descriptor, bytes, position) => fs.writeSync(descriptor, bytes, 0, bytes.length, position),
    sync: (descriptor) => fs.fsyncSync(descriptor),
    close: (descriptor) => fs.closeSync(descriptor),
  },
};
