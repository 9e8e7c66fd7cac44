/**
 * Eviction, for a cache with limits: of what was not used since the hand last came by, as the CLOCK algorithm
 * does it (Corbató, "A Paging Experiment with the Multics System", 1968), an approximation of least recently
 * used that costs a bit per node.
 */
import { TreeNode } from './node';
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

export interface Eviction {
  /** Values. */
  readonly evicted: number;
  /** Whether the cache is still over a limit, and more can be done about that. */
  readonly hasMore: boolean;
}

export class Evictor {
  readonly #options: EvictorOptions;
  #hand: Generator<TreeNode | null, boolean> | null = null;
  /** How often the hand has come round since it last found something to evict. */
  #rounds = 0;

  constructor(options: EvictorOptions) {
    this.#options = options;
  }

  isOver(): boolean {
    const { tally, maxEntries, maxBytes } = this.#options;
    return tally.live > maxEntries || tally.bytes > maxBytes;
  }

  /** Evicts while the cache is over a limit, at most `countMax` values, and passes at most `visitsMax` nodes. */
  run(countMax: number, visitsMax = Infinity): Eviction {
    let evicted = 0;
    for (let visits = 0; this.isOver(); visits++) {
      if (evicted >= countMax || visits >= visitsMax) return { evicted, hasMore: true };
      this.#hand ??= leavesBelow(this.#options.root);
      const { value: node, done } = this.#hand.next();
      if (done) {
        this.#hand = null;
        // Twice around at most: the first time may find everything used, and clears that. The round that goes on does not count.
        if (++this.#rounds > 2) break;
      } else if (node instanceof TreeNode && !wasUsed(node)) {
        this.#rounds = 0;
        this.#options.evict(node);
        evicted++;
      }
    }
    this.#rounds = 0;
    return { evicted, hasMore: false };
  }
}

/**
 * Nodes with a value of their own and none below: to evict a container would take along what is in use in it. For each other
 * node that it passes, null: there may be any number of tombstones. Says whether there was a value.
 */
function* leavesBelow(node: TreeNode): Generator<TreeNode | null, boolean> {
  let hasValue = false;
  for (const child of node.children()) {
    const hasBelow: boolean = yield* leavesBelow(child);
    const isValue = child.register?.value !== undefined;
    yield isValue && !hasBelow ? child : null;
    hasValue ||= isValue || hasBelow;
  }
  return hasValue;
}

/** Whether the value at `node`, or a part of it, was used since this was last asked. */
function wasUsed(node: TreeNode): boolean {
  let isUsed = node.isUsed;
  node.isUsed = false;
  for (const child of node.children()) isUsed = wasUsed(child) || isUsed;
  return isUsed;
}
