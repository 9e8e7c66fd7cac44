/**
 * Registers: one write each, immutable but for where the document keeps it. The unit of replication.
 */
import type { JsonValue } from './value';
import { isLater, toHybridTime, type Stamp } from './stamp';

/** One write. */
export interface Register extends Stamp {
  /** Canonical path; the empty string is the root. */
  readonly key: string;
  /** The value written, deeply frozen; undefined is *absent*, which makes the register a tombstone. */
  readonly value: JsonValue | undefined;
  /** Milliseconds since 1970 from which on the value is absent; 0 is never. */
  readonly expiresAt: number;
  /** Estimated bytes of the value. */
  readonly bytes: number;
  /** The segment map of the document that holds it; null while it waits in the outbox. */
  home: string | null;
}

/**
 * The `expiresAt` of a tombstone that is an eviction. Being long past, it makes no difference to what is shown,
 * but everyone can tell why the value went.
 */
export const EVICTED_AT = 1;

/** Whether `register` is a later write than `other`. */
export function supersedes(register: Stamp, other: Stamp): boolean {
  return isLater(register.time, register.writer, other.time, other.writer);
}

/** Whether both are the same write, possibly moved, possibly without its expired value. */
export function isSameWrite(a: Stamp, b: Stamp): boolean {
  return a.time === b.time && a.writer === b.writer;
}

/** Whether the register's value has expired at `nowMs`. */
export function hasExpired(register: Register, nowMs: number): boolean {
  return register.expiresAt !== 0 && register.expiresAt <= nowMs;
}

/** The hybrid time below which an expired register hides what was written under its path. */
export function expiryTime(register: Register): number {
  return Math.max(register.time, toHybridTime(register.expiresAt));
}

/** The same write without its value: what is left of an expired register once it is swept. */
export function withoutValue(register: Register): Register {
  return { ...register, value: undefined, bytes: 0 };
}
