/**
 * One connection to another process: handshake, framing, backpressure. Which link is wanted, and what
 * the messages mean, is left to its owner.
 *
 *     link = hello, of both sides at once; then `accept` from the smaller id; then messages, seniority
 */

import type { Socket } from 'node:net';
import { CacheError } from '../errors';
import { limits } from '../limits';
import { encodeFrame, encodeFrameHeader, FrameDecoder, type Frame } from './frame';
import { decodeHello, decodeSeniority, encodeHello, encodeSeniority, type Hello, type Seniority } from './hello';
import { Outbox } from './outbox';
import { startPatience } from './patience';

export type LinkState = 'handshaking' | 'open' | 'closed';

/** What a link tells its owner. None of these may throw. */
export interface LinkOwner {
  /** The peer has said who it is: time for `accept`, for `close`, or to wait for its `accept`. */
  onHello(link: Link): void;
  onOpen(link: Link): void;
  /** All messages that one read brought. */
  onMessages(link: Link, payloads: Uint8Array[]): void;
  onDrain(link: Link): void;
  onSeniority(link: Link): void;
  /** Exactly once; `reason` is a `CacheError` if the peer broke the rules, else the socket's error, if any. */
  onClose(link: Link, reason: Error | undefined): void;
}

export interface LinkOptions {
  readonly socket: Socket;
  /** Id of the endpoint that was dialled; undefined for a link that came in. */
  readonly endpoint?: string;
  readonly hello: () => Hello;
  readonly owner: LinkOwner;
}

const frameType = { hello: 1, accept: 2, seniority: 3, message: 4 } as const;
const nothing = new Uint8Array(0);
const nobody: Seniority = { rank: Infinity, startedAt: Infinity };
/** Bytes above which a payload is handed to the system as it is instead of being copied into its frame. */
const copiedBytesMax = 16 * 1024;

export class Link {
  /** Id of the endpoint that was dialled; undefined for a link that came in. */
  readonly endpoint: string | undefined;
  /** Resolves when the link is open or closed for good, with the reason in the latter case if there is one. */
  readonly settled: Promise<Error | undefined>;
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  readonly #owner: LinkOwner;
  readonly #hello: () => Hello;
  readonly #decoder = new FrameDecoder();
  readonly #cancelHandshake: () => void;
  #settle: (reason: Error | undefined) => void = () => undefined;
  #state: LinkState = 'handshaking';
  #peer: Hello | undefined = undefined;
  /** The seniority of this process as the peer knows it. */
  #told: Seniority = nobody;
  #references = 0;
  /** Invariant: after a message was dropped nothing is sent until the owner was told to sync. */
  #isStalled = false;
  #isCorked = false;

