/** The commits of one open cache: what one turn of the event loop moves from the outbox to the document and the peers. */
import { compareEpochs, type Epoch } from '../core/epoch';
import type { Replica } from '../core/replica';
import { CacheError } from '../errors';
import { limits } from '../limits';
import type { Peers } from './peers';
import { turn } from './turn';

export interface CommitsOptions {
  readonly replica: Replica;
  readonly peers: Peers;
  /** Whether this process is the manager, who evicts. */
  readonly isManager: () => boolean;
  /** It is known of all winners who is to write them into a new epoch. */
  readonly onTurnedOver: () => void;
  readonly onError: (error: CacheError) => void;
}

export class Commits {
  readonly #options: CommitsOptions;
  #evictions = 0;
  /** Of which `onTurnedOver` was told. */
  #epoch: Epoch;
  /** A commit failed, and not all has been written since. */
  #hasFailed = false;

  constructor(options: CommitsOptions) {
    this.#options = options;
    this.#epoch = options.replica.epoch;
  }

  /** Values that this process has evicted. */
  get evictions(): number {
    return this.#evictions;
  }

  /** Commits what waits, as much as one turn has time for; whether some is left for a later one. */
  run(): boolean {
    const { replica, peers } = this.#options;
    const end = turn.share('commit');
    if (this.#isTurningOver(end)) return true;
    const hasMore = this.#evict();
    do this.#commit();
    while (replica.hasUncommitted && !replica.isTurningOver && performance.now() < end);
    if (!replica.hasUnwritten) peers.complete();
    return replica.hasUncommitted || hasMore;
  }

  /** Goes on with what a new epoch asks for first; whether more of it is left for later turns. */
  #isTurningOver(end: number): boolean {
    const { replica, onTurnedOver } = this.#options;
    while (replica.turnOver(limits.turnoverNodesMax)) if (performance.now() >= end) return true;
    const { epoch } = replica;
    if (compareEpochs(epoch, this.#epoch) !== 0) {
      this.#epoch = epoch;
      onTurnedOver();
    }
    return false;
  }

  #commit(): void {
    const { replica, peers, onError } = this.#options;
    try {
      const update = replica.commit(replica.commitMax);
      if (!replica.hasUnwritten) this.#hasFailed = false;
      if (update !== null) peers.push(update);
    } catch (cause) {
      peers.restartAll();
      if (this.#hasFailed) {
        // It was not the document then: no other does better, and who takes in what arrives must not wait for this.
        replica.turnOver();
        throw cause;
      }
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
    const { evicted, hasMore } = replica.evict(limits.evictionsMax, limits.evictionVisitsMax);
    this.#evictions += evicted;
    return hasMore;
  }
}
