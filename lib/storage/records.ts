/**
 * The bytes of the files of a cache: a header, then records of one update each, every one bound to all before it.
 *
 *     file    = magic (8) version (u16) zero (u16) checksum (u32) generation (f64) base (f64) record*
 *     record  = length (u32) guard (u32) checksum (u32) payload (length)
 *     payload = epochNumber (f64) founderLength (u8) founder (UTF-8) update
 *
 * Numbers are little-endian. `guard` is the CRC-32 of the length, continued from the checksum before it, and
 * `checksum` that of the payload, continued from the guard: so a record that is cut off is told from one that is
 * damaged. A record without payload ends the file. Magic and version stand in every format, so that another one
 * can be told.
 */
import { crc32 } from 'node:zlib';

import { CacheError } from '../errors';
import { limits } from '../limits';

/** The life of one document: a higher number is newer, the founder tells apart equal numbers. */
export interface StoredEpoch {
  /** A safe integer, 0 or more. */
  readonly number: number;
  /** At most `limits.founderBytesMax` bytes of UTF-8. */
  readonly founder: string;
}

/** One update as it stands on disk. */
export interface StoredUpdate {
  readonly epoch: StoredEpoch;
  /** Opaque here. */
  readonly update: Uint8Array;
}

/** Where a file stands among the files of its cache. */
export interface FileHeader {
  /** Of a snapshot: it holds all of the logs of lower generations. A safe integer, 0 or more. */
  readonly generation: number;
  /** Of a log: the generation of the oldest snapshot that it continues; 0 if it needs none. */
  readonly base: number;
}

/** Why bytes are not what they should be. `version` is another format and may be whole; all others are damage. */
export type FileFault = 'magic' | 'version' | 'truncated' | 'trailing' | 'header' | 'checksum' | 'size' | 'base';

/** How records end: by the record that ends a file, after a record, within one, or where the fault is. */
export type RecordsEnd = 'closed' | 'open' | 'torn' | FileFault;

export interface ParsedFile extends FileHeader {
  /** Views of the bytes, up to the end. */
  readonly updates: readonly StoredUpdate[];
  readonly end: RecordsEnd;
}

/** The version of the format that is written, and the only one that is read. */
export const FORMAT_VERSION = 2;

const MAGIC_LENGTH = 8;
const VERSION_AT = 8;
const CHECKSUM_AT = 12;
const GENERATION_AT = 16;
const BASE_AT = 24;
/** Bytes of the header of a file. */
export const HEADER_LENGTH = 32;
const RECORD_HEAD_LENGTH = 12;
const FOUNDER_AT = 9;

const EXPLANATIONS: Readonly<Record<FileFault, string>> = {
  magic: 'it does not begin like one',
  version: 'it is of another format version',
  truncated: 'its end is missing',
  trailing: 'something follows its end',
  header: 'its header makes no sense',
  checksum: 'its checksum does not fit',
  size: 'it is too large',
  base: 'the snapshot that it continues is missing',
};

/** An error that says what is no file of a cache, and why. */
export function formatError(what: string, fault: FileFault): CacheError {
  return new CacheError('ERR_CLUSTER_CACHE_SNAPSHOT', `${what}: ${EXPLANATIONS[fault]} (${fault})`);
}

/** Makes the bytes of one file, part by part. */
export class FileEncoder {
  /** To be written first. */
  readonly header: Uint8Array;
  /** Checksum of all that was encoded, which the next record continues. */
  #chain: number;

