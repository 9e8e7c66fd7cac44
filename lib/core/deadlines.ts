/**
 * Deadlines of items, soonest first: a binary heap of which every item knows its slot, so that it can be taken
 * out, or be given another deadline, in logarithmic time (Sedgewick and Wayne, "Algorithms", 2.4, "indexed
 * priority queue"). Nothing that is past is kept.
 */

/** What has a deadline; in one heap at a time. */
export interface DeadlineItem {
  /** Its place in the heap; -1 if it is in none. */
  deadlineSlot: number;
}

export class Deadlines<T extends DeadlineItem> {
  readonly #heap: T[] = [];
  /** When each is due, in ms since 1970. Beside the items, since a fraction within one would be an object of its own. */
  readonly #times: number[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** When the soonest is due; undefined where there is none. */
  get soonest(): number | undefined {
    return this.#times[0];
  }

  /** Adds an item that is in no heap. */
  add(at: number, item: T): void {
    this.#heap.push(item);
    this.#rise(this.#times.push(at) - 1, item, at);
  }

  /** Takes out an item of this heap. */
  remove(item: T): void {
    const slot = item.deadlineSlot;
    item.deadlineSlot = -1;
    const [last, at] = [this.#heap.pop()!, this.#times.pop()!];
    if (last === item) return;
    this.#rise(slot, last, at);
    this.#sink(last.deadlineSlot, last, at);
  }

  /** Takes out the soonest item whose deadline is not after `nowMs`. */
  takeDue(nowMs: number): T | undefined {
    const soonest = this.#heap[0];
    if (soonest === undefined || this.#times[0]! > nowMs) return undefined;
    this.remove(soonest);
    return soonest;
  }

  /** Puts `item`, due at `at`, into the empty `slot`, or above. */
  #rise(slot: number, item: T, at: number): void {
    let to = slot;
    while (to > 0) {
      const above = (to - 1) >> 1;
      if (this.#times[above]! <= at) break;
      this.#place(to, this.#heap[above]!, this.#times[above]!);
      to = above;
    }
    this.#place(to, item, at);
  }

  /** Puts `item`, due at `at`, into the empty `slot`, or below. */
  #sink(slot: number, item: T, at: number): void {
    const times = this.#times;
    let to = slot;
    for (;;) {
      let child = 2 * to + 1;
      if (child + 1 < times.length && times[child + 1]! < times[child]!) child++;
      if (child >= times.length || times[child]! >= at) break;
      this.#place(to, this.#heap[child]!, times[child]!);
      to = child;
    }
    this.#place(to, item, at);
  }

  #place(slot: number, item: T, at: number): void {
    this.#heap[slot] = item;
    this.#times[slot] = at;
    item.deadlineSlot = slot;
  }
}
