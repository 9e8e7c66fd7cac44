/**
 * Deadlines of items, soonest first: a binary heap of which every item knows its slot, so that it can be taken
 * out, or be given another deadline, in logarithmic time (Sedgewick and Wayne, "Algorithms", 2.4, "indexed
 * priority queue"). Nothing that is past is kept.
 */

/** What has a deadline; in one heap at a time. */
export interface DeadlineItem {
  /** When it is due, in ms since 1970. */
  deadline: number;
  /** Its place in the heap; -1 if it is in none. */
  deadlineSlot: number;
}

export class Deadlines<T extends DeadlineItem> {
  readonly #heap: T[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** Adds an item that is in no heap. */
  add(at: number, item: T): void {
    item.deadline = at;
    this.#rise(this.#heap.push(item) - 1, item);
  }

  /** Takes out an item of this heap. */
  remove(item: T): void {
    const slot = item.deadlineSlot;
    item.deadlineSlot = -1;
    const last = this.#heap.pop()!;
    if (last === item) return;
    this.#rise(slot, last);
    this.#sink(last.deadlineSlot, last);
  }

  /** Takes out the soonest item whose deadline is not after `nowMs`. */
  takeDue(nowMs: number): T | undefined {
    const soonest = this.#heap[0];
    if (soonest === undefined || soonest.deadline > nowMs) return undefined;
    this.remove(soonest);
    return soonest;
  }

  /** Puts `item` into the empty `slot`, or above. */
  #rise(slot: number, item: T): void {
    let at = slot;
    while (at > 0) {
      const above = this.#heap[(at - 1) >> 1]!;
      if (above.deadline <= item.deadline) break;
      this.#place(at, above);
      at = (at - 1) >> 1;
    }
    this.#place(at, item);
  }

  /** Puts `item` into the empty `slot`, or below. */
  #sink(slot: number, item: T): void {
    const heap = this.#heap;
    let at = slot;
    for (;;) {
      let child = 2 * at + 1;
      if (child + 1 < heap.length && heap[child + 1]!.deadline < heap[child]!.deadline) child++;
      if (child >= heap.length || heap[child]!.deadline >= item.deadline) break;
      this.#place(at, heap[child]!);
      at = child;
    }
    this.#place(at, item);
  }

  #place(slot: number, item: T): void {
    this.#heap[slot] = item;
    item.deadlineSlot = slot;
  }
}