  constructor(options: LinkOptions) {
    this.#socket = options.socket;
    this.#outbox = new Outbox(options.socket);
    this.endpoint = options.endpoint;
    this.#hello = options.hello;
    this.#owner = options.owner;
    this.settled = new Promise((resolve) => (this.#settle = resolve));
    this.#cancelHandshake = startPatience(limits.helloTimeoutMs, () => {
      this.close();
    });
    this.#listen();
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Id of the peer; empty until it has said hello. */
  get id(): string {
    return this.#peer?.id ?? '';
  }

  /** The latest seniority that the peer has told. */
  get seniority(): Seniority {
    return this.#peer?.seniority ?? nobody;
  }

  /** What the peer has said about itself; undefined until it has. */
  get peer(): Hello | undefined {
    return this.#peer;
  }

  /** Whether a message was dropped since the link last drained. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  /**
   * Sends a message, which must not be changed afterwards. False if it was dropped: the link is not
   * open, or too much waits; then all is dropped until `onDrain`. Throws `ERR_CLUSTER_CACHE_LIMIT` if
   * it exceeds `limits.frameBytesMax`.
   */
  send(payload: Uint8Array): boolean {
    if (this.#state !== 'open') return false;
    if (this.#isStalled) return false;
    if (this.#outbox.bytes > limits.linkBufferBytesMax) {
      // What the peer has not been sent it will get all in one, newer and shorter, once it reads again.
      this.#isStalled = true;
      this.#outbox.drop();
      return false;
    }
    this.#write(frameType.message, payload);
    return true;
  }

  /** Whether what was sent waits for a slow peer: better to send no more now. */
  get isBusy(): boolean {
    return this.#isStalled || this.#outbox.bytes > limits.linkBusyBytes;
  }

  /** Tells the peer the seniority of this process, if it does not know it yet. */
  tellSeniority(seniority: Seniority): void {
    if (this.#state !== 'open') return;
    if (this.#told.rank === seniority.rank && this.#told.startedAt === seniority.startedAt) return;
    this.#told = seniority;
    this.#write(frameType.seniority, encodeSeniority(seniority));
  }

  /** Opens the link on both sides. Only the peer with the smaller id does so, once both have said hello. */
  accept(): void {
    if (this.#state !== 'handshaking') return;
    this.#write(frameType.accept, nothing);
    this.#open();
  }

  /** Ends the link at once; what waits is lost. `reason` is for the owner only. */
  close(reason?: Error): void {
    if (this.#state === 'closed') return;
    this.#leave(reason);
    this.#socket.destroy();
  }

  /** Ends the link once the peer has taken what waits, or when `limits.closeWaitMs` are over. */
  async end(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#leave(undefined);
    if (this.#socket.destroyed) return;
    // The process must not end before this does: hold it by the socket and by the timer.
    this.#socket.ref();
    this.#outbox.flush();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#socket.destroy(), limits.closeWaitMs);
      this.#socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      this.#socket.end();
    });
  }

  /** The last act of a process that ends: hands all that waits to the system, as far as that takes it. */
  flushSync(): void {
    this.#outbox.flush();
    this.#uncork();
  }

  /** Reads no more until `resume`: what the peer sends waits with the peer. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  /** Keeps the process alive until as many `unref`, or until the link closes. */
  ref(): void {
    this.#references += 1;
    if (this.#state !== 'closed') this.#socket.ref();
  }

  unref(): void {
    this.#references = Math.max(0, this.#references - 1);
    if (this.#references === 0 && this.#state !== 'closed') this.#socket.unref();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.unref();
    // Bytes that wait for the system to take them hold the process even if the socket does not.
    socket.setTimeout(limits.stallTimeoutMs);
    socket.on('timeout', () => {
      if (this.#outbox.bytes > 0) this.close();
    });
    socket.on('data', (chunk: Uint8Array) => {
      this.#receive(chunk);
    });
    socket.on('drain', () => {
      this.#drain();
    });
    socket.on('error', (error) => {
      this.close(error);
    });
    socket.on('end', () => {
      this.close();
    });
    socket.on('close', () => {
      this.close();
    });
    if (!socket.connecting) this.#greet();
    else socket.once('connect', () => {
      this.#greet();
    });
  }

  #greet(): void {
    const hello = this.#hello();
    this.#told = hello.seniority;
    this.#write(frameType.hello, encodeHello(hello));
  }

  #receive(chunk: Uint8Array): void {
    // A link that ends goes on reading, so that the peer's last writes do not fail and cost it ours.
    if (this.#state === 'closed') return;
    const messages: Uint8Array[] = [];
    try {
      for (const frame of this.#decoder.push(chunk)) this.#handle(frame, messages);
    } catch (error) {
      this.close(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (messages.length > 0 && this.#isOpen()) this.#owner.onMessages(this, messages);
  }

  #handle(frame: Frame, messages: Uint8Array[]): void {
    if (this.#peer === undefined && frame.type === frameType.hello) {
      this.#peer = decodeHello(frame.payload);
      this.#owner.onHello(this);
    } else if (this.#isOpen() && frame.type === frameType.message) {
      messages.push(frame.payload);
    } else if (this.#isOpen() && frame.type === frameType.seniority && this.#peer !== undefined) {
      this.#peer = { ...this.#peer, seniority: decodeSeniority(frame.payload) };
      this.#owner.onSeniority(this);
    } else if (this.#isAwaitingAccept() && frame.type === frameType.accept) {
      this.#open();
    } else if (this.#state !== 'closed') {
      throw new CacheError('ERR_CLUSTER_CACHE_FRAME', `A frame of type ${frame.type} came out of turn`);
    }
  }

  #isOpen(): boolean {
    return this.#state === 'open';
  }

  #isAwaitingAccept(): boolean {
    return this.#state === 'handshaking' && this.#peer !== undefined && this.#peer.id < this.#hello().id;
  }

  #open(): void {
    this.#state = 'open';
    this.#cancelHandshake();
    this.#owner.onOpen(this);
    this.#settle(undefined);
  }

  #drain(): void {
    if (!this.#outbox.refill() || !this.#isStalled) return;
    this.#isStalled = false;
    if (this.#isOpen()) this.#owner.onDrain(this);
  }

  #write(type: number, payload: Uint8Array): void {
    const socket = this.#socket;
    const isCopied = payload.length <= copiedBytesMax;
    const parts = isCopied ? [encodeFrame(type, payload)] : [encodeFrameHeader(type, payload), payload];
    if (socket.destroyed || socket.writableEnded) return;
    this.#cork();
    this.#outbox.send(parts, type === frameType.message);
  }

  /** All that is sent in one turn goes out in one system call. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#socket.cork();
    process.nextTick(() => {
      this.#uncork();
    });
  }

  #uncork(): void {
    if (!this.#isCorked) return;
    this.#isCorked = false;
    this.#socket.uncork();
  }

  #leave(reason: Error | undefined): void {
    this.#state = 'closed';
    this.#cancelHandshake();
    this.#owner.onClose(this, reason);
    this.#settle(reason);
  }
}
