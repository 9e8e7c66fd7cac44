/** The collector of one open cache: what the timer of this process does for it. */
import type { Replica } from '../core/replica';
import { limits } from '../limits';
import { rounds, type Round } from './rounds';
import { turn } from './turn';

export interface CollectorOptions {
  readonly replica: Replica;
  /** Looks after the file, the gone and the epoch, as far as that is this process's office. */
  readonly serve: () => void;
  /** Commits what waits in the outbox, and tells the peers. */
  readonly commit: () => void;
}

export class Collector {
  readonly #options: CollectorOptions;
  #round: Round | null = null;
  /** When the round began, or rang last, by `performance.now()`. */
  #rangAt = 0;
  /** When the sweep that goes on has begun, by `performance.now()`; null if there is none. */
  #sweepSince: number | null = null;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /**
   * Collects every `intervalMs` from now on. If it does so already, the time that has passed counts: who opens and closes
   * caches all the time does not put off what is due.
   */
  start(intervalMs: number): void {
    if (this.#round?.intervalMs === intervalMs) return;
    if (this.#round === null) this.#rangAt = performance.now();
    this.stop();
    const ring = (): void => {
      this.#rangAt = performance.now();
      this.#options.serve();
      if (this.#sweepSince === null) this.#sweep(performance.now());
    };
    this.#round = { intervalMs, ring, deadlineSlot: -1 };
    rounds.start(this.#round, this.#rangAt);
  }

  stop(): void {
    if (this.#round !== null) rounds.stop(this.#round);
    this.#round = null;
  }

  /**
   * Expired values become tombstones and old ones are forgotten: a few at a time with pauses between, since all processes do
   * so at the same moment, and each is told of what every other does; without pauses when that takes too long, since what
   * expires must not outrun it.
   */
  #sweep(since: number): void {
    this.#sweepSince = null;
    if (this.#round === null) return;
    const { replica, commit } = this.#options;
    const now = performance.now();
    // Where a new epoch has just begun, that comes first.
    const isUrgent = !replica.isTurningOver && now - since >= this.#round.intervalMs / limits.sweepGentleShare;
    const end = isUrgent ? turn.share('sweep') : now;
    let hasMore: boolean;
    do {
      hasMore = replica.isTurningOver || replica.sweep(limits.sweepMax);
      commit();
    } while (hasMore && performance.now() < end);
    if (!hasMore) return;
    this.#sweepSince = since;
    const goOn = (): void => {
      this.#sweep(since);
    };
    if (isUrgent) setImmediate(goOn).unref();
    else setTimeout(goOn, limits.sweepPauseMs).unref();
  }
}
