/** A queue in which each item waits once. */
export class UniqueQueue<Item> {
  readonly #items = new Set<Item>();
  /** Kept: a new one would begin with the holes that those have left which were taken, and V8 looks at each of them. */
  #next: Iterator<Item, undefined> | null = null;

  add(item: Item): void {
    this.#items.add(item);
  }

  /** The one that has waited longest, which waits no more; undefined if none does. */
  take(): Item | undefined {
    this.#next ??= this.#items.values();
    const { value } = this.#next.next();
    if (value === undefined) this.#next = null;
    else this.#items.delete(value);
    return value;
  }

  clear(): void {
    this.#items.clear();
  }
}
