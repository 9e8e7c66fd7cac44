/**
 * How a register stands in its segment map, and how a segment map is named.
 *
 * An entry is a plain array, so that any Yjs tool can read it: `[time, expiresAt, writer, value?]`, where
 * `writer` is 0 for the replica that owns the segment map, and a tombstone has no value.
 */
import { parseKey } from './path';
import type { Register } from './register';
import { HYBRID_TIME_MAX } from './stamp';
import { adoptValue, type JsonValue } from './value';

/** Ids of replicas: letters and digits only, so that the name of a segment map can be taken apart. */
const REPLICA_ID = /^[0-9a-z]{1,32}$/;
const SEGMENT_ID = /^([0-9a-z]{1,32})\.[0-9]+$/;

/** The name of the `number`-th segment map of `replica`. */
export function formatSegmentId(replica: string, number: number): string {
  return `${replica}.${number}`;
}

/** The replica that owns a segment map, or null if `id` names none. */
export function segmentOwner(id: string): string | null {
  return SEGMENT_ID.exec(id)?.[1] ?? null;
}

/** The replica that owns the segment map `id`, which is one. */
export function ownerOf(id: string): string {
  return id.slice(0, id.indexOf('.'));
}

/** Whether both name segment maps of one owner, and `id` the earlier one. */
export function isEarlierSegment(id: string | null, other: string | null): boolean {
  if (id === null || other === null) return false;
  const owner = ownerOf(id);
  if (ownerOf(other) !== owner) return false;
  return Number(id.slice(owner.length + 1)) < Number(other.slice(owner.length + 1));
}

export function encodeEntry(register: Register, owner: string): readonly unknown[] {
  const { time, expiresAt, writer, value } = register;
  const by = writer === owner ? 0 : writer;
  // Each as a whole: a list that has grown has room for sixteen more.
  return Object.freeze(value === undefined ? [time, expiresAt, by] : [time, expiresAt, by, value]);
}

/** Whether `entry` was decoded as a register before, or encoded from one: those are frozen. */
export function isKnownEntry(entry: unknown): boolean {
  return Array.isArray(entry) && Object.isFrozen(entry);
}

/** The register of an entry that was decoded or encoded before; null for one that was refused then, and so for good. */
export function recallEntry(entry: unknown, key: string, home: string): Register | null {
  return isKnownEntry(entry) ? decodeEntry(entry, key, home) : null;
}

/**
 * The register that `entry` holds for `key` in the segment map `home`, frozen with it; null if it is none, or one
 * later than `timeMax`.
 */
export function decodeEntry(entry: unknown, key: string, home: string, timeMax = HYBRID_TIME_MAX): Register | null {
  if (!Array.isArray(entry) || entry.length < 3 || entry.length > 4) return null;
  const [time, expiresAt, writerOrOwner, input] = entry as readonly unknown[];
  const writer = writerOrOwner === 0 ? segmentOwner(home) : writerOrOwner;
  if (!isCount(time) || time > timeMax || !isCount(expiresAt) || typeof writer !== 'string' || !REPLICA_ID.test(writer)) return null;
  if (parseKey(key) === null) return null;
  let value: JsonValue | undefined;
  let bytes = 0;
  if (entry.length === 4) {
    const stored = adoptValue(input);
    if (stored === null) return null;
    ({ value, bytes } = stored);
  }
  Object.freeze(entry);
  return { key, time, writer, expiresAt, value, bytes, home };
}

function isCount(input: unknown): input is number {
  return Number.isSafeInteger(input) && (input as number) >= 0;
}
