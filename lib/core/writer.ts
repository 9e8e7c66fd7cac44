/**
 * The writer: what a user's set and delete do to the tree, after all that could be wrong with them was checked.
 */
import { reasonOf, type Change } from './change';
import type { Ledger } from './ledger';
import type { TreeNode } from './node';
import { toIndex, type Path } from './path';
import { EVICTED_AT, type Register } from './register';
import type { HybridClock } from './stamp';
import type { Tree } from './tree';
import { isContainer, storeValue, type JsonValue } from './value';
import { rangeError, typeError } from '../errors';
import { limits } from '../limits';

export interface WriterOptions {
  readonly replicaId: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly clock: HybridClock;
  readonly tree: Tree;
  readonly ledger: Ledger;
  readonly valueBytesMax: number;
  readonly onChange: (change: Change) => void;
}

export class Writer {
  readonly #replicaId: string;
  readonly #now: () => number;
  readonly #clock: HybridClock;
  readonly #tree: Tree;
  readonly #ledger: Ledger;
  readonly #valueBytesMax: number;
  readonly #onChange: (change: Change) => void;

  constructor({ replicaId, now, clock, tree, ledger, valueBytesMax, onChange }: WriterOptions) {
    this.#replicaId = replicaId;
    this.#now = now;
    this.#clock = clock;
    this.#tree = tree;
    this.#ledger = ledger;
    this.#valueBytesMax = valueBytesMax;
    this.#onChange = onChange;
  }

  /**
   * Replaces what is at and below `path`; returns the value as stored. `ttlMs` of 0 is no expiry.
   * Throws ERR_CLUSTER_CACHE_PATH, _VALUE or _TTL before anything changes.
   */
  set(path: Path, input: unknown, ttlMs: number): JsonValue {
    checkTtl(ttlMs);
    const stored = storeValue(input, this.#valueBytesMax);
    let node = this.#tree.locate(path);
    if (node.parent === null) throw typeError('ERR_CLUSTER_CACHE_PATH', 'The whole cache cannot be set, only cleared.');
    try {
      // What it writes above clears away what has nothing to hold it, this node included.
      if (this.#makeRoom(node)) node = this.#tree.locate(path);
    } catch (error) {
      node.prune();
      throw error;
    }
    const now = this.#now();
    const expiresAt = ttlMs === 0 ? 0 : Math.min(Math.ceil(now + ttlMs), Number.MAX_SAFE_INTEGER);
    this.#write(node, stored.value, stored.bytes, expiresAt, path);
    return stored.value;
  }

  /** Removes what is at and below `path`, the whole cache for `[]`; whether something was visible there. */
  delete(path: Path): boolean {
    const node = this.#tree.locate(path);
    // The cache itself is always there; what matters is whether anything is in it.
    const isThere = node.parent !== null && this.#tree.base(node) !== undefined;
    const wasVisible = isThere || this.#tree.hasLiveBelow(node);
    this.#write(node, undefined, 0, 0);
    return wasVisible;
  }

  /** Removes the value at `node` because the cache is over its limits. */
  evict(node: TreeNode): void {
    this.#write(node, undefined, 0, EVICTED_AT);
  }

  #write(node: TreeNode, value: JsonValue | undefined, bytes: number, expiresAt: number, spelling?: Path): void {
    const time = this.#clock.next(this.#now());
    const register: Register = { key: node.key(spelling), time, writer: this.#replicaId, value, expiresAt, bytes, home: null };
    this.#tree.write(node, register);
    this.#ledger.write(node);
    this.#onChange({ register, reason: reasonOf(register), isLocal: true });
  }

  /**
   * Sees to it that `node` can be seen once it is set. What stands nearest above it decides: an array must
   * have room, and a value that is no container is replaced by `{}` or `[]` first, as lodash does.
   * Returns whether it has written.
   */
  #makeRoom(node: TreeNode): boolean {
    for (let below = node; below.parent?.parent; below = below.parent) {
      const above = below.parent;
      const base = this.#tree.base(above);
      if (base === undefined) continue;
      if (Array.isArray(base)) this.#checkElement(above, base.length, below.segment);
      else if (!isContainer(base) && !this.#tree.hasLiveBelow(above)) {
        this.#write(above, toIndex(below.segment) >= 0 ? Object.freeze([]) : Object.freeze({}), 2, 0);
        return true;
      }
      return false;
    }
    return false;
  }

  /** An explicit array takes indices only, and none far past its end. */
  #checkElement(node: TreeNode, baseLength: number, segment: string): void {
    const index = toIndex(segment);
    if (index >= 0 && index <= baseLength + limits.arrayGapMax) return;
    const before = node.child(String(index - 1));
    const isInReach = index < baseLength + limits.arrayGrowthMax;
    // One after the other: no need to look at the whole array each time.
    if (isInReach && before !== undefined && this.#tree.view(before) !== undefined) return;
    const shown = this.#tree.view(node);
    if (!Array.isArray(shown)) return;
    if (index < 0) {
      throw rangeError(
        'ERR_CLUSTER_CACHE_PATH',
        `There is an array at ${node.key()}, and "${segment}" is no index: JSON would lose it.`,
      );
    }
    // Farther out it would be shown as an object.
    if (index > shown.length + limits.arrayGapMax || !isInReach) {
      throw rangeError(
        'ERR_CLUSTER_CACHE_PATH',
        `Index ${index} is more than ${limits.arrayGapMax} past the end of the array at ${node.key()}.`,
      );
    }
  }
}

function checkTtl(ttlMs: unknown): void {
  if (typeof ttlMs !== 'number') {
    throw typeError('ERR_CLUSTER_CACHE_TTL', `A ttl is a number of milliseconds, not ${typeof ttlMs}.`);
  }
  if (!(ttlMs >= 0) || ttlMs === Infinity) {
    throw rangeError('ERR_CLUSTER_CACHE_TTL', `A ttl is positive and finite, or 0 for none, not ${ttlMs}.`);
  }
}
