/** The collector of one open cache: its timer, and what the timer does. */
import type { Replica } from '../core/replica';
import { limits } from '../limits';

export interface CollectorOptions {
  readonly replica: Replica;
  /** Looks after the file, the gone and the epoch, as far as that is this process's office. */
  readonly serve: () => void;
  /** Commits what waits in the outbox, and tells the peers. */
  readonly commit: () => void;
}

export class Collector {
  readonly #options: CollectorOptions;
  #timer: NodeJS.Timeout | null = null;
  #intervalMs = 0;
  /** When the sweep that goes on has begun, by `performance.now()`; null if there is none. */
  #sweepSince: number | null = null;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** Collects every `intervalMs` from now on. */
  start(intervalMs: number): void {
    this.stop();
    this.#intervalMs = intervalMs;
    this.#timer = setInterval(() => {
      this.#options.serve();
      if (this.#sweepSince === null) this.#sweep(performance.now());
    }, intervalMs);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /**
   * Expired values become tombstones and old ones are forgotten, some at a time with pauses between: all processes do so
   * at the same moment, and each is told of what every other does.
   */
  #sweep(since: number): void {
    this.#sweepSince = null;
    if (this.#timer === null) return;
    const { replica, commit } = this.#options;
    const end = performance.now() + limits.sweepMs;
    let hasMore: boolean;
    // What is to be told takes longer to commit, and to take in elsewhere, than to sweep.
    do hasMore = replica.sweep(limits.sweepMax);
    while (hasMore && !replica.hasUncommitted && performance.now() < end);
    commit();
    if (!hasMore) return;
    this.#sweepSince = since;
    setTimeout(() => {
      this.#sweep(since);
    }, this.#pauseMs(since)).unref();
  }

  /** Halves with every interval that the sweep has gone on: what expires must not outrun it. */
  #pauseMs(since: number): number {
    return limits.sweepPauseMs / 2 ** Math.floor((performance.now() - since) / this.#intervalMs);
  }
}
