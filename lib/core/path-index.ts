/**
 * Spelled paths and the nodes they lead to, so that a repeated read is one hash lookup.
 *
 * Bounded by two generations: what was not used for a whole generation is dropped with the older one.
 */
export class PathIndex<T> {
  #young = new Map<string, T>();
  #old = new Map<string, T>();
  readonly #generationMax: () => number;
  readonly #onDrop: (item: T) => void;

  /** About two times `generationMax` spellings are held at most; `onDrop` hears of each that is dropped. */
  constructor(generationMax: () => number, onDrop: (item: T) => void) {
    this.#generationMax = generationMax;
    this.#onDrop = onDrop;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(spelling: string): T | undefined {
    const item = this.#young.get(spelling);
    return item !== undefined || this.#old.size === 0 ? item : this.#promote(spelling);
  }

  /** Adds a spelling that `get` did not find. */
  add(spelling: string, item: T): void {
    if (this.#young.size >= this.#generationMax()) {
      const dropped = this.#old;
      this.#old = this.#young;
      this.#young = new Map();
      this.#young.set(spelling, item);
      for (const old of dropped.values()) this.#onDrop(old);
    } else {
      this.#young.set(spelling, item);
    }
  }

  #promote(spelling: string): T | undefined {
    const item = this.#old.get(spelling);
    if (item === undefined) return undefined;
    this.#old.delete(spelling);
    this.add(spelling, item);
    return item;
  }
}
