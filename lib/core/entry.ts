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

/** The name of a segment map, and the replica that owns it. */
export interface SegmentName {
  readonly home: string;
  readonly owner: string;
}

/** The name of the `number`-th segment map of `replica`. */
export function formatSegmentId(replica: string, number: number): string {
  return `${replica}.${number}`;
}

/** `home`, if it names a segment map. */
export function parseSegmentId(home: string): SegmentName | null {
  const owner = segmentOwner(home);
  return owner === null ? null : { home, owner };
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

/** How an entry of `register` in a segment map of `owner` names the writer. */
export function writerIn(register: Register, owner: string): string | 0 {
  return register.writer === owner ? 0 : register.writer;
}

/** The entry of `register`, of which `by` is the writer. */
export function encodeEntry({ time, expiresAt, value }: Register, by: string | 0): readonly unknown[] {
  return value === undefined ? [time, expiresAt, by] : [time, expiresAt, by, value];
}

/**
 * The register that `entry` holds for `key` in the segment map `home` of `owner`, its value frozen; null if it is none,
 * or one later than `timeMax`.
 */
export function decodeEntry(
  entry: unknown,
  key: string,
  { home, owner }: SegmentName,
  timeMax = HYBRID_TIME_MAX,
): Register | null {
  if (!Array.isArray(entry) || entry.length < 3 || entry.length > 4) return null;
  const [time, expiresAt, by, input] = entry as readonly unknown[];
  // The very string that all others of the owner have.
  const writer = by === 0 || by === owner ? owner : by;
  if (!isCount(time) || time > timeMax || !isCount(expiresAt) || typeof writer !== 'string' || !REPLICA_ID.test(writer)) return null;
  if (parseKey(key) === null) return null;
  let value: JsonValue | undefined;
  let bytes = 0;
  if (entry.length === 4) {
    const stored = adoptValue(input);
    if (stored === null) return null;
    ({ value, bytes } = stored);
  }
  return { key, time, writer, expiresAt, value, bytes, home };
}

function isCount(input: unknown): input is number {
  return Number.isSafeInteger(input) && (input as number) >= 0;
}
