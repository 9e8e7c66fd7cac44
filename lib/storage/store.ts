/**
 * The durable copy of one cache: a snapshot, and the log of what came since.
 *
 * It leaves to others when to save and what an update means. Whatever happens, what was on disk stays there: a
 * snapshot takes the place of the one before when it was read back and found to be good, and a log goes when
 * a snapshot holds all of it.
 */
import { dirname, resolve } from 'node:path';

import { CacheError } from '../errors';
import { limits } from '../limits';
import {
  listLogs,
  listTemporary,
  logOf,
  makeDirectory,
  removeFile,
  retiredLogOf,
  stagedOf,
  syncNames,
} from './companions';
import { hasCode, nodeDisk, perform, runSteps, runStepsSync } from './disk';
import { withExitLock } from './exit-lock';
import type { Disk, FileIdentity, Steps } from './disk';
import { Inventory, storageError, type LoadResult } from './inventory';
import { LogFile } from './log-file';
import type { EncodedSnapshot } from './snapshot';

export interface StoreOptions {
  /** Path of the snapshot, as `snapshotFilename` gives it. */
  readonly filename: string;
  /** The file system; the one of this machine by default. */
  readonly fs?: Disk;
}

/** Owner of the files of one cache. Its operations run one after the other, in the order of the calls. */
export class Store {
  readonly #filename: string;
  readonly #disk: Disk;
  readonly #inventory = new Inventory();
  #log: LogFile | null = null;
  /** Resolves, and never rejects, when the last operation has ended; to nothing, since what a load has read may be large. */
  #tail: Promise<void> = Promise.resolve();

  constructor({ filename, fs = nodeDisk }: StoreOptions) {
    this.#filename = resolve(filename);
    this.#disk = fs;
  }

  /** The log that is appended to, while there is one. */
  get log(): LogFile | null {
    return this.#log;
  }

  /** The generation that a snapshot must have that is begun now. */
  get generation(): number {
    return this.#inventory.generation;
  }

  /**
   * Reads the snapshot and the logs. Never rejects.
   *
   * A faulty snapshot is kept aside under another name, and the logs that nothing can be made of without it. A file
   * that cannot be read stays where it is, and nothing is written until another `load` could read it.
   */
  load(): Promise<LoadResult> {
    return this.#enqueue(() => this.#loading());
  }

