/**
 * Length-prefixed frames, as one would write them by hand: four bytes of length, then the payload.
 */
'use strict';

const HEAD = 4;

function frameOf(payload) {
  const head = Buffer.allocUnsafe(HEAD);
  head.writeUInt32LE(payload.length);
  return Buffer.concat([head, payload]);
}

/** Cuts a stream of bytes into frames. */
class FrameReader {
  #onFrame;
  #chunks = [];
  #bytes = 0;
  /** Bytes without which looking again is of no use: what is long comes in many chunks. */
  #wanted = HEAD;

  constructor(onFrame) {
    this.#onFrame = onFrame;
  }

  push(chunk) {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#wanted) return;
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    let at = 0;
    this.#wanted = HEAD;
    while (bytes.length - at >= HEAD) {
      const end = at + HEAD + bytes.readUInt32LE(at);
      if (end > bytes.length) {
        this.#wanted = end - at;
        break;
      }
      this.#onFrame(bytes.subarray(at + HEAD, end));
      at = end;
    }
    this.#chunks = at === bytes.length ? [] : [bytes.subarray(at)];
    this.#bytes = bytes.length - at;
  }
}

module.exports = { FrameReader, frameOf };
