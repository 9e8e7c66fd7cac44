/** The commits of one open cache: what one turn of the event loop moves from the outbox to the document and the peers. */
import type { Replica } from '../core/replica';
import { CacheError } from '../errors';
import { limits } from '../limits';
import type { Peers } from './peers';

export interface CommitsOptions {
  readonly replica: Replica;
  readonly peers: Peers;
  /** Whether this process is the manager, who evicts. */
  readonly isManager: () => boolean;
  readonly onError: (error: CacheError) => void;
}

export class Commits {
  readonly #options: CommitsOptions;
  #evictions = 0;
  /** A commit failed, and not all has been written since. */
  #hasFailed = false;

  constructor(options: CommitsOptions) {
    this.#options = options;
  }

  /** Values that this process has evicted. */
  get evictions(): number {
    return this.#evictions;
  }

  /** Commits what waits, as much as one turn has time for; whether some is left for a later one. */
  run(): boolean {
    const { replica, peers } = this.#options;
    const hasMore = this.#evict();
    const end = performance.now() + limits.turnMs;
    do this.#commit();
    while (replica.hasUncommitted && performance.now() < end);
    if (!replica.hasUnwritten) peers.complete();
    return replica.hasUncommitted || hasMore;
  }

  #commit(): void {
    const { replica, peers, onError } = this.#options;
    try {
      const update = replica.commit(replica.commitMax);
      if (!replica.hasUnwritten) this.#hasFailed = false;
      if (update !== null) peers.push(update);
    } catch (cause) {
      peers.restartAll();
      // It was not the document then: no other does better.
      if (this.#hasFailed) throw cause;
      this.#hasFailed = true;
      onError(new CacheError('ERR_CLUSTER_CACHE_UPDATE', 'The document could not be written to. All go on with a new one.', { cause }));
    }
  }

  /** Evicts some values, where this is the manager and there are too many; whether it is to be called again. */
  #evict(): boolean {
    const { replica, isManager } = this.#options;
    if (!isManager() || !replica.isOverLimits) return false;
    // What has expired goes first, for nothing.
    if (replica.sweep(limits.sweepMax)) return true;
    const evicted = replica.evict(limits.evictionsMax);
    this.#evictions += evicted;
    return evicted > 0;
  }
}
