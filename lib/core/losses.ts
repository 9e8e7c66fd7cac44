/**
 * Losses: entries whose register has lost, and when the document is told.
 *
 * Not before a write that takes their place is in the document as well, or comes with the same commit: between the two,
 * whoever reads the document, as from a file after a crash of all, would find neither.
 */
import type { EntryPlace } from './commit';
import type { Document } from './document';
import type { TreeNode } from './node';
import { isSameWrite, supersedes, type Register } from './register';
import { limits } from '../limits';

/** An entry that has lost. */
interface Loss {
  readonly register: Register;
  /** Where it lost. */
  readonly node: TreeNode;
  /** Whether the document may have the same write in other segment maps, too. */
  readonly hasCopies: boolean;
  /** Whether it is removed by itself. */
  readonly isCleared: boolean;
  /** Another that waits for the same write: one object for each is all it takes to wait. */
  next: Loss | null;
}

export class Losses {
  #document: Document;
  /**
   * What waits, by the node whose write it waits for. Invariant: the outbox has that node, or it is carried. Each entry of
   * the document waits once, and once more if it is to be removed by itself.
   */
  readonly #waiting = new Map<TreeNode, Loss>();
  /** What waits no more, and was not told yet: a clear has very many lose at once. */
  readonly #due: Loss[] = [];
  /** Keys of entries that are to be removed one by one, by the segment map that holds them. */
  readonly #removals = new Map<string, Set<string>>();

  constructor(document: Document) {
    this.#document = document;
  }

  /** Whether the next commit has something to tell or to remove. */
  get isBehind(): boolean {
    return this.#due.length + this.#removals.size > 0;
  }

  /** Goes on with an empty document. */
  replaceDocument(document: Document): void {
    this.#document = document;
    this.#waiting.clear();
    this.#due.length = 0;
    this.#removals.clear();
  }

  /** `register`, which the document holds, has lost at `node`. */
  add(register: Register, node: TreeNode): void {
    this.#await({ register, node, hasCopies: node.hasCopies, isCleared: false, next: null }, unwrittenFor(register, node));
  }

  /** The same, of this one entry alone, and it is to be removed by itself. */
  clear(register: Register, node: TreeNode): void {
    // It may wait already.
    this.#document.distrust(register.home!);
    this.#await({ register, node, hasCopies: false, isCleared: true, next: null }, unwrittenFor(register, node));
  }

  /** The winner at `node` is written with the next commit: what waits for it has lost. */
  settle(node: TreeNode): void {
    const loss = this.#waiting.get(node);
    if (loss === undefined) return;
    this.#waiting.delete(node);
    this.#due.push(loss);
  }

  /** What was to be written at `node` was hidden or replaced: what waits for it waits for what has done so, but for `taken`. */
  pass(node: TreeNode, taken: ReadonlySet<TreeNode>): void {
    let loss = this.#waiting.get(node) ?? null;
    this.#waiting.delete(node);
    while (loss !== null) {
      const { next } = loss;
      loss.next = null;
      const awaited = unwrittenFor(loss.register, loss.node);
      this.#await(loss, awaited === null || taken.has(awaited) ? null : awaited);
      loss = next;
    }
  }

  /** Tells the document of what waits no more, `countMax` at most. */
  tell(countMax: number): void {
    for (let left = countMax; left > 0 && this.#due.length > 0; left--) {
      const loss = this.#due.pop()!;
      if (loss.next !== null) this.#due.push(loss.next);
      this.#lose(loss);
    }
  }

  /** Removes an entry with the next commit. */
  remove(segmentId: string, key: string): void {
    const keys = this.#removals.get(segmentId);
    if (keys === undefined) this.#removals.set(segmentId, new Set([key]));
    else keys.add(key);
  }

  /** What stands now where an entry was to be removed has replaced that: it must not be removed in its stead. */
  keep(segmentId: string, key: string): void {
    this.#removals.get(segmentId)?.delete(key);
  }

  /** At most `countMax` of the entries that are to be removed. */
  takeRemovals(countMax: number): EntryPlace[] {
    const places: EntryPlace[] = [];
    for (const [segmentId, keys] of this.#removals) {
      for (const key of keys) {
        if (places.length >= countMax) return places;
        keys.delete(key);
        places.push({ segmentId, key });
      }
      this.#removals.delete(segmentId);
    }
    return places;
  }

  #await(loss: Loss, awaited: TreeNode | null): void {
    if (awaited === null) {
      this.#lose(loss);
      return;
    }
    loss.next = this.#waiting.get(awaited) ?? null;
    this.#waiting.set(awaited, loss);
  }

  #lose({ register, node, hasCopies, isCleared }: Loss): void {
    const winner = node.register;
    // It has won again: what it had lost to was forgotten meanwhile.
    if (winner !== null && winner.home === register.home && isSameWrite(winner, register)) return;
    this.#loseEntry(register, isCleared);
    if (!hasCopies) return;
    for (const copy of this.#document.tendedAt(register.key)) {
      if (isSameWrite(copy, register)) this.#loseEntry(copy, isCleared);
    }
  }

  #loseEntry(register: Register, isCleared: boolean): void {
    // While it waited, somebody else may have removed it, or something may have been written in its place.
    if (!this.#document.lose(register)) return;
    // A large value does not wait until its segment map goes.
    if (isCleared || register.bytes > limits.lostValueBytesMax) this.remove(register.home!, register.key);
  }
}

/**
 * The node whose write takes the place of `register`, an entry at `node` that has lost, and waits to be written: the nearest,
 * from `node` up. Null if a write that does so is written.
 */
export function unwrittenFor(register: Register, node: TreeNode): TreeNode | null {
  let nearest: TreeNode | null = null;
  for (let above: TreeNode | null = node; above !== null; above = above.parent) {
    const winner = above.register;
    // A tombstone is the same write as the value that has expired.
    if (winner === null || supersedes(register, winner)) continue;
    if (winner.home !== null) return null;
    nearest ??= above;
  }
  return nearest;
}
