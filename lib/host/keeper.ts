/**
 * The keeper: the file copy of one cache in this process. It loads the files, appends to the log while it is in
 * office, syncs it as `durability` says, and rewrites it into a snapshot.
 *
 * Who is in office is the office's business. Two keepers that both believe to be write no file that the other
 * has not read, and what one of them has promised the other keeps (see lib/storage/log-file.ts).
 */
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import type { Replica } from '../core/replica';
import { CacheError, storageError } from '../errors';
import { limits } from '../limits';
import type { Disk } from '../storage/disk';
import type { LogFile } from '../storage/log-file';
import { SharedRuns } from '../storage/shared-runs';
import { Store } from '../storage/store';
import { Alarm } from './alarm';
import type { Durability } from './ports';
import { Reading, type ReadingOptions } from './reading';
import { Recorder } from './recorder';
import { SnapshotMaker } from './snapshot-maker';

export interface KeeperOptions extends Omit<ReadingOptions, 'forget'> {
  /** Absolute. */
  readonly filename: string;
  readonly durability: Durability;
  /** The file system; the one of this machine by default. */
  readonly disk?: Disk;
  readonly onError: (error: CacheError) => void;
}

export class Keeper {
  readonly #options: KeeperOptions;
  readonly #replica: Replica;
  readonly #store: Store;
  readonly #maker: SnapshotMaker;
  readonly #reading: Reading;
  readonly #recorder: Recorder;
  readonly #rewrites = new SharedRuns(() => this.#reading.exclusively(() => this.#rewrite()));
  #isInOffice = false;
  /** Whether what the document takes in goes to the files as it comes, from the first snapshot on. */
  #isCopying = false;
  #isEnded = false;
  #hasRead = false;
  /** Whether what is in the snapshot and was added to the log is all that the replica has. */
  #isBased = false;
  /** Whether logs wait to be removed by the next snapshot. */
  #hasRetired = false;
  /** Revision of the replica that is known to be synced to disk; -1 for none. */
  #savedRevision = -1;
  #snapshotBytes = 0;
  /** Whether somebody else was seen to write the files, since they were last written here. */
  #isContested = false;
  /** Whether the disk has failed and this was reported. */
  #isBroken = false;
  readonly #syncAlarm = new Alarm();
  readonly #retryAlarm = new Alarm();

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#replica = options.replica;
    this.#store = new Store({ filename: options.filename, ...(options.disk === undefined ? {} : { fs: options.disk }) });
    this.#reading = new Reading({ ...options, forget: (cause) => this.#store.forget(cause) });
    this.#maker = new SnapshotMaker(options);
    const onDue = (): void => void this.#append();
    this.#recorder = new Recorder({ ...options, onDue });
  }

  /** Loads the files for the first time. Never rejects. */
  async begin(): Promise<void> {
    if (await this.#reading.read(() => this.#store.load())) this.#savedRevision = this.#replica.revision;
  }

  /** Loads the files again if somebody else has written them since; whether all could be read. Never rejects. */
  async refresh(): Promise<boolean> {
    try {
      if (!(await this.#store.hasForeignFile()) || this.#isEnded) return true;
      if (this.#isInOffice) await this.maintain();
      else await this.#reading.exclusively(() => this.#reading.read(() => this.#store.load()));
      return !this.#store.isUnread;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  /** Whether the disk is known to hold all that the replica has. */
  get isSaved(): boolean {
    return this.#savedRevision === this.#replica.revision;
  }

  /** Whether, since it is in office, all is read that the one before may have written, or cannot be; and nothing is now. */
  get hasRead(): boolean {
    return this.#hasRead && !this.#reading.isGoingOn;
  }

  /** Whether this process has left the files to others for good. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  get isCopying(): boolean {
    return this.#isCopying;
  }

  /** The document has taken in an update. */
  record(update: Uint8Array): void {
    const { log } = this.#store;
    if (log !== null && !log.hasFailed) {
      this.#recorder.add(log, update);
    } else if (!this.isSaved) {
      this.#rewriteSoon();
    }
  }

  /** From now on the files are this process's to write. */
  takeOffice(): void {
    this.#isInOffice = this.#isCopying = true;
    // A snapshot may be on its way that was begun in an earlier term. Who has nothing to add begins no log.
    if (!this.#replica.isTurningOver) this.#replica.writeOrphans('removed');
    if (!this.isSaved) this.#rewriteSoon();
  }

  /** From now on they are somebody else's. */
  leaveOffice(): void {
    this.#isInOffice = this.#isCopying = false;
    this.#hasRead = this.#isBased = false;
    this.#syncAlarm.stop();
    this.#retryAlarm.stop();
    void this.#store.releaseLog();
  }

  /**
   * Resolves to true when all that the replica has now is synced to disk, to false if it is not and `isWanted` no
   * longer holds. Rejects with ERR_CLUSTER_CACHE_STORAGE or _SNAPSHOT.
   */
  async save(isWanted: () => boolean = () => true): Promise<boolean> {
    try {
      for (let attempt = 1; !(await this.#isDurable()); attempt++) {
        // Somebody else has come into office: who goes on would take the files from that one again and again.
        if (!isWanted()) return false;
        if (this.#isEnded || attempt > limits.saveAttemptsMax) throw contention();
        // Two who take the files from each other again and again are soon out of step.
        if (this.#isContested) await delay(attempt * Math.random() * limits.contentionWaitMs);
        this.#isContested = !(await this.#rewrites.join());
      }
      return true;
    } finally {
      this.#leaveUnlessInOffice();
    }
  }

  /** What the timer asks of who is in office: looks for files of others, and saves. */
  async maintain(): Promise<void> {
    try {
      const isForeign = await this.#store.hasForeignFile();
      if (isForeign) [this.#isBased, this.#savedRevision] = [false, -1];
      const isDue = this.#options.durability !== 'no' || !this.#isBased;
      if (this.#isInOffice && (isForeign || (isDue && !this.isSaved))) await this.save();
      this.#hasRead = this.#isInOffice;
    } catch (error) {
      this.#hasRead = this.#isInOffice;
      this.#fail(error);
    }
  }

  /** As `save`, in an 'exit' handler. */
  saveSync(): void {
    if (this.isSaved || this.#syncLogSync()) return;
    const store = this.#store;
    store.releaseLogSync();
    store.lockAtExit(() => {
      for (let attempt = 1; attempt <= limits.saveAttemptsMax; attempt++) {
        if (this.#reading.isGoingOn || store.hasForeignFileSync()) this.#reading.readSync(() => store.loadSync());
        if (!store.saveSync(this.#maker.makeSync(store.generation))) continue;
        this.#savedRevision = this.#replica.revision;
        return;
      }
      throw contention();
    });
  }

  /** Resolves when nothing is being written any more. Who was in office leaves a snapshot without a log. */
  async end(): Promise<void> {
    await this.#stop();
    const { log } = this.#store;
    try {
      if (log !== null) while (!this.#recorder.handTo(log)) await nextTurn();
      if (log !== null && this.#isBased && !log.hasFailed && (await this.#isInSnapshot(log))) await this.#store.removeLog();
    } catch (error) {
      this.#fail(error);
    }
    await this.#store.releaseLog();
  }

  /** Removes the files. */
  async remove(): Promise<void> {
    await this.#stop();
    await this.#store.remove();
  }

  /** Whether the disk has everything, once the log is synced. */
  async #isDurable(): Promise<boolean> {
    const { log } = this.#store;
    if (log === null) return this.isSaved && !(await this.#store.hasForeignFile());
    try {
      return await this.#syncLog(log);
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  async #syncLog(log: LogFile): Promise<boolean> {
    while (!this.#recorder.handTo(log)) await nextTurn();
    const { revision } = this.#replica;
    const isOurs = await log.sync();
    if (this.#store.log !== log) return false;
    if (!isOurs) {
      this.#isBased = false;
      this.#isContested = true;
    }
    if (!this.#isBased) return false;
    this.#savedRevision = Math.max(this.#savedRevision, revision);
    return true;
  }

  /** As `#syncLog`; false also where there is no log, or none that can be used. */
  #syncLogSync(): boolean {
    const { log } = this.#store;
    if (log === null || !this.#isBased) return false;
    try {
      while (!this.#recorder.handTo(log));
      if (!log.syncSync()) return false;
    } catch {
      return false;
    }
    this.#savedRevision = this.#replica.revision;
    return true;
  }

  /** Appends what was recorded in this turn of the event loop, at its end. */
  async #append(): Promise<void> {
    const { log } = this.#store;
    if (log === null) return;
    try {
      if (!this.#recorder.handTo(log)) return;
      if (this.#options.durability === 'always') await this.#syncLog(log);
      else await log.write();
      if (this.#store.log !== log) return;
      if (this.#options.durability === 'everysec') this.#syncLater();
      if (this.#isBased && log.length <= Math.max(limits.logRewriteBytesMin, this.#snapshotBytes)) return;
      this.#rewriteSoon();
    } catch (error) {
      // Whoever has taken the log away closes it.
      if (this.#store.log === log) this.#fail(error);
    }
  }

  #syncLater(): void {
    this.#syncAlarm.set(limits.logSyncIntervalMs, () => {
      const { log } = this.#store;
      if (log === null || !this.#isBased) return;
      this.#syncLog(log).then(
        (isDurable) => {
          if (!isDurable) this.#rewriteSoon();
        },
        (error: unknown): void => (this.#store.log === log ? this.#fail(error) : undefined),
      );
    });
  }

  /** Rewrites the log in the background, unless that has just failed: then later. */
  #rewriteSoon(): void {
    if (!this.#isInOffice || this.#retryAlarm.isSet) return;
    const onDone = (isDone: boolean): void => {
      if (!isDone) this.#retryIn(Math.random() * limits.contentionWaitMs);
    };
    const onError = (error: unknown): void => this.#fail(error);
    void this.#rewrites.join().then(onDone, onError).finally(() => this.#leaveUnlessInOffice());
  }

  /** A log that was begun for one snapshot alone, or before the office was lost, is nobody's. */
  #leaveUnlessInOffice(): void {
    if (!this.#isInOffice && !this.#isEnded) this.leaveOffice();
  }

  #retryIn(ms: number): void {
    if (this.#isInOffice) this.#retryAlarm.set(ms, (): void => this.#rewriteSoon());
  }

  /** Writes a snapshot, and begins a log of what comes from now on; false if somebody else did at the same time. */
  async #rewrite(): Promise<boolean> {
    this.#isCopying = true;
    const log = await this.#secureLog();
    const saved = await this.#maker.save(this.#store);
    this.#isBased = saved !== null && log !== null && this.#store.log === log && !log.hasFailed;
    if (saved === null) return false;
    this.#hasRetired = false;
    this.#savedRevision = Math.max(this.#savedRevision, saved.revision);
    this.#snapshotBytes = saved.length;
    this.#isBroken = false;
    // It works again: a log that outgrows the snapshot must not wait for that.
    this.#retryAlarm.stop();
    return true;
  }

  /** A log that is ours, and that the next snapshot need not hold all of. */
  async #secureLog(): Promise<LogFile | null> {
    const { log } = this.#store;
    if (log !== null && !log.hasFailed && !(await this.#store.hasForeignFile())) {
      if (!this.#isBased || this.#hasRetired || log.isEmpty) return log;
      this.#hasRetired = true;
      // What is recorded while one log follows the other may be in neither: the snapshot has it.
      this.#isBased = false;
      if (await this.#store.rotate().catch(() => false)) return this.#store.log;
    }
    this.#isBased = false;
    this.#hasRetired = true;
    await this.#reading.read(() => this.#store.takeOver());
    return this.#store.log;
  }

  /** Whether all of the log is in the snapshot, which is written if need be. */
  async #isInSnapshot(log: LogFile): Promise<boolean> {
    if (log.isEmpty && !this.#hasRetired) return true;
    return (await this.#maker.save(this.#store)) !== null;
  }

  /** The disk has failed: says so once, and tries again after a while, until it works. */
  #fail(cause: unknown): void {
    if (this.#store.log?.hasFailed === true) this.#isBased = false;
    // Whose office it is now has its own word to say.
    if (!this.#isInOffice) return;
    if (!this.#isBroken) this.#options.onError(storageError(cause));
    this.#isBroken = true;
    this.#retryIn(limits.diskRetryMs);
  }

  /** Begins nothing any more; resolves when what has begun has ended. */
  async #stop(): Promise<void> {
    this.#isEnded = true;
    this.#isInOffice = false;
    this.#syncAlarm.stop();
    this.#retryAlarm.stop();
    await this.#rewrites.settle();
    await this.#reading.exclusively(() => Promise.resolve());
  }
}

const contention = (): CacheError => new CacheError('ERR_CLUSTER_CACHE_STORAGE', 'Somebody else writes the file all the time.');
