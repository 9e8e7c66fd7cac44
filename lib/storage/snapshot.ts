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
  /** What is full, in order; the last is being filled. */
  readonly #rooms: Buffer[];
  /** Bytes in the last of them. */
  #used = 0;
  #length = 0;

  /** `expected` bytes, and a few more, fit in without being moved at the end. */
  constructor(generation: number, expected = 0) {
    this.#generation = generation;
    this.#encoder = new FileEncoder(MAGIC, { generation, base: 0 });
    this.#rooms = [Buffer.allocUnsafeSlow(Math.max(PIECE_BYTES, expected + (expected >> 3)))];
    this.#push(this.#encoder.header);
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
    this.#fillUp();
    const [first, ...others] = this.#rooms as [Buffer, ...Buffer[]];
    if (others.length === 0) return { generation: this.#generation, bytes: first };
    // Memory that is new to the process costs most of the time: when it is written to.
    const bytes = Buffer.allocUnsafeSlow(this.#length);
    let at = 0;
    for (const room of this.#rooms) {
      for (let from = 0; from < room.length; from += PIECE_BYTES) {
        at += room.copy(bytes, at, from, from + PIECE_BYTES);
        if (at < this.#length) yield;
      }
      release(room);
    }
    return { generation: this.#generation, bytes };
  }

  #push(part: Uint8Array): void {
    if (this.#used + part.length > this.#rooms.at(-1)!.length) {
      this.#fillUp();
      this.#rooms.push(Buffer.allocUnsafeSlow(Math.max(PIECE_BYTES, part.length)));
      this.#used = 0;
    }
    this.#rooms.at(-1)!.set(part, this.#used);
    this.#used += part.length;
    this.#length += part.length;
  }

  /** The room that is being filled is what is in it. */
  #fillUp(): void {
    this.#rooms.push(this.#rooms.pop()!.subarray(0, this.#used));
  }
}

/**
 * Gives back the memory of a snapshot, which is empty afterwards. V8 by itself would do so when it collects its old
 * generation; and with 64 MiB more outside of its heap than there were it marks the whole heap, 5 to 10 ms at a time.
 */
export function releaseSnapshot({ bytes }: EncodedSnapshot): void {
  release(bytes);
}

/** What is handed over belongs to a new object, and goes with that, which is young. */
function release({ buffer }: Uint8Array): void {
  structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
}

/** The snapshot in `bytes`, its updates views of them, or why they are none. */
export function parseSnapshot(bytes: Uint8Array): Snapshot | FileFault {
  const parsed = parseFile(bytes, MAGIC);
  if (typeof parsed === 'string') return parsed;
  const { generation, updates, end } = parsed;
  if (end === 'closed') return { generation, updates };
  return end === 'open' || end === 'torn' ? 'truncated' : end;
}
