/**
 * The turn of the event loop that runs: until when the library may work in it, all caches of this process together.
 *
 * What arrives is taken in, what waits is committed, a sweep goes on, states and snapshots are encoded: a few milliseconds
 * for each would hold up the event loop for their sum.
 */
import { limits } from '../limits';

export class Turn {
  #hasBegun = false;
  #endsAt = 0;

  /** Until when work that begins now may go on, by `performance.now()`: as long as this turn has time, and a moment in any case. */
  share(): number {
    const now = performance.now();
    if (!this.#hasBegun) this.#begin(now);
    return Math.max(this.#endsAt, now + limits.turnShareMsMin);
  }

  /** Whether its time is over: work that can wait should. */
  get isOver(): boolean {
    return this.#hasBegun && performance.now() >= this.#endsAt;
  }

  /** The next one is about to begin. */
  end(): void {
    this.#hasBegun = false;
  }

  #begin(now: number): void {
    this.#hasBegun = true;
    this.#endsAt = now + limits.turnMs;
    // Twice: the first may come in the same turn, with work of others still to follow.
    setImmediate(() =>
      setImmediate(() => {
        this.end();
      }),
    );
  }
}

/** There is one event loop, however many hosts and caches there are. */
export const turn = new Turn();
