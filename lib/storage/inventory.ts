/**
 * The files of one cache as this process knows them: which ones it has read or written, and what they hold.
 *
 * A file that it does not know is foreign: somebody else has written it, and it must be read before anything
 * takes its place.
 */
import { dirname } from 'node:path';

import { CacheError } from '../errors';
import { limits } from '../limits';
import { examineFile, findFile, isSameFile, keepAside, listLogs, logOf, removeFile, sweepTemporary } from './companions';
import { perform } from './disk';
import type { FileIdentity, Steps } from './disk';
import { parseLog, type ParsedLog } from './log';
import { formatError, type FileFault, type StoredUpdate } from './records';
import { parseSnapshot } from './snapshot';

export interface LoadResult {
  /** What was read, to be applied in this order. */
  readonly updates: readonly StoredUpdate[];
  /** What went wrong on the way: ERR_CLUSTER_CACHE_SNAPSHOT for a faulty file, else ERR_CLUSTER_CACHE_STORAGE. */
  readonly problems: readonly CacheError[];
  /** Whether no crash of the machine can take any of it away: what logs hold may not be synced. */
  readonly isSynced: boolean;
}

interface KnownLog {
  readonly identity: FileIdentity;
  /** Found in it behind the part that could be read. */
  readonly fault: FileFault | null;
}

/** A log as a load finds it. */
interface FoundLog extends KnownLog {
  readonly path: string;
  readonly parsed: ParsedLog;
}

/** A load that is going on. */
interface Findings {
  readonly file: string;
  readonly updates: StoredUpdate[];
  readonly problems: CacheError[];
}

export class Inventory {
  /** What a snapshot of all that is known has as its generation. Invariant: above that of every retired log. */
  generation = 1;
  /** Generation of the snapshot that is in its place; 0 for none. */
  base = 0;
  /** Inode of the log that this process appends to. */
  ownLog: bigint | null = null;
  /** One that was verified, and is about to take the place of the snapshot. */
  staged: FileIdentity | null = null;
  /** The snapshot that was last read or written; null where there was none. */
  #snapshot: FileIdentity | null = null;
  /** The logs that were read, or written by this process, by inode. */
  readonly #logs = new Map<bigint, KnownLog>();
  /** Why the last load could not look into a file. */
  #unread: CacheError | null = null;