  /** As `load`, in the 'exit' handler of a process. */
  loadSync(): LoadResult {
    return runStepsSync(this.#guarded(this.#loading()), this.#disk);
  }

  /** Whether some file counts as unread: it could not be read, or what it holds was not taken in. */
  get isUnread(): boolean {
    return this.#inventory.isUnread;
  }

  /** What was loaded last has come to nothing: it is to be loaded again before anything is written. */
  forget(cause: unknown): void {
    this.#inventory.forget(storageError(`what ${this.#filename} holds was not taken in`, cause));
  }

  /**
   * Begins a log, and takes away the one that somebody else, or this store, has written: nobody is told any more
   * that something in that is durable. Gives what the files hold that was not known, to be merged. Only a
   * snapshot that is saved afterwards makes the log worth syncing.
   */
  takeOver(): Promise<LoadResult> {
    return this.#enqueue(() => this.#takingOver());
  }

  /** Begins a log after the present one; false where that is not ours any more. */
  async rotate(): Promise<boolean> {
    // What the next log continues must be on disk before anybody is told that something in that is.
    const isOurs = await this.#log?.sync();
    return isOurs === true && this.#enqueue(() => this.#rotating());
  }

  /** Appends no more to the log; what is in it stays. */
  async releaseLog(): Promise<void> {
    const log = this.#log;
    this.#setLog(null);
    await log?.close();
  }

  /** As `releaseLog`, in an 'exit' handler. */
  releaseLogSync(): void {
    this.#setLog(null);
  }

  /** Ends the log, all of which is in the snapshot, and removes it. */
  removeLog(): Promise<void> {
    return this.#enqueue(() => this.#removingLog());
  }

  /**
   * Puts a snapshot on disk, synced and verified, and removes the logs it holds, where this store has a log.
   * False if somebody else has written meanwhile: then nothing has changed. Rejects with ERR_CLUSTER_CACHE_STORAGE.
   */
  save(snapshot: EncodedSnapshot): Promise<boolean> {
    return this.#enqueue(() => this.#saving(snapshot));
  }

  /**
   * As `save`, for the 'exit' handler of a process, after which nothing asynchronous goes on: it does
   * not wait for a `save` that is under way.
   */
  saveSync(snapshot: EncodedSnapshot): boolean {
    return runStepsSync(this.#guarded(this.#saving(snapshot)), this.#disk);
  }

  /** Runs `work` alone among the processes that save this file as they exit. */
  lockAtExit(work: () => void): void {
    withExitLock(this.#filename, work);
  }

  /** Whether there is something that this store has neither loaded nor written: load and merge it before `save`. */
  hasForeignFile(): Promise<boolean> {
    return this.#enqueue(() => this.#comparing());
  }

  /** As `hasForeignFile`, in the 'exit' handler of a process. */
  hasForeignFileSync(): boolean {
    return runStepsSync(this.#guarded(this.#comparing()), this.#disk);
  }

  /** Removes all files but those that were kept aside. */
  async remove(): Promise<void> {
    await this.releaseLog();
    return this.#enqueue(() => this.#removing());
  }

  #enqueue<Result>(procedure: () => Steps<Result>): Promise<Result> {
    const result = this.#tail.then(() => runSteps(this.#guarded(procedure()), this.#disk));
    this.#tail = result.then(ignore, ignore);
    return result;
  }

  *#guarded<Result>(steps: Steps<Result>): Steps<Result> {
    try {
      return yield* steps;
    } catch (error) {
      throw error instanceof CacheError ? error : storageError(`cannot access ${this.#filename}`, error);
    }
  }

  #setLog(log: LogFile | null): void {
    this.#log = log;
    this.#inventory.ownLog = log === null ? null : log.ino;
  }

  *#loading(): Steps<LoadResult> {
    return yield* this.#inventory.load(yield* this.#resolve());
  }

