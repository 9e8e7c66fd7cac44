/**
 * The turn of the event loop that runs: until when the library may work in it, all caches of this process together.
 *
 * What arrives is taken in, what waits is committed, a sweep goes on, states and snapshots are encoded: a few milliseconds
 * for each would hold up the event loop for their sum.
 */
import { limits } from '../limits';

/** Kinds of work that may take more than one turn. */
export type Work = 'load' | 'receive' | 'commit' | 'sweep' | 'state' | 'snapshot';

export class Turn {
  /** Until when each kind may go on that has begun in this turn, by `performance.now()`. */
  readonly #ends = new Map<Work, number>();
  /** How many kinds have worked in the turn before. */
  #countBefore = 0;
  #endsAt = 0;

  /**
   * Until when work that begins now may go on: with others of its kind it has its part of the time of a turn, and a moment
   * in any case. Those who worked in the turn before will come in this one, too, and all must get on: a state that others
   * outrun would never be complete.
   */
  share(work: Work): number {
    const now = performance.now();
    if (this.#ends.size === 0) this.#begin(now);
    let end = this.#ends.get(work);
    if (end === undefined) {
      end = now + limits.turnMs / Math.max(this.#countBefore, this.#ends.size + 1);
      this.#ends.set(work, end);
    }
    return Math.max(end, now + limits.turnShareMsMin);
  }

  /** Whether its time is over: work that can wait should. */
  get isOver(): boolean {
    return this.#ends.size > 0 && performance.now() >= this.#endsAt;
  }

  /** The next one is about to begin. */
  end(): void {
    this.#countBefore = this.#ends.size;
    this.#ends.clear();
  }

  #begin(now: number): void {
    this.#endsAt = now + limits.turnMs;
    // What goes on in later turns does so in immediates, which come after this one.
    setImmediate(() => {
      this.end();
    });
  }
}

/** There is one event loop, however many hosts and caches there are. */
export const turn = new Turn();
