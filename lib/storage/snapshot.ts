/**
 * The bytes of a snapshot: the whole state of one cache as a sequence of updates, made and read as `records.ts` says.
 *
 * It comes in parts, so that a large one can be made without holding up the event loop.
 */
import { limits } from '../limits';
import { FileEncoder, formatError, HEADER_LENGTH, parseFile } from './records';
import type { FileFault, StoredUpdate } from './records';

/** The whole state of one cache, as it stands on disk. */
export interface Snapshot {
  /** It holds all of the logs of lower generations. */
  readonly generation: number;
  /** To be applied in this order. */
  readonly updates: readonly StoredUpdate[];
}

/** The bytes of a snapshot. */
export interface EncodedSnapshot {
  readonly generation: number;
  readonly bytes: Uint8Array;
}

const MAGIC = 'CLCACHE\n';
/** What is put together at once. */
const PIECE_BYTES = 2 ** 20;

/** No snapshot is larger than this, in bytes. */
export const snapshotFileBytesMax = HEADER_LENGTH + limits.snapshotBytesMax;

export class SnapshotEncoder {
  readonly #generation: number;
  readonly #encoder: FileEncoder;
  readonly #parts: Uint8Array[];
  #length: number;

  constructor(generation: number) {
    this.#generation = generation;
    this.#encoder = new FileEncoder(MAGIC, { generation, base: 0 });
    this.#parts = [this.#encoder.header];
    this.#length = this.#encoder.header.length;
  }

  /** Throws ERR_CLUSTER_CACHE_SNAPSHOT for what could not be read again, and when there is too much of it. */
  add(update: StoredUpdate): void {
    this.#push(this.#encoder.encode(update));
    if (this.#length > snapshotFileBytesMax) throw formatError(`${this.#length} bytes make no snapshot`, 'size');
  }

  /** The snapshot; nothing can be added afterwards. */
  finish(): EncodedSnapshot {
    const joining = this.#join();
    for (;;) {
      const { done, value } = joining.next();
      if (done === true) return value;
    }
  }

  /** As `finish`, piece by piece: waits for `pause` after each. */
  async finishBetween(pause: () => Promise<unknown>): Promise<EncodedSnapshot> {
    const joining = this.#join();
    for (;;) {
      const { done, value } = joining.next();
      if (done === true) return value;
      await pause();
    }
  }

  *#join(): Generator<undefined, EncodedSnapshot> {
    this.#push(this.#encoder.encodeEnd());
    // Memory that is new to the process costs most of the time: when it is written to.
    const bytes = Buffer.allocUnsafeSlow(this.#length);
    let [at, end] = [0, PIECE_BYTES];
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
      if (at < end) continue;
      end = at + PIECE_BYTES;
      yield;
    }
    return { generation: this.#generation, bytes };
  }

  #push(part: Uint8Array): void {
    this.#parts.push(part);
    this.#length += part.length;
  }
}

/** The snapshot in `bytes`, its updates views of them, or why they are none. */
export function parseSnapshot(bytes: Uint8Array): Snapshot | FileFault {
  const parsed = parseFile(bytes, MAGIC);
  if (typeof parsed === 'string') return parsed;
  const { generation, updates, end } = parsed;
  if (end === 'closed') return { generation, updates };
  return end === 'open' || end === 'torn' ? 'truncated' : end;
}