  constructor(magic: string, { generation, base }: FileHeader) {
    this.header = new Uint8Array(HEADER_LENGTH);
    const view = new DataView(this.header.buffer);
    this.header.set(Buffer.from(magic, 'latin1'));
    view.setUint16(VERSION_AT, FORMAT_VERSION, true);
    view.setFloat64(GENERATION_AT, generation, true);
    view.setFloat64(BASE_AT, base, true);
    this.#chain = checksumOfHeader(this.header);
    view.setUint32(CHECKSUM_AT, this.#chain, true);
  }

  /** The next record. Throws ERR_CLUSTER_CACHE_SNAPSHOT for an epoch or an update that could not be read again. */
  encode({ epoch, update }: StoredUpdate): Uint8Array {
    const founder = Buffer.from(epoch.founder, 'utf8');
    if (!isCount(epoch.number) || founder.length > limits.founderBytesMax || !epoch.founder.isWellFormed()) {
      throw formatError('this epoch makes no record', 'header');
    }
    if (update.length > limits.snapshotBytesMax) {
      throw formatError(`an update of ${update.length} bytes makes no record`, 'size');
    }
    const payloadLength = FOUNDER_AT + founder.length + update.length;
    const bytes = new Uint8Array(RECORD_HEAD_LENGTH + payloadLength);
    const payload = bytes.subarray(RECORD_HEAD_LENGTH);
    new DataView(payload.buffer, payload.byteOffset).setFloat64(0, epoch.number, true);
    payload[FOUNDER_AT - 1] = founder.length;
    payload.set(founder, FOUNDER_AT);
    payload.set(update, FOUNDER_AT + founder.length);
    return this.#seal(bytes);
  }

  /** The record that ends a file. */
  encodeEnd(): Uint8Array {
    return this.#seal(new Uint8Array(RECORD_HEAD_LENGTH));
  }

  #seal(bytes: Uint8Array): Uint8Array {
    const view = new DataView(bytes.buffer);
    view.setUint32(0, bytes.length - RECORD_HEAD_LENGTH, true);
    const guard = crc32(bytes.subarray(0, 4), this.#chain);
    this.#chain = crc32(bytes.subarray(RECORD_HEAD_LENGTH), guard);
    view.setUint32(4, guard, true);
    view.setUint32(8, this.#chain, true);
    return bytes;
  }
}

/** What `bytes` hold up to the first fault, or the fault if that is in the header. */
export function parseFile(bytes: Uint8Array, magic: string): ParsedFile | FileFault {
  const opening = bytes.subarray(0, MAGIC_LENGTH);
  if (!Buffer.from(magic, 'latin1').subarray(0, opening.length).equals(opening)) return 'magic';
  if (bytes.length < VERSION_AT + 2) return 'truncated';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(VERSION_AT, true) !== FORMAT_VERSION) return 'version';
  if (bytes.length < HEADER_LENGTH) return 'truncated';
  const chain = checksumOfHeader(bytes);
  if (view.getUint32(CHECKSUM_AT, true) !== chain) return 'checksum';
  const generation = view.getFloat64(GENERATION_AT, true);
  const base = view.getFloat64(BASE_AT, true);
  if (!isCount(generation) || !isCount(base)) return 'header';
  const updates: StoredUpdate[] = [];
  const end = parseRecords(bytes, chain, updates);
  return { generation, base, updates, end };
}

function parseRecords(bytes: Uint8Array, headerChecksum: number, updates: StoredUpdate[]): RecordsEnd {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let chain = headerChecksum;
  for (let at = HEADER_LENGTH; at < bytes.length; ) {
    const payloadAt = at + RECORD_HEAD_LENGTH;
    if (bytes.length < payloadAt) return 'torn';
    const guard = crc32(bytes.subarray(at, at + 4), chain);
    // Zeros are what a file system shows where a file has grown and its bytes were not written before a crash.
    if (view.getUint32(at + 4, true) !== guard) return isZero(bytes.subarray(at)) ? 'torn' : 'checksum';
    const end = payloadAt + view.getUint32(at, true);
    if (bytes.length < end) return 'torn';
    const payload = bytes.subarray(payloadAt, end);
    chain = crc32(payload, guard);
    // Of the last record, any part may be missing after a crash; what something follows was once whole.
    if (view.getUint32(at + 8, true) !== chain) return end === bytes.length ? 'torn' : 'checksum';
    if (payload.length === 0) return end === bytes.length ? 'closed' : 'trailing';
    const update = decodePayload(payload);
    if (update === null) return 'header';
    updates.push(update);
    at = end;
  }
  return 'open';
}

function decodePayload(payload: Uint8Array): StoredUpdate | null {
  const updateAt = FOUNDER_AT + (payload[FOUNDER_AT - 1] ?? Infinity);
  if (payload.length < updateAt) return null;
  const number = new DataView(payload.buffer, payload.byteOffset).getFloat64(0, true);
  const founder = decodeFounder(payload.subarray(FOUNDER_AT, updateAt));
  if (!isCount(number) || founder === null) return null;
  const update = new Uint8Array(payload.buffer, payload.byteOffset + updateAt, payload.length - updateAt);
  return { epoch: { number, founder }, update };
}

function decodeFounder(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function isCount(number: number): boolean {
  return Number.isSafeInteger(number) && number >= 0;
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** Covers everything behind the magic but the place of the checksum itself. */
function checksumOfHeader(bytes: Uint8Array): number {
  return crc32(bytes.subarray(GENERATION_AT, HEADER_LENGTH), crc32(bytes.subarray(VERSION_AT, CHECKSUM_AT)));
}
