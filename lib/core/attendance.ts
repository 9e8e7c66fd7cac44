/**
 * Attendance: whether a replica has been there all the time, or was stopped for so long that others may have forgotten
 * what it has missed.
 */

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
  /** When something was done last, in ms since 1970; Infinity if nothing was. */
  #seenAt = Infinity;
  #awayUntil = -Infinity;

  constructor(options: AttendanceOptions) {
    this.#options = options;
  }

  /** Something is done, as it is each time the timer fires: every `awayMs`, or a little later. */
  note(): void {
    const { now, awayMs, orphanMsMin } = this.#options;
    const nowMs = now();
    if (nowMs - this.#seenAt > 2 * awayMs()) this.#awayUntil = nowMs + Math.max(awayMs(), orphanMsMin);
    this.#seenAt = nowMs;
  }

  /** Until when what comes may be what was missed, in ms since 1970; -Infinity if nothing was. */
  get awayUntil(): number {
    return this.#awayUntil;
  }

  get wasAway(): boolean {
    return this.#options.now() <= this.#awayUntil;
  }
}
