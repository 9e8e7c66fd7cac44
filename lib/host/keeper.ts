/**
 * The keeper: the file copy of one cache in this process. Loads it, writes it when asked, one snapshot at a
 * time, and never puts an older state in the place of a newer one that it has not read.
 *
 * Who asks, and when, is the open cache's business: only the manager's keeper writes.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Replica } from '../core/replica';
import { CacheError } from '../errors';
import { limits } from '../limits';
import type { Snapshot } from '../storage/snapshot';
import { Store, type LoadResult } from '../storage/store';

export interface KeeperOptions {
  readonly replica: Replica;
  /** Absolute. */
  readonly filename: string;
  /** Commits what waits in the outbox, and tells the peers. */
  readonly commit: () => void;
  /** Has the replica, and the peers, take in what a file holds. Throws where that is no state. */
  readonly merge: (snapshot: Snapshot) => void;
  readonly onError: (error: CacheError) => void;
}

export class Keeper {
  readonly #replica: Replica;
  readonly #store: Store;
  readonly #commit: () => void;
  readonly #merge: (snapshot: Snapshot) => void;
  readonly #onError: (error: CacheError) => void;
  /** Revision of the replica that the file is known to hold; -1 for none. */
  #savedRevision = -1;
  #running: Promise<void> | null = null;
  /** The save that begins when the running one has ended. */
  #next: Promise<void> | null = null;

  constructor({ replica, filename, commit, merge, onError }: KeeperOptions) {
    this.#replica = replica;
    this.#store = new Store({ filename });
    this.#commit = commit;
    this.#merge = merge;
    this.#onError = onError;
  }

  /** Merges the file if somebody else has written it. Never rejects. */
  async refresh(): Promise<void> {
    // What cannot be looked at now is looked at again before the next save, which reports it.
    if (await this.#store.hasForeignFile().catch(() => false)) await this.#reload();
  }

  /** Loads the file for the first time. */
  async begin(): Promise<void> {
    const loaded = await this.#store.load();
    // What was set meanwhile is in no file.
    this.#commit();
    const isPristine = this.#replica.revision === 0;
    this.#take(loaded);
    if (isPristine && loaded.problems.length === 0) this.#savedRevision = this.#replica.revision;
  }

  /** Whether the file is known to hold all that the replica has. */
  get isSaved(): boolean {
    return this.#savedRevision === this.#replica.revision;
  }

  /**
   * Resolves when all that the replica has now is on disk, verified. Calls that come while a snapshot is
   * written share the next one. Rejects with ERR_CLUSTER_CACHE_STORAGE or _SNAPSHOT.
   */
  save(): Promise<void> {
    if (this.#running === null) {
      this.#running = this.#saveOnce().finally(() => (this.#running = null));
      return this.#running;
    }
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = null;
        return this.save();
      });
    return this.#next;
  }

  /** As `save`, in an 'exit' handler. */
  saveSync(): void {
    if (this.isSaved) return;
    this.#store.lockAtExit(() => {
      if (this.#store.hasForeignFileSync()) this.#take(this.#store.loadSync());
      if (!this.#replica.isWhole) this.#replica.writeOrphans();
      while (this.#replica.hasUnwritten) this.#commit();
      this.#store.saveSync(this.#snapshot());
    });
    this.#savedRevision = this.#replica.revision;
  }

  /** Resolves when nothing is being written. */
  async settle(): Promise<void> {
    while (this.#running !== null) await (this.#next ?? this.#running).catch(() => undefined);
  }

  /** Removes the file. */
  async remove(): Promise<void> {
    await this.settle();
    await this.#store.remove();
  }

  /** Merges what somebody else has written; where that is all there is, nothing is left to be saved. */
  async #reload(): Promise<void> {
    const loaded = await this.#store.load();
    this.#commit();
    this.#take(loaded);
    const { snapshot, problems } = loaded;
    if (snapshot === null || problems.length > 0) return;
    const { revision } = this.#replica;
    if (Buffer.compare(snapshot.update, this.#replica.encodeState()) === 0) this.#savedRevision = revision;
  }

  async #saveOnce(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      // Somebody whom we do not know of has written: read it first, so that nothing of it is lost.
      if (await this.#store.hasForeignFile()) await this.#reload();
      if (this.isSaved) return;
      await this.#becomeWhole();
      const { revision } = this.#replica;
      try {
        await this.#store.save(this.#snapshot());
        this.#savedRevision = revision;
        return;
      } catch (error) {
        const isContended = attempt < limits.saveAttemptsMax && (await this.#store.hasForeignFile());
        if (!isContended) throw error;
      }
    }
  }

  /**
   * After a new epoch began, the document lacks for a moment what others have yet to write into it, and must
   * not replace a file that has it. What they do not write in time is ours to write.
   */
  async #becomeWhole(): Promise<void> {
    for (let waitedMs = 0; ; waitedMs += limits.wholePollMs) {
      this.#commit();
      if (this.#replica.isWhole) return;
      if (waitedMs >= limits.wholeWaitMs) this.#replica.writeOrphans();
      await delay(limits.wholePollMs);
    }
  }

  #take({ snapshot, problems }: LoadResult): void {
    for (const problem of problems) this.#onError(problem);
    // What is in the file now may be older than what was saved.
    this.#savedRevision = -1;
    if (snapshot === null) return;
    try {
      this.#merge(snapshot);
    } catch (cause) {
      this.#onError(new CacheError('ERR_CLUSTER_CACHE_SNAPSHOT', 'The file holds what is no update.', { cause }));
    }
  }

  #snapshot(): Snapshot {
    return { epoch: this.#replica.epoch, update: this.#replica.encodeState() };
  }
}
