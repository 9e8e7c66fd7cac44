/**
 * Attendance: whether a replica has been there all the time, or was stopped for so long that others may have forgotten
 * what it has missed.
 */
import { limits } from '../limits';

export interface AttendanceOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How long what was removed is remembered, in ms. */
  readonly awayMs: () => number;
  /** How long what was missed may take to come, in ms, at least. */
  readonly orphanMsMin: number;
}

export class Attendance {
  readonly #options: AttendanceOptions;
  /** When something was done last, in ms since 1970, Infinity if nothing was; and for how long others remembered then. */
  #seenAt = Infinity;
  #seenAwayMs = 0;
  #awayUntil = -Infinity;

  constructor(options: AttendanceOptions) {
    this.#options = options;
  }

  /** Something is done, as it is every `limits.compareIntervalMs`, and each time the timer fires: every `awayMs`, or a little later. */
  note(): void {
    const { now, awayMs, orphanMsMin } = this.#options;
    const [nowMs, ms] = [now(), awayMs()];
    const longest = Math.max(this.#seenAwayMs, ms, Math.min(2 * ms, 2 * limits.compareIntervalMs));
    const until = nowMs + Math.max(ms, orphanMsMin);
    // The clock may have been set back since.
    this.#awayUntil = nowMs - this.#seenAt > longest ? until : Math.min(this.#awayUntil, until);
    [this.#seenAt, this.#seenAwayMs] = [nowMs, ms];
  }

  /** Until when what comes may be what was missed, in ms since 1970; -Infinity if nothing was. */
  get awayUntil(): number {
    return this.#awayUntil;
  }

  get wasAway(): boolean {
    return this.#options.now() <= this.#awayUntil;
  }
}
