/**
 * The durable copy of one cache: one snapshot file, read, replaced and verified.
 *
 * It leaves to others when to save and what a snapshot means. Whatever happens while it saves, one
 * good file remains: the new one, or the one before under its own or its `-previous` name.
 */
import { dirname, resolve } from 'node:path';

import { CacheError } from '../errors';
import {
  examineFile,
  findFile,
  isSameFile,
  keepAside,
  keepPrevious,
  listTemporary,
  makeDirectory,
  previousOf,
  removeFile,
  sweepTemporary,
  syncNames,
} from './companions';
import { nodeDisk, perform, runSteps, runStepsSync } from './disk';
import { withExitLock } from './exit-lock';
import type { Disk, FileIdentity, Steps } from './disk';
import { encodeSnapshot, parseSnapshot, snapshotError } from './snapshot';
import type { Snapshot } from './snapshot';

export interface StoreOptions {
  /** Path of the snapshot, as `snapshotFilename` gives it. */
  readonly filename: string;
  /** The file system; the one of this machine by default. */
  readonly fs?: Disk;
}

export interface LoadResult {
  /** What was read; null where there is nothing, or nothing that can be read. */
  readonly snapshot: Snapshot | null;
  /** What went wrong on the way: ERR_CLUSTER_CACHE_SNAPSHOT for a faulty file, else ERR_CLUSTER_CACHE_STORAGE. */
  readonly problems: readonly CacheError[];
}

/** Owner of one snapshot file. Its operations run one after the other, in the order of the calls. */
export class Store {
  readonly #filename: string;
  readonly #disk: Disk;

  /** What this store last loaded or wrote; null where there was no file. */
  #known: FileIdentity | null = null;

  /** Why the last `load` could not look into a file. Invariant: while it is set, nothing is written. */
  #unread: CacheError | null = null;

  /** Settles, and never rejects, when the last operation has ended. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor({ filename, fs = nodeDisk }: StoreOptions) {
    this.#filename = resolve(filename);
    this.#disk = fs;
  }

  /**
   * Reads the snapshot, or the previous one where it is missing or faulty. Never rejects.
   *
   * A faulty file is kept aside under another name. One that cannot be read stays where it is, and
   * nothing is saved in its place until another `load` could read it.
   */
  load(): Promise<LoadResult> {
    return this.#enqueue(() => this.#loading());
  }

