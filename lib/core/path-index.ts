/**
 * Spelled paths and the nodes they lead to, so that a repeated read is one hash lookup.
 *
 * Bounded by generations: what was not used for a whole one is dropped with the older one, a few at a time, so that
 * nobody waits for all of them.
 */
export class PathIndex<T> {
  #young = new Map<string, T>();
  #old = new Map<string, T>();
  /** What is left to drop of the generation before those two. */
  #dying: Iterator<T, undefined> | null = null;
  #dyingCount = 0;
  readonly #generationMax: () => number;
  readonly #onDrop: (item: T) => void;

  /** About three times `generationMax` spellings are held at most; `onDrop` hears of each that is dropped. */
  constructor(generationMax: () => number, onDrop: (item: T) => void) {
    this.#generationMax = generationMax;
    this.#onDrop = onDrop;
  }

  get size(): number {
    return this.#young.size + this.#old.size + this.#dyingCount;
  }

  get(spelling: string): T | undefined {
    const item = this.#young.get(spelling);
    return item !== undefined || this.#old.size === 0 ? item : this.#promote(spelling);
  }

  /** Adds a spelling that `get` did not find. */
  add(spelling: string, item: T): void {
    if (this.#young.size >= this.#generationMax()) this.#turn();
    this.#young.set(spelling, item);
    // Faster than they come.
    if (this.#dropOne()) this.#dropOne();
  }

  /** Drops one spelling where there are too many, since `generationMax` has gone down; whether there may be more. */
  trim(): boolean {
    if (this.#dropOne()) return true;
    if (this.size <= 4 * this.#generationMax()) return false;
    this.#turn();
    return true;
  }

  #promote(spelling: string): T | undefined {
    const item = this.#old.get(spelling);
    if (item === undefined) return undefined;
    this.#old.delete(spelling);
    this.add(spelling, item);
    return item;
  }

  /** Begins a new generation. */
  #turn(): void {
    while (this.#dropOne());
    this.#dying = this.#old.values();
    this.#dyingCount = this.#old.size;
    this.#old = this.#young;
    this.#young = new Map();
  }

  #dropOne(): boolean {
    if (this.#dying === null) return false;
    const { value } = this.#dying.next();
    if (value === undefined) {
      this.#dying = null;
      return false;
    }
    this.#dyingCount--;
    this.#onDrop(value);
    return true;
  }
}
