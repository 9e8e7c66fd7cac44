/**
 * The inbox: messages that have arrived and were not taken in yet, because that would hold up the event loop.
 *
 * A link with a full inbox is not read, so that what waits stays with its sender, who has a bound for it.
 */
import type { Link } from '../mesh/link';
import { limits } from '../limits';
import { turn } from './turn';

export interface InboxOptions {
  /** Takes in payloads of one link that came one after the other. */
  readonly receive: (link: Link, payloads: readonly Uint8Array[]) => void;
  /** Whether something goes on, in turns of its own, that taking in would have to end first. */
  readonly isHeldUp: () => boolean;
}

export class Inbox {
  readonly #options: InboxOptions;
  readonly #waiting = new Map<Link, Uint8Array[]>();
  #receiving: Link | null = null;
  #isScheduled = false;
  /** Messages that are taken in at once: as many as take a small part of a turn, since each may mean little or much. */
  #countMax = 1;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** Takes in what a read has brought, at once as far as that is quick. */
  add(link: Link, payloads: readonly Uint8Array[]): void {
    const waiting = this.#waiting.get(link);
    if (waiting === undefined) this.#waiting.set(link, [...payloads]);
    else waiting.push(...payloads);
    if (this.#isScheduled) link.pause();
    else if (turn.isOver) this.#goOnLater();
    else this.#work();
  }

  /** Takes in what waits of a link that has ended; not behind a message for which this process has ended it. */
  end(link: Link): void {
    if (link !== this.#receiving) while (this.#waiting.has(link)) this.#receiveSome(link);
    this.#waiting.delete(link);
  }

  /** Takes in all that waits. */
  empty(): void {
    for (const link of [...this.#waiting.keys()]) this.end(link);
  }

  /** Goes on for a few milliseconds, then lets the event loop turn. */
  #work(): void {
    const end = turn.share('receive');
    while (this.#waiting.size > 0) {
      // One after the other, so that a busy link does not keep the others waiting.
      for (const link of [...this.#waiting.keys()]) {
        if (this.#options.isHeldUp() || performance.now() >= end) {
          this.#goOnLater();
          return;
        }
        this.#receiveSome(link);
      }
    }
  }

  #goOnLater(): void {
    for (const link of this.#waiting.keys()) link.pause();
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#work();
    });
  }

  #receiveSome(link: Link): void {
    const waiting = this.#waiting.get(link);
    if (waiting === undefined) return;
    let [count, bytes] = [0, 0];
    while (count < waiting.length && count < this.#countMax && bytes < limits.receiveBytesMax) {
      bytes += waiting[count++]!.length;
    }
    const batch = waiting.splice(0, count);
    // To the end of the queue, or out of it.
    this.#waiting.delete(link);
    if (waiting.length > 0) this.#waiting.set(link, waiting);
    else link.resume();
    const outer = this.#receiving;
    this.#receiving = link;
    const since = performance.now();
    try {
      this.#options.receive(link, batch);
    } finally {
      this.#receiving = outer;
      this.#adapt(performance.now() - since);
    }
  }

  #adapt(ms: number): void {
    if (ms > limits.turnMs / 2) this.#countMax = Math.max(1, this.#countMax >> 1);
    else if (ms < limits.turnMs / 8) this.#countMax = Math.min(limits.receiveCountMax, this.#countMax * 2);
  }
}
