/**
 * Stamps: the order of all writes. A hybrid logical clock (Kulkarni et al., "Logical Physical Clocks",
 * 2014): wall time, never running backwards, never behind a write already seen.
 *
 * The hybrid time is one number: milliseconds since 2020 × 4,096 + a counter, exact in a double until 2089.
 * Two writes of one hybrid time are ordered by their writers, so no two stamps are equal.
 */

import { limits } from '../limits';

/** The first millisecond of 2020, since 1970. */
const ORIGIN_MS = 1_577_836_800_000;
const COUNTS_PER_MS = 4096;

/** The latest hybrid time that is accepted: past it a clock that must exceed it would run out of numbers. */
export const HYBRID_TIME_MAX = 2 ** 53 - 2 ** 32;

/** Order of a write: hybrid time, then writer. */
export interface Stamp {
  /** Hybrid time. */
  readonly time: number;
  /** The replica that wrote it; the empty string, which no replica has, is below every writer. */
  readonly writer: string;
}

/** The first hybrid time of a millisecond since 1970. */
export function toHybridTime(ms: number): number {
  return (ms - ORIGIN_MS) * COUNTS_PER_MS;
}

/** The millisecond since 1970 in which a hybrid time lies. */
export function toMilliseconds(time: number): number {
  return Math.floor(time / COUNTS_PER_MS) + ORIGIN_MS;
}

/** Whether stamp (`time`, `writer`) is later than (`otherTime`, `otherWriter`). */
export function isLater(time: number, writer: string, otherTime: number, otherWriter: string): boolean {
  return time > otherTime || (time === otherTime && writer > otherWriter);
}

/** Gives out hybrid times, each later than all that it gave out or has seen. */
export class HybridClock {
  #last = 0;
  /** The latest time that this process has seen for itself: on its own clock, or in its file. */
  #reached = 0;

  /** The time of a write made at `nowMs` (ms since 1970, may run backwards). */
  next(nowMs: number): number {
    this.#reached = Math.max(toHybridTime(nowMs), this.#reached);
    this.#last = Math.max(toHybridTime(nowMs), this.#last + 1);
    return this.#last;
  }

  /** Takes note of a write made elsewhere. */
  observe(time: number): void {
    if (time > this.#last) this.#last = time;
  }

  /** Takes note of a write in the file, where the times of this machine stand that its clock may have forgotten. */
  trust(time: number): void {
    this.observe(time);
    this.#reached = Math.max(time, this.#reached);
  }

  /**
   * The latest time that is believed of a write made elsewhere. Peers live on the same machine, so only a fault
   * puts one far ahead; what peers say moves the bound nowhere, or it could be led there step by step.
   */
  latest(nowMs: number): number {
    this.#reached = Math.max(toHybridTime(nowMs), this.#reached);
    return Math.min(HYBRID_TIME_MAX, this.#reached + limits.clockAheadMsMax * COUNTS_PER_MS);
  }
}
