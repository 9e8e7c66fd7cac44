/**
 * The outbox of a link: frames that the socket has no room for yet. They can be taken back as long as they are
 * here, so that a peer which has stopped reading finds little to catch up with that is old.
 */
import type { Socket } from 'node:net';

/** Bytes that the socket may hold; what it has cannot be taken back. */
const socketBytesMax = 256 * 1024;

interface Waiting {
  readonly parts: readonly Uint8Array[];
  readonly isDroppable: boolean;
}

export class Outbox {
  readonly #socket: Socket;
  #waiting: Waiting[] = [];
  #bytes = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Bytes that the system has not taken yet. */
  get bytes(): number {
    return this.#bytes + this.#socket.writableLength;
  }

  /** Sends a frame, given in parts, once there is room. */
  send(parts: readonly Uint8Array[], isDroppable: boolean): void {
    if (this.#waiting.length === 0 && this.#socket.writableLength < socketBytesMax) {
      this.#write(parts);
      return;
    }
    this.#waiting.push({ parts, isDroppable });
    this.#bytes += lengthOf(parts);
  }

  /** Takes back all frames that may be dropped. */
  drop(): void {
    this.#waiting = this.#waiting.filter(({ isDroppable }) => !isDroppable);
    this.#bytes = this.#waiting.reduce((bytes, { parts }) => bytes + lengthOf(parts), 0);
  }

  /** The socket has drained: hands over what it has room for. Whether nothing waits here any more. */
  refill(): boolean {
    let count = 0;
    this.#socket.cork();
    while (count < this.#waiting.length && this.#socket.writableLength < socketBytesMax) this.#hand(this.#waiting[count++]!);
    this.#socket.uncork();
    this.#waiting.splice(0, count);
    return this.#waiting.length === 0;
  }

  /** Hands over everything: there will be no other time. */
  flush(): void {
    for (const frame of this.#waiting.splice(0)) this.#hand(frame);
  }

  #hand({ parts }: Waiting): void {
    this.#bytes -= lengthOf(parts);
    this.#write(parts);
  }

  #write(parts: readonly Uint8Array[]): void {
    for (const part of parts) this.#socket.write(part);
  }
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((bytes, part) => bytes + part.length, 0);
}
