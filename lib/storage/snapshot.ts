/**
 * The bytes of a snapshot: one update and the epoch it belongs to, with a checksum over all of it.
 *
 *     file   = magic (8) version (u16) headerLength (u16) checksum (u32) header payload
 *     header = payloadLength (u32) epochNumber (f64) founder (UTF-8, to the end of the header)
 *
 * Numbers are little-endian. Magic and version stand in every format, so that another one can be told.
 */
import { crc32 } from 'node:zlib';

import { CacheError } from '../errors';
import { limits } from '../limits';

/** The life of one document: a higher number is newer, the founder tells apart equal numbers. */
export interface SnapshotEpoch {
  /** A safe integer, 0 or more. */
  readonly number: number;
  /** At most `limits.founderBytesMax` bytes of UTF-8. */
  readonly founder: string;
}

/** The whole state of one cache, as it stands on disk. */
export interface Snapshot {
  readonly epoch: SnapshotEpoch;
  /** Opaque here; at most `limits.snapshotBytesMax` bytes. */
  readonly update: Uint8Array;
}

/** Why bytes are no snapshot. `version` is another format and may be whole; all others are damage. */
export type SnapshotFault = 'magic' | 'version' | 'truncated' | 'trailing' | 'header' | 'checksum' | 'size';

/** The version of the format that is written, and the only one that is read. */
export const SNAPSHOT_VERSION = 1;

const MAGIC = Buffer.from('CLCACHE\n', 'latin1');
const VERSION_AT = 8;
const HEADER_LENGTH_AT = 10;
const CHECKSUM_AT = 12;
const HEADER_AT = 16;
const EPOCH_NUMBER_AT = 20;
const FOUNDER_AT = 28;

/** No snapshot is larger than this, in bytes. */
export const snapshotFileBytesMax = FOUNDER_AT + limits.founderBytesMax + limits.snapshotBytesMax;

const EXPLANATIONS: Readonly<Record<SnapshotFault, string>> = {
  magic: 'it does not begin like one',
  version: 'it is of another format version',
  truncated: 'its end is missing',
  trailing: 'something follows its end',
  header: 'its header makes no sense',
  checksum: 'its checksum does not fit',
  size: 'it is too large',
};

/** The bytes of `snapshot`. Throws ERR_CLUSTER_CACHE_SNAPSHOT for one that could not be read again. */
export function encodeSnapshot({ epoch, update }: Snapshot): Uint8Array {
  const founder = Buffer.from(epoch.founder, 'utf8');
  if (!isEpochNumber(epoch.number) || founder.length > limits.founderBytesMax || !epoch.founder.isWellFormed()) {
    throw snapshotError('this epoch makes no snapshot', 'header');
  }
  if (update.length > limits.snapshotBytesMax) {
    throw snapshotError(`an update of ${update.length} bytes makes no snapshot`, 'size');
  }
  const headerLength = FOUNDER_AT - HEADER_AT + founder.length;
  const bytes = new Uint8Array(HEADER_AT + headerLength + update.length);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint16(VERSION_AT, SNAPSHOT_VERSION, true);
  view.setUint16(HEADER_LENGTH_AT, headerLength, true);
  view.setUint32(HEADER_AT, update.length, true);
  view.setFloat64(EPOCH_NUMBER_AT, epoch.number, true);
  bytes.set(founder, FOUNDER_AT);
  bytes.set(update, HEADER_AT + headerLength);
  view.setUint32(CHECKSUM_AT, checksum(bytes), true);
  return bytes;
}

/** The snapshot in `bytes`; its update is a view of them. Throws ERR_CLUSTER_CACHE_SNAPSHOT, the fault in its message. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const parsed = parseSnapshot(bytes);
  if (typeof parsed === 'string') throw snapshotError('these bytes are no snapshot', parsed);
  return parsed;
}

/** As `decodeSnapshot`, but what is wrong is returned instead of thrown. */
export function parseSnapshot(bytes: Uint8Array): Snapshot | SnapshotFault {
  const opening = bytes.subarray(0, MAGIC.length);
  if (!MAGIC.subarray(0, opening.length).equals(opening)) return 'magic';
  if (bytes.length < HEADER_LENGTH_AT) return 'truncated';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(VERSION_AT, true) !== SNAPSHOT_VERSION) return 'version';
  if (bytes.length < FOUNDER_AT) return 'truncated';

  const payloadAt = HEADER_AT + view.getUint16(HEADER_LENGTH_AT, true);
  const founderBytes = payloadAt - FOUNDER_AT;
  if (founderBytes < 0 || founderBytes > limits.founderBytesMax) return 'header';
  const end = payloadAt + view.getUint32(HEADER_AT, true);
  if (bytes.length < end) return 'truncated';
  if (bytes.length > end) return 'trailing';
  if (view.getUint32(CHECKSUM_AT, true) !== checksum(bytes)) return 'checksum';

  const number = view.getFloat64(EPOCH_NUMBER_AT, true);
  const founder = decodeFounder(bytes.subarray(FOUNDER_AT, payloadAt));
  if (!isEpochNumber(number) || founder === null) return 'header';
  const update = new Uint8Array(bytes.buffer, bytes.byteOffset + payloadAt, end - payloadAt);
  return { epoch: { number, founder }, update };
}

/** An error that says what is no snapshot, and why. */
export function snapshotError(what: string, fault: SnapshotFault): CacheError {
  return new CacheError('ERR_CLUSTER_CACHE_SNAPSHOT', `${what}: ${EXPLANATIONS[fault]} (${fault})`);
}

function isEpochNumber(number: number): boolean {
  return Number.isSafeInteger(number) && number >= 0;
}

function decodeFounder(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Covers everything behind the magic but the place of the checksum itself. */
function checksum(bytes: Uint8Array): number {
  return crc32(bytes.subarray(HEADER_AT), crc32(bytes.subarray(VERSION_AT, CHECKSUM_AT)));
}
