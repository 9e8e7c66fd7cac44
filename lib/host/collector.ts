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
  /** A sweep goes on, a part of it in every turn; a second one would only crowd the event loop. */
  #isSweeping = false;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** Collects every `intervalMs` from now on. */
  start(intervalMs: number): void {
    this.stop();
    this.#timer = setInterval(() => {
      this.#options.serve();
      if (!this.#isSweeping) this.#sweep();
    }, intervalMs);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Expired values become tombstones and old ones are forgotten, some in every turn of the event loop. */
  #sweep(): void {
    this.#isSweeping = false;
    if (this.#timer === null) return;
    const { replica, commit } = this.#options;
    const end = performance.now() + limits.sweepMs;
    let hasMore: boolean;
    do hasMore = replica.sweep(limits.sweepMax);
    while (hasMore && performance.now() < end);
    commit();
    if (!hasMore) return;
    this.#isSweeping = true;
    setImmediate(() => {
      this.#sweep();
    }).unref();
  }
}
