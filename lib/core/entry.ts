/**
 * How a register stands in its segment map, and how a segment map is named.
 *
 * An entry is a plain array, so that any Yjs tool can read it: `[time, expiresAt, writer, value?]`, where
 * `writer` is 0 for the replica that owns the segment map, and a tombstone has no value.
 */
import { parseKey } from './path';
import type { Register } from './register';
import { adoptValue } from './value';

/** Ids of replicas: letters and digits only, so that the name of a segment map can be taken apart. */
const REPLICA_ID = /^[0-9a-z]{1,32}$/;

/** The name of the `number`-th segment map of `replica`. */
export function formatSegmentId(replica: string, number: number): string {
  return `${replica}.${number}`;
}

/** The replica that owns a segment map, or null if `id` names none. */
export function segmentOwner(id: string): string | null {
  const owner = id.slice(0, id.lastIndexOf('.'));
  return REPLICA_ID.test(owner) ? owner : null;
}

export function encodeEntry(register: Register, owner: string): unknown[] {
  const { time, expiresAt, writer, value } = register;
  const entry: unknown[] = [time, expiresAt, writer === owner ? 0 : writer];
  if (value !== undefined) entry.push(value);
  return entry;
}

/** The register that `entry` holds for `key` in the segment map `home`; null if it is none. */
export function decodeEntry(entry: unknown, key: string, home: string): Register | null {
  if (!Array.isArray(entry) || entry.length < 3 || entry.length > 4) return null;
  const [time, expiresAt, writerOrOwner, input] = entry as readonly unknown[];
  const writer = writerOrOwner === 0 ? segmentOwner(home) : writerOrOwner;
  if (!isCount(time) || !isCount(expiresAt) || typeof writer !== 'string' || !REPLICA_ID.test(writer)) return null;
  if (parseKey(key) === null) return null;
  if (entry.length === 3) return { key, time, writer, expiresAt, value: undefined, bytes: 0, home };
  const stored = adoptValue(input);
  return stored === null ? null : { key, time, writer, expiresAt, value: stored.value, bytes: stored.bytes, home };
}

function isCount(input: unknown): input is number {
  return Number.isSafeInteger(input) && (input as number) >= 0;
}