  /** Throws ERR_CLUSTER_CACHE_STORAGE if there is a file that could not be read: nothing must be written then. */
  throwIfUnread(file: string): void {
    if (this.#unread !== null) throw storageError(`${file} is not overwritten unread`, this.#unread);
  }

  /** What the files hold was read for nothing: it must be read again. */
  forget(cause: CacheError): void {
    this.#unread = cause;
  }

  get isUnread(): boolean {
    return this.#unread !== null;
  }

  /** The staged snapshot has taken its place. */
  noteSnapshot(generation: number): void {
    this.#snapshot = this.staged;
    this.base = generation;
  }

  /** Before a log is begun: where somebody has removed the snapshot, there is nothing for it to continue. */
  *noteAbsence(file: string): Steps<void> {
    if ((yield* findFile(file)) !== null) return;
    this.#snapshot = null;
    this.base = 0;
  }

  /** A log that this process has written, as it is now. */
  noteLog(identity: FileIdentity): void {
    this.#logs.set(identity.ino, { identity, fault: null });
  }

  /** There are no files any more. */
  clear(): void {
    this.#snapshot = null;
    this.base = 0;
    this.#logs.clear();
    this.#unread = null;
  }

  /** Reads everything but our own log. Throws nothing. */
  *load(file: string): Steps<LoadResult> {
    const findings: Findings = { file, updates: [], problems: [] };
    const { updates, problems } = findings;
    this.clear();
    yield* sweepTemporary(file, Date.now());
    let logs: FoundLog[] = [];
    try {
      // Before the snapshot: a log that goes meanwhile is in the snapshot that is read then.
      logs = yield* this.#readLogs(findings);
    } catch (error) {
      this.#unread = error instanceof CacheError ? error : storageError(`cannot read the logs of ${file}`, error);
      problems.push(this.#unread);
    }
    const found = yield* examineFile(file, parseSnapshot);
    if (found.state === 'unreadable') {
      this.#unread = storageError(`cannot read ${file}`, found.cause);
      problems.push(this.#unread);
      return { updates, problems, isSynced: false };
    }
    if (found.state === 'faulty') yield* this.#keepAside(findings, file, found.fault);
    if (found.state === 'read') {
      this.#snapshot = found.identity;
      this.base = found.content.generation;
      for (const update of found.content.updates) updates.push(update);
    }
    this.generation = Math.max(this.generation, this.base);
    yield* this.#takeLogs(findings, logs, found.state === 'faulty');
    return { updates, problems, isSynced: logs.length === 0 && (yield* hasSyncedName(file)) };
  }

  /** Whether there is a file that is not known. */
  *isForeign(file: string): Steps<boolean> {
    if (this.#unread !== null) return true;
    const snapshot = yield* findFile(file);
    if (snapshot !== null && !isSameFile(snapshot, this.#snapshot)) return true;
    let hasOwnLog = this.ownLog === null;
    for (const path of yield* listLogs(file)) {
      const log = yield* findFile(path);
      if (log === null) continue;
      if (log.ino === this.ownLog) hasOwnLog ||= path === logOf(file);
      else if (!isSameFile(log, this.#logs.get(log.ino)?.identity ?? null)) return true;
    }
    return !hasOwnLog;
  }

  /** Whether nobody has replaced the snapshot or taken away our log, if we have one; other logs may have grown. */
  *isUndisturbed(file: string): Steps<boolean> {
    const snapshot = yield* findFile(file);
    if (snapshot !== null && ![this.#snapshot, this.staged].some((known) => isSameFile(snapshot, known))) return false;
    return this.ownLog === null || (yield* findFile(logOf(file)))?.ino === this.ownLog;
  }

  /** Whether what is synced in our log `ino` now will be read by whoever loads the files. */
  *isCurrent(file: string, ino: bigint): Steps<boolean> {
    const isThere = (yield* findFile(file)) !== null;
    return isThere && this.ownLog === ino && (yield* this.isUndisturbed(file));
  }

  /** Removes the logs that the snapshot holds; those that are damaged are kept aside. */
  *removeLogs(file: string): Steps<void> {
    for (const path of yield* listLogs(file)) {
      const status = yield* findFile(path);
      const known = status === null ? undefined : this.#logs.get(status.ino);
      if (status === null || known === undefined || status.ino === this.ownLog) continue;
      try {
        if (known.fault === null) yield* removeFile(path);
        else yield* keepAside(file, path, known.fault, Date.now());
        this.#logs.delete(status.ino);
      } catch {
        // It does no harm beside a snapshot that holds it; the next one tries again.
      }
    }
  }

  /** All logs but our own, oldest first. Throws where one cannot be read. */
  *#readLogs(findings: Findings): Steps<FoundLog[]> {
    const { file } = findings;
    for (let attempt = 1; attempt <= limits.saveAttemptsMax; attempt++) {
      const logs: FoundLog[] = [];
      let hasVanished = false;
      for (const path of yield* listLogs(file)) {
        const found = yield* examineFile(path, parseLog);
        if (found.state === 'unreadable') throw storageError(`cannot read ${path}`, found.cause);
        if (found.state === 'faulty') yield* this.#keepAside(findings, path, found.fault);
        // It may have been given another name, and then it was not read.
        if (found.state === 'missing') hasVanished = true;
        if (found.state !== 'read' || found.identity.ino === this.ownLog) continue;
        logs.push({ path, parsed: found.content, identity: found.identity, fault: found.content.fault });
      }
      const ageOf = ({ parsed }: FoundLog): number => parsed.header?.generation ?? Infinity;
      if (!hasVanished) return logs.sort((one, other) => (ageOf(one) < ageOf(other) ? -1 : 1));
    }
    throw storageError(`the logs of ${file} change all the time`);
  }

  /** Takes the updates of logs that continue what was read before, up to the first fault. */
  *#takeLogs(findings: Findings, logs: readonly FoundLog[], isBaseLost: boolean): Steps<void> {
    const { file, updates, problems } = findings;
    let isBroken = isBaseLost;
    for (const { path, parsed, identity, fault } of logs) {
      const { header } = parsed;
      if (header === null && fault !== null) yield* this.#keepAside(findings, path, fault);
      else this.#logs.set(identity.ino, { identity, fault });
      if (header === null) continue;
      this.generation = Math.max(this.generation, header.generation + (path === logOf(file) ? 0 : 1));
      // All of it is in the snapshot.
      if (header.generation < this.base) continue;
      // Nothing was to be continued yet when the snapshot was taken away.
      if (parsed.updates.length === 0 && fault === null) continue;
      if (isBroken || header.base > this.base) {
        isBroken = true;
        yield* this.#keepAside(findings, path, 'base');
        continue;
      }
      for (const update of parsed.updates) updates.push(update);
      if (fault === null) continue;
      // It stays where it is until a snapshot holds the part that is good.
      isBroken = true;
      problems.push(formatError(path, fault));
    }
  }

  *#keepAside({ file, problems }: Findings, path: string, fault: FileFault): Steps<void> {
    problems.push(formatError(path, fault));
    try {
      yield* keepAside(file, path, fault, Date.now());
    } catch (error) {
      problems.push(storageError(`cannot keep the faulty ${path} aside`, error));
    }
  }
}

/** Whether a snapshot keeps its name whatever happens: who put it there may have been killed before that was sure. */
function* hasSyncedName(file: string): Steps<boolean> {
  try {
    yield* perform('syncDirectory', dirname(file));
    return true;
  } catch {
    return false;
  }
}

export function storageError(message: string, cause?: unknown): CacheError {
  return new CacheError('ERR_CLUSTER_CACHE_STORAGE', message, cause === undefined ? undefined : { cause });
}