  /** As `load`, in the 'exit' handler of a process. */
  loadSync(): LoadResult {
    return runStepsSync(this.#guarded(this.#loading()), this.#disk);
  }

  /**
   * Puts `snapshot` on disk, synced and verified. Rejects with ERR_CLUSTER_CACHE_STORAGE, and then
   * the snapshot before is in its place; with ERR_CLUSTER_CACHE_SNAPSHOT for one out of bounds.
   */
  async save(snapshot: Snapshot): Promise<void> {
    const bytes = encodeSnapshot(snapshot);
    await this.#enqueue(() => this.#saving(bytes));
  }

  /** Runs `work` alone among the processes that save this file as they exit. */
  lockAtExit(work: () => void): void {
    withExitLock(this.#filename, work);
  }

  /**
   * As `save`, for the 'exit' handler of a process, after which nothing asynchronous goes on: it does
   * not wait for a `save` that is under way.
   */
  saveSync(snapshot: Snapshot): void {
    runStepsSync(this.#guarded(this.#saving(encodeSnapshot(snapshot))), this.#disk);
  }

  /** Whether there is a file that this store has neither loaded nor written: load and merge it before `save`. */
  hasForeignFile(): Promise<boolean> {
    return this.#enqueue(() => this.#comparing());
  }

  /** As `hasForeignFile`, in the 'exit' handler of a process. */
  hasForeignFileSync(): boolean {
    return runStepsSync(this.#guarded(this.#comparing()), this.#disk);
  }

  /** Removes the snapshot, the previous one and temporary files, but not what was kept aside. */
  remove(): Promise<void> {
    return this.#enqueue(() => this.#removing());
  }

  #enqueue<Result>(procedure: () => Steps<Result>): Promise<Result> {
    const result = this.#tail.then(() => runSteps(this.#guarded(procedure()), this.#disk));
    this.#tail = result.catch(() => undefined);
    return result;
  }

  *#guarded<Result>(steps: Steps<Result>): Steps<Result> {
    try {
      return yield* steps;
    } catch (error) {
      throw error instanceof CacheError ? error : storageError(`cannot access ${this.#filename}`, error);
    }
  }

  *#loading(): Steps<LoadResult> {
    const file = yield* this.#resolve();
    const problems: CacheError[] = [];
    this.#known = null;
    this.#unread = null;
    yield* sweepTemporary(file, Date.now());
    for (const path of [file, previousOf(file)]) {
      const found = yield* examineFile(path);
      if (found.state === 'whole') {
        if (path === file) this.#known = found.identity;
        return { snapshot: found.snapshot, problems };
      }
      if (found.state === 'unreadable') {
        this.#unread = storageError(`cannot read ${path}`, found.cause);
        problems.push(this.#unread);
        break;
      }
      if (found.state === 'faulty') {
        problems.push(snapshotError(path, found.fault));
        try {
          yield* keepAside(file, path, found.fault, Date.now());
        } catch (error) {
          problems.push(storageError(`cannot keep the faulty ${path} aside`, error));
        }
      }
    }
    return { snapshot: null, problems };
  }

  *#saving(bytes: Uint8Array): Steps<void> {
    if (this.#unread !== null) {
      throw storageError(`${this.#filename} is not overwritten unread`, this.#unread);
    }
    const topmost = yield* makeDirectory(dirname(this.#filename));
    const file = yield* this.#resolve();
    const previous = yield* this.#securePrevious(file);
    try {
      yield* perform('writeFile', file, bytes);
      yield* this.#verify(file, bytes);
    } catch (error) {
      yield* putBack(file, previous, error);
      throw storageError(`cannot save ${file}`, error);
    }
    yield* syncNames(dirname(file), topmost);
    yield* removePrevious(file, previous);
  }

  /** Keeps the present file as the previous one, if it is good; returns the identity of that. */
  *#securePrevious(file: string): Steps<FileIdentity | null> {
    const status = yield* findFile(file);
    if (status === null) return null;
    if (!isSameFile(status, this.#known)) {
      const found = yield* examineFile(file);
      if (found.state === 'unreadable') throw storageError(`${file} is not overwritten unread`, found.cause);
      // A faulty file must not take the place of a previous one that may be good.
      if (found.state === 'faulty') yield* keepAside(file, file, found.fault, Date.now());
      if (found.state !== 'whole') return null;
    }
    return yield* keepPrevious(file);
  }

  /** A nearly full disk takes part of a file without an error: only reading it back tells. */
  *#verify(file: string, bytes: Uint8Array): Steps<void> {
    const identity = yield* perform('stat', file);
    const written = yield* perform('readFile', file);
    if (Buffer.compare(written, bytes) === 0) {
      this.#known = identity;
      return;
    }
    if (typeof parseSnapshot(written) !== 'string') {
      throw storageError(`somebody else has replaced ${file} at the same time`);
    }
    throw storageError(`${file} is not what was written: ${written.length} bytes instead of ${bytes.length}`);
  }

  *#comparing(): Steps<boolean> {
    if (this.#unread !== null) return true;
    const status = yield* findFile(yield* this.#resolve());
    return status !== null && !isSameFile(status, this.#known);
  }

  *#removing(): Steps<void> {
    const file = yield* this.#resolve();
    // In this order an interruption leaves the newer one of the two.
    yield* removeFile(previousOf(file));
    yield* removeFile(file);
    if (file !== this.#filename) yield* removeFile(this.#filename);
    for (const path of yield* listTemporary(file)) yield* removeFile(path);
    this.#known = null;
    this.#unread = null;
  }

  /** The file behind a symbolic link: the link stays, and the files beside are where it leads to. */
  *#resolve(): Steps<string> {
    try {
      return yield* perform('realpath', this.#filename);
    } catch {
      return this.#filename;
    }
  }
}

/** After a failed write: makes sure that the good file is in its place. */
function* putBack(file: string, previous: FileIdentity | null, reason: unknown): Steps<void> {
  const found = yield* examineFile(file);
  try {
    if (found.state === 'whole') {
      if (previous !== null) yield* removePrevious(file, previous);
    } else if ((yield* findFile(previousOf(file))) !== null) {
      yield* perform('rename', previousOf(file), file);
    } else if (found.state === 'faulty') {
      yield* removeFile(file);
    }
  } catch (error) {
    const cause = new AggregateError([reason, error], 'neither written nor put back');
    throw storageError(`cannot save ${file}; the one before is ${previousOf(file)}`, cause);
  }
}

/** Removes the previous file, unless another process has put its own there meanwhile. */
function* removePrevious(file: string, previous: FileIdentity | null): Steps<void> {
  try {
    const status = yield* findFile(previousOf(file));
    if (status !== null && (previous === null || isSameFile(status, previous))) yield* removeFile(previousOf(file));
  } catch {
    // The new file is good; the next save replaces the previous one.
  }
}

function storageError(message: string, cause?: unknown): CacheError {
  return new CacheError('ERR_CLUSTER_CACHE_STORAGE', message, cause === undefined ? undefined : { cause });
}
