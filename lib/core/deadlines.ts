/**
 * Deadlines of the registers that expire, soonest first: a binary heap.
 *
 * Invariant: every winner with an `expiresAt` has an item here. An item whose register has lost is stale;
 * it is dropped when it comes up, or when stale items outnumber the others, so overwriting costs no search.
 */

interface Deadline<T> {
  readonly at: number;
  readonly item: T;
}

const STALE_SLACK = 1024;

export class Deadlines<T> {
  #heap: Deadline<T>[] = [];
  #current = 0;
  readonly #isCurrent: (item: T) => boolean;

  /** `isCurrent` tells whether an item still matters. */
  constructor(isCurrent: (item: T) => boolean) {
    this.#isCurrent = isCurrent;
  }

  /** Items held, stale ones included. */
  get size(): number {
    return this.#heap.length;
  }

  /** The soonest deadline, in ms since 1970, or Infinity. */
  get soonest(): number {
    return this.#heap[0]?.at ?? Infinity;
  }

  add(at: number, item: T): void {
    this.#current++;
    this.#push({ at, item });
    if (this.#heap.length > 2 * this.#current + STALE_SLACK) this.#rebuild();
  }

  /** One item that was added is no longer current. */
  forget(): void {
    this.#current--;
  }

  /** Takes out the soonest current item whose deadline is not after `nowMs`. */
  takeDue(nowMs: number): T | undefined {
    for (;;) {
      const soonest = this.#heap[0];
      if (soonest === undefined || soonest.at > nowMs) return undefined;
      this.#pop();
      if (this.#isCurrent(soonest.item)) {
        this.#current--;
        return soonest.item;
      }
    }
  }

  #rebuild(): void {
    const kept = this.#heap.filter(({ item }) => this.#isCurrent(item));
    kept.sort((a, b) => a.at - b.at);
    this.#heap = kept;
    this.#current = kept.length;
  }

  #push(deadline: Deadline<T>): void {
    const heap = this.#heap;
    let i = heap.push(deadline) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent]!;
      if (above.at <= deadline.at) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = deadline;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++;
      if (heap[child]!.at >= last.at) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}