  *#comparing(): Steps<boolean> {
    return yield* this.#inventory.isForeign(yield* this.#resolve());
  }

  *#takingOver(): Steps<LoadResult> {
    const topmost = yield* makeDirectory(dirname(this.#filename));
    const file = yield* this.#resolve();
    const found: LoadResult[] = [];
    try {
      for (let attempt = 1; attempt <= limits.saveAttemptsMax; attempt++) {
        // Where the others' files cannot be read, they are left alone.
        if (this.#inventory.isUnread) found.push(yield* this.#loading());
        this.#inventory.throwIfUnread(file);
        yield* this.#retireLog(file);
        if (yield* this.#inventory.isForeign(file)) found.push(yield* this.#loading());
        this.#inventory.throwIfUnread(file);
        yield* this.#inventory.noteAbsence(file);
        if (!(yield* this.#begin(file, topmost))) continue;
        const updates = found.flatMap((each) => each.updates);
        return { updates, problems: found.flatMap(({ problems }) => problems), isSynced: false };
      }
      throw storageError(`somebody else writes ${logOf(file)} all the time`);
    } catch (error) {
      // Nobody gets what was found.
      if (found.length > 0) this.forget(error);
      throw error;
    }
  }

  *#rotating(): Steps<boolean> {
    const file = yield* this.#resolve();
    if (this.#log === null || !(yield* this.#inventory.isCurrent(file, this.#log.ino))) return false;
    yield* this.#retireLog(file);
    return yield* this.#begin(file, undefined);
  }

  *#removingLog(): Steps<void> {
    const log = this.#log;
    const file = yield* this.#resolve();
    if (log === null || !(yield* this.#inventory.isCurrent(file, log.ino))) return;
    const retired = yield* this.#retireLog(file);
    // Somebody else's may have come in between: the name tells nothing, the file does.
    if (retired?.ino === log.ino) yield* removeFile(retired.path);
  }

  /** Takes the log away, ours or not, and gives its new name. */
  *#retireLog(file: string): Steps<{ readonly path: string; readonly ino: bigint } | null> {
    const log = this.#log;
    this.#setLog(null);
    void log?.close();
    const path = retiredLogOf(file);
    let isThere = true;
    try {
      yield* perform('rename', logOf(file), path);
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
      isThere = false;
    }
    // Before anything else comes to have the name: somebody else may have taken the log away a moment ago.
    yield* syncNames(dirname(file), undefined);
    if (!isThere) return null;
    this.#inventory.generation++;
    const identity = yield* perform('stat', path);
    if (identity.ino === log?.ino) {
      this.#inventory.noteLog(identity);
      // On a full disk each attempt would leave another.
      if (log.isVoid) yield* removeQuietly(path);
    }
    return { path, ino: identity.ino };
  }

  /** Makes a log; false if somebody else has. */
  *#begin(file: string, topmost: string | undefined): Steps<boolean> {
    let descriptor: number;
    try {
      descriptor = yield* perform('create', logOf(file));
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return false;
      throw error;
    }
    try {
      // Once now instead of with every sync of the log: without its name, what is in it is lost.
      yield* syncNames(dirname(file), topmost);
      const identity = yield* perform('statOpen', descriptor);
      const { generation, base } = this.#inventory;
      const isCurrent = (): Steps<boolean> => this.#inventory.isCurrent(file, identity.ino);
      this.#setLog(new LogFile({ disk: this.#disk, header: { generation, base }, descriptor, identity, isCurrent }));
      return true;
    } catch (error) {
      yield* perform('close', descriptor);
      throw error;
    }
  }

  *#saving({ generation, bytes }: EncodedSnapshot): Steps<boolean> {
    const inventory = this.#inventory;
    inventory.throwIfUnread(this.#filename);
    const topmost = yield* makeDirectory(dirname(this.#filename));
    const file = yield* this.#resolve();
    const staged = stagedOf(file);
    let isInPlace = false;
    try {
      inventory.staged = yield* writeVerified(staged, bytes);
      if (!(yield* inventory.isUndisturbed(file))) return false;
      yield* perform('rename', staged, file);
      isInPlace = true;
      inventory.noteSnapshot(generation);
    } catch (error) {
      throw storageError(`cannot save ${file}`, error);
    } finally {
      inventory.staged = null;
      if (!isInPlace) yield* removeQuietly(staged);
    }
    yield* syncNames(dirname(file), topmost);
    if (this.#log !== null) yield* inventory.removeLogs(file);
    return true;
  }

  *#removing(): Steps<void> {
    const file = yield* this.#resolve();
    // In this order an interruption leaves an older state, and never a log without what it continues.
    for (const path of (yield* listLogs(file)).reverse()) yield* removeFile(path);
    yield* removeFile(file);
    if (file !== this.#filename) yield* removeFile(this.#filename);
    for (const path of yield* listTemporary(file)) yield* removeFile(path);
    this.#inventory.clear();
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

/** Writes a file and reads it back: a nearly full disk takes part of a file without an error. */
function* writeVerified(path: string, bytes: Uint8Array): Steps<FileIdentity> {
  yield* perform('writeFile', path, bytes);
  const identity = yield* perform('stat', path);
  if (yield* perform('holds', path, bytes)) return identity;
  throw storageError(`${path} is not what was written: ${identity.size} bytes, of ${bytes.length}`);
}

/** Removes what is of no use any more; where that fails, the next load sweeps it in time. */
function* removeQuietly(path: string): Steps<void> {
  try {
    yield* removeFile(path);
  } catch {
    // It costs nothing but its room.
  }
}

function ignore(): void {
  // Whoever has asked for the operation hears what came of it.
}
