/**
 * Frames: how bytes travel on a link. Pure, bytes in and bytes out.
 *
 *     frame = length (u32le, of the body), checksum (u32le, CRC-32 of the body), body
 *     body  = type (u8), payload
 */

import { crc32 } from 'node:zlib';
import { CacheError, rangeError } from '../errors';
import { limits } from '../limits';

export interface Frame {
  readonly type: number;
  readonly payload: Uint8Array;
}

const headBytes = 8;
/** The first allocation for a body that comes in parts; it doubles as bytes really arrive. */
const firstRoomBytes = 64 * 1024;

/** All of a frame but its payload, for a payload that is too large to be copied. */
export function encodeFrameHeader(type: number, payload: Uint8Array): Uint8Array {
  if (payload.length + 1 > limits.frameBytesMax) {
    throw rangeError('ERR_CLUSTER_CACHE_LIMIT', `A message of ${payload.length} bytes does not fit into a frame`);
  }
  const header = new Uint8Array(headBytes + 1);
  const view = new DataView(header.buffer);
  header[headBytes] = type;
  view.setUint32(0, payload.length + 1, true);
  view.setUint32(4, crc32(payload, crc32(header.subarray(headBytes))), true);
  return header;
}

export function encodeFrame(type: number, payload: Uint8Array): Uint8Array {
  const header = encodeFrameHeader(type, payload);
  const frame = new Uint8Array(header.length + payload.length);
  frame.set(header);
  frame.set(payload, header.length);
  return frame;
}

/**
 * Cuts a stream of bytes into frames.
 *
 * The chunks given to `push` belong to the decoder from then on: a frame that lies within one chunk is
 * a view of it. After an error the stream cannot be resumed.
 */
export class FrameDecoder {
  /** Bytes a body may have: the first frame of a stream comes from a stranger and has its own bound. */
  #bodyBytesMax: number;
  readonly #laterBytesMax: number;
  /** Length of the body that is being read, or undefined while its head is. */
  #bodyBytes: number | undefined = undefined;
  #expectedChecksum = 0;
  /** CRC-32 of what has arrived of the body, so that a large frame is not summed up in one go. */
  #checksum = 0;
  /** The head or body that is being read, with room for more. Invariant: filled <= part.length. */
  #part: Uint8Array = new Uint8Array(0);
  #filled = 0;

  constructor(firstBytesMax: number = limits.helloBytesMax, laterBytesMax: number = limits.frameBytesMax) {
    this.#bodyBytesMax = firstBytesMax;
    this.#laterBytesMax = laterBytesMax;
  }

  /** The frames that this chunk completes, in order. Throws `ERR_CLUSTER_CACHE_FRAME`. */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    // A Buffer slices differently from the Uint8Array that it extends; no payload should be one.
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let offset = 0;
    while (offset < bytes.length) {
      const whole = this.#bodyBytes ?? headBytes;
      const part = bytes.subarray(offset, offset + whole - this.#filled);
      offset += part.length;
      if (this.#bodyBytes !== undefined) this.#checksum = crc32(part, this.#checksum);
      if (part.length === whole) {
        this.#complete(part, frames);
      } else {
        this.#append(part, whole);
        if (this.#filled === whole) this.#complete(this.#part.subarray(0, whole), frames);
      }
    }
    return frames;
  }

  #append(part: Uint8Array, whole: number): void {
    const needed = this.#filled + part.length;
    if (needed > this.#part.length) {
      const roomBytes = Math.min(whole, Math.max(needed, 2 * this.#part.length, firstRoomBytes));
      const room = new Uint8Array(roomBytes);
      room.set(this.#part.subarray(0, this.#filled));
      this.#part = room;
    }
    this.#part.set(part, this.#filled);
    this.#filled = needed;
  }

  #complete(whole: Uint8Array, frames: Frame[]): void {
    this.#part = new Uint8Array(0);
    this.#filled = 0;
    if (this.#bodyBytes === undefined) {
      this.#beginBody(whole);
      return;
    }
    if (this.#checksum !== this.#expectedChecksum) {
      throw new CacheError('ERR_CLUSTER_CACHE_FRAME', 'A frame was damaged: its checksum does not fit its bytes');
    }
    frames.push({ type: whole[0] ?? 0, payload: whole.subarray(1) });
    this.#bodyBytes = undefined;
    this.#bodyBytesMax = this.#laterBytesMax;
  }

  #beginBody(head: Uint8Array): void {
    const view = new DataView(head.buffer, head.byteOffset, headBytes);
    const bodyBytes = view.getUint32(0, true);
    if (bodyBytes === 0 || bodyBytes > this.#bodyBytesMax) {
      throw new CacheError(
        'ERR_CLUSTER_CACHE_FRAME',
        `A frame claims ${bodyBytes} bytes, allowed are 1 to ${this.#bodyBytesMax}`,
      );
    }
    this.#bodyBytes = bodyBytes;
    this.#expectedChecksum = view.getUint32(4, true);
    this.#checksum = 0;
  }
}
