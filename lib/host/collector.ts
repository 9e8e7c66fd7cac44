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
   * Expired values become tombstones and old ones are forgotten: a few at a time with pauses between, since all processes do
   * so at the same moment, and each is told of what every other does; without pauses when that takes too long, since what
   * expires must not outrun it.
   */
  #sweep(since: number): void {
    this.#sweepSince = null;
    if (this.#timer === null) return;
    const { replica, commit } = this.#options;
    const now = performance.now();
    // Where a new epoch has just begun, that comes first.
    const isUrgent = !replica.isTurningOver && now - since >= this.#intervalMs / limits.sweepGentleShare;
    const end = isUrgent ? now + limits.sweepMs : now;
    let hasMore: boolean;
    do hasMore = replica.isTurningOver || replica.sweep(limits.sweepMax);
    while (hasMore && performance.now() < end);
    commit();
    if (!hasMore) return;
    this.#sweepSince = since;
    const goOn = (): void => {
      this.#sweep(since);
    };
    if (isUrgent) setImmediate(goOn).unref();
    else setTimeout(goOn, limits.sweepPauseMs).unref();
  }
}
