/** The timer of this process: one for the collections of all its caches, set for the soonest. */
import { Deadlines, type DeadlineItem } from '../core/deadlines';
import { limits } from '../limits';

/** What is due again and again. */
export interface Round extends DeadlineItem {
  /** Milliseconds between two times. */
  readonly intervalMs: number;
  /** May throw; what it throws is nobody's to catch. */
  readonly ring: () => void;
}

export class Rounds {
  /** By `performance.now()`, which no change of the clock moves. */
  readonly #deadlines = new Deadlines<Round>();
  #timer: NodeJS.Timeout | null = null;

  /** Rings after each interval from `since` on, by `performance.now()`; at once, if the first is over. */
  start(round: Round, since = performance.now()): void {
    this.#deadlines.add(since + round.intervalMs, round);
    this.#wind();
  }

  /** Rings no more; for one that was started. */
  stop(round: Round): void {
    this.#deadlines.remove(round);
    this.#wind();
  }

  /** Sets the timer for the soonest. It keeps no process alive. */
  #wind(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const { soonest } = this.#deadlines;
    if (soonest === undefined) return;
    const ms = Math.min(limits.timerMsMax, Math.max(0, Math.ceil(soonest - performance.now())));
    this.#timer = setTimeout(() => {
      this.#ring();
    }, ms).unref();
  }

  /** One at a time: whoever else is due comes in a turn of its own. */
  #ring(): void {
    const now = performance.now();
    const { soonest = now } = this.#deadlines;
    const round = this.#deadlines.takeDue(now);
    if (round !== undefined) {
      const next = soonest + round.intervalMs;
      // Times that were missed are not made up for.
      this.#deadlines.add(next > now ? next : now + round.intervalMs, round);
    }
    // Before it rings: it may throw, or stop itself.
    this.#wind();
    round?.ring();
  }
}

/** There is one process, however many hosts and caches there are. */
export const rounds = new Rounds();
