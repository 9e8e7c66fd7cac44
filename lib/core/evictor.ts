/**
 * Eviction, for a cache with limits: of what was not used since the hand last came by, as the CLOCK algorithm
 * does it (Corbató, "A Paging Experiment with the Multics System", 1968), an approximation of least recently
 * used that costs a bit per node.
 */
import type { TreeNode } from './node';
import type { Tally } from './tally';

export interface EvictorOptions {
  readonly root: TreeNode;
  readonly tally: Tally;
  /** Values that the cache may hold. */
  readonly maxEntries: number;
  /** Estimated bytes of values that the cache may hold. */
  readonly maxBytes: number;
  /** Removes the value at `node` for everyone. */
  readonly evict: (node: TreeNode) => void;
}

export class Evictor {
  readonly #options: EvictorOptions;
  #hand: Iterator<TreeNode, undefined> | null = null;

  constructor(options: EvictorOptions) {
    this.#options = options;
  }

  isOver(): boolean {
    const { tally, maxEntries, maxBytes } = this.#options;
    return tally.live > maxEntries || tally.bytes > maxBytes;
  }

  /** Evicts while the cache is over a limit, at most `countMax` values; how many. */
  run(countMax: number): number {
    let count = 0;
    if (!this.isOver()) return count;
    // Twice around at most: the first time may find everything used, and clears that.
    let visitsLeft = 2 * this.#options.tally.live + 2;
    while (this.isOver() && count < countMax && visitsLeft-- > 0) {
      const node = this.#next();
      if (node === null || wasUsed(node)) continue;
      this.#options.evict(node);
      count++;
    }
    return count;
  }

  #next(): TreeNode | null {
    this.#hand ??= valuesBelow(this.#options.root);
    const { value } = this.#hand.next();
    if (value === undefined) this.#hand = null;
    return value ?? null;
  }
}

/** Nodes with a value of their own and none below: to evict a container would take along what is in use in it. */
function* valuesBelow(node: TreeNode): Generator<TreeNode, undefined> {
  for (const child of node.children()) {
    if (hasValueBelow(child)) yield* valuesBelow(child);
    else if (child.register?.value !== undefined) yield child;
  }
}

function hasValueBelow(node: TreeNode): boolean {
  for (const child of node.children()) {
    if (child.register?.value !== undefined || hasValueBelow(child)) return true;
  }
  return false;
}

/** Whether the value at `node`, or a part of it, was used since this was last asked. */
function wasUsed(node: TreeNode): boolean {
  let isUsed = node.isUsed;
  node.isUsed = false;
  for (const child of node.children()) isUsed = wasUsed(child) || isUsed;
  return isUsed;
}
