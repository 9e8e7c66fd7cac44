/**
 * The replica: this process's copy of one cache, tree and document kept in step.
 *
 * Pure: time and ids come in through its options, updates go in and out as bytes. It does not know who its
 * peers are (session.ts does), nor when its turn ends (the host does).
 */
import { Document, type EntryPlace } from './document';
import { firstEpoch, type Epoch } from './epoch';
import { segmentOwner } from './entry';
import type { TreeNode } from './node';
import { toIndex, type Path } from './path';
import type { Register } from './register';
import { HybridClock } from './stamp';
import { keyOf, Tree } from './tree';
import { isContainer, storeValue, type JsonValue } from './value';
import { rangeError, typeError } from '../errors';
import { limits } from '../limits';

/** Why what is visible at a path changed. */
export type ChangeReason = 'set' | 'delete' | 'expire' | 'clear';

/** A change of what the cache shows: `register` has become the winner at its path, or has expired. */
export interface Change {
  readonly register: Register;
  readonly reason: ChangeReason;
  /** Whether this replica made it. */
  readonly isLocal: boolean;
}

/** What came of updates received. */
export type ReceiveResult = 'applied' | 'gap';

export interface ReplicaOptions {
  /** Of this replica alone, never used before: 1 to 32 of `0-9a-z`. */
  readonly id: string;
  /** Milliseconds since 1970; may run backwards. */
  readonly now: () => number;
  /** Gives a fresh random Yjs client id, an integer below 2^53. */
  readonly nextClientId: () => number;
  /** Hears of every change; called outside Yjs, after the fact. */
  readonly onChange?: (change: Change) => void;
  /** How long what was removed is remembered, in ms. Partitions longer than that may bring back what was deleted. */
  readonly retentionMs: () => number;
  readonly valueBytesMax?: number;
  readonly segmentWritesMax?: number;
}

export class Replica {
  readonly id: string;
  readonly #options: ReplicaOptions;
  readonly #clock = new HybridClock();
  readonly #tree: Tree;
  #document: Document;
  /** Nodes written to in this turn, which the document does not know of yet. */
  readonly #outbox = new Set<TreeNode>();
  /** Own entries of the document that have lost. */
  #dead: EntryPlace[] = [];
  /** Entries passed over because they are no registers. */
  #refused = 0;
  #revision = 0;

  constructor(options: ReplicaOptions) {
    this.id = options.id;
    this.#options = options;
    this.#document = this.#createDocument(firstEpoch);
    this.#tree = new Tree({
      now: options.now,
      onDead: (register) => {
        if (register.home !== null && segmentOwner(register.home) === this.id) {
          this.#dead.push({ segmentId: register.home, key: register.key });
        }
      },
    });
  }

  /** The value at `path`, deeply frozen, or undefined where there is none. */
  get(path: Path): JsonValue | undefined {
    return this.#tree.get(path);
  }

  /** Whether there is a value at `path`. */
  has(path: Path): boolean {
    return this.#tree.get(path) !== undefined;
  }

  /**
   * Replaces what is at and below `path`; returns the value as stored. `ttlMs` of 0 is no expiry.
   * Throws ERR_CLUSTER_CACHE_PATH, _VALUE or _TTL before anything changes.
   */
  set(path: Path, input: unknown, ttlMs = 0): JsonValue {
    checkTtl(ttlMs);
    const stored = storeValue(input, this.#options.valueBytesMax);
    let node = this.#tree.locate(path);
    if (node.parent === null) throw typeError('ERR_CLUSTER_CACHE_PATH', 'The whole cache cannot be set, only cleared.');
    try {
      // What it writes above clears away what has nothing to hold it, this node included.
      if (this.#makeRoom(node)) node = this.#tree.locate(path);
    } catch (error) {
      node.prune();
      throw error;
    }
    const now = this.#options.now();
    const expiresAt = ttlMs === 0 ? 0 : Math.min(Math.ceil(now + ttlMs), Number.MAX_SAFE_INTEGER);
    this.#write(node, stored.value, stored.bytes, expiresAt);
    return stored.value;
  }

  /** Removes what is at and below `path`, the whole cache for `[]`; whether something was visible there. */
  delete(path: Path): boolean {
    const node = this.#tree.locate(path);
    const shown = this.#tree.view(node);
    // The cache itself is always there; what matters is whether anything is in it.
    const wasVisible = node.parent === null ? Object.keys(shown ?? {}).length > 0 : shown !== undefined;
    this.#write(node, undefined, 0, 0);
    return wasVisible;
  }

  /** Whether something waits for `commit`. */
  get hasUncommitted(): boolean {
    return this.#outbox.size > 0 || this.#dead.length > 0;
  }

  /** Moves the outbox into the document; the update for the peers, or null if there was nothing to move. */
  commit(): Uint8Array | null {
    if (!this.hasUncommitted) return null;
    const nodes: TreeNode[] = [];
    const registers: Register[] = [];
    for (const node of this.#outbox) {
      // Hidden within the same turn: nobody needs to hear of it.
      if (node.register?.home !== null) continue;
      nodes.push(node);
      registers.push(node.register);
    }
    const dead = this.#dead;
    this.#outbox.clear();
    this.#dead = [];
    for (const { segmentId, key } of dead) this.#tree.removeEntry(segmentId, key);
    const commit = this.#document.commit(registers, dead);
    if (commit === null) return null;
    this.#revision++;
    nodes.forEach((node, i) => {
      const { segmentId, isReplacement } = commit.entries[i]!;
      this.#tree.settle(node, segmentId, isReplacement);
    });
    return commit.update;
  }

  /**
   * Applies updates of a peer, or of the file. A gap changes nothing: ask for a sync instead. What waits in
   * the outbox must have been committed before. Throws what Yjs throws at bytes that are no update.
   */
  receive(updates: readonly Uint8Array[]): ReceiveResult {
    const result: Change[] = [];
    const wanted: Uint8Array[] = [];
    let hasGap = false;
    try {
      for (const update of updates) {
        // Within one batch an update may build on the one before it: apply what came so far, then look again.
        if (this.#document.hasGapBefore(update)) {
          this.#take(wanted.splice(0), result);
          if (this.#document.hasGapBefore(update)) {
            hasGap = true;
            break;
          }
        }
        wanted.push(update);
      }
      this.#take(wanted, result);
    } finally {
      for (const change of result) this.#options.onChange?.(change);
    }
    return hasGap || this.#document.hasPending ? 'gap' : 'applied';
  }

  /** Turns what has expired into tombstones, at most `countMax` of them; whether some are left. */
  sweep(countMax = Infinity): boolean {
    for (const key of this.#tree.forgetOrphans(this.#options.now() - this.#options.retentionMs())) {
      for (const register of this.#document.registersAt(key)) this.#tree.addEntry(register, true);
    }
    for (let count = 0; count < countMax; count++) {
      const node = this.#tree.expireNext();
      if (node === null) return false;
      const { home } = node.register!;
      if (home !== null && segmentOwner(home) === this.id) {
        // Its entry still holds the value: remove that, and write the tombstone in its place.
        this.#dead.push({ segmentId: home, key: node.register!.key });
        node.register = { ...node.register!, home: null };
        this.#outbox.add(node);
      }
      this.#options.onChange?.({ register: node.register!, reason: 'expire', isLocal: true });
    }
    return true;
  }

  /** Counts up whenever the document has changed. */
  get revision(): number {
    return this.#revision;
  }

  get epoch(): Epoch {
    return this.#document.epoch;
  }

  /** Yjs state vector of what has been committed. */
  stateVector(): Uint8Array {
    return this.#document.stateVector();
  }

  /** All that a replica with `vector` lacks of what has been committed, or everything. */
  encodeState(vector?: Uint8Array): Uint8Array {
    return this.#document.encodeState(vector);
  }

  /** Yjs clients of which a replica with `vector` has more than this one, with the clock it has. */
  lacks(vector: Uint8Array): Map<number, number> {
    return this.#document.lacks(vector);
  }

  /** Whether one of `clocks`, by Yjs client, is beyond what this replica has. */
  isBehind(clocks: ReadonlyMap<number, number>): boolean {
    return this.#document.isBehind(clocks);
  }

  /** Whether Yjs holds back something it could not place; a sync with whoever sent it mends that. */
  get hasPending(): boolean {
    return this.#document.hasPending;
  }

  /** Entries of peers that were passed over because they are no registers. */
  get refused(): number {
    return this.#refused;
  }

  /** The soonest expiry of a visible value, in ms since 1970, or Infinity. */
  get soonestExpiry(): number {
    return this.#tree.soonestExpiry;
  }

  destroy(): void {
    this.#document.destroy();
  }

  #createDocument(epoch: Epoch): Document {
    const { nextClientId, segmentWritesMax } = this.#options;
    return new Document({
      epoch,
      replicaId: this.id,
      clientId: nextClientId(),
      ...(segmentWritesMax === undefined ? {} : { segmentWritesMax }),
    });
  }

  #write(node: TreeNode, value: JsonValue | undefined, bytes: number, expiresAt: number): void {
    const time = this.#clock.next(this.#options.now());
    const register: Register = { key: keyOf(node), time, writer: this.id, value, expiresAt, bytes, home: null };
    this.#tree.write(node, register);
    this.#outbox.add(node);
    this.#options.onChange?.({ register, reason: reasonOf(register), isLocal: true });
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
    const shown = this.#tree.view(node);
    if (!Array.isArray(shown)) return;
    if (index < 0) {
      throw rangeError(
        'ERR_CLUSTER_CACHE_PATH',
        `There is an array at ${keyOf(node)}, and "${segment}" is no index: JSON would lose it.`,
      );
    }
    if (index > shown.length + limits.arrayGapMax) {
      throw rangeError(
        'ERR_CLUSTER_CACHE_PATH',
        `Index ${index} is more than ${limits.arrayGapMax} past the end of the array at ${keyOf(node)}.`,
      );
    }
  }

  #take(updates: readonly Uint8Array[], result: Change[]): void {
    if (updates.length === 0) return;
    const { added, removed, refused } = this.#document.apply(updates);
    this.#refused += refused;
    if (added.length + removed.length > 0) this.#revision++;
    for (const { register, isReplacement } of added) {
      this.#clock.observe(register.time);
      if (!this.#tree.addEntry(register, isReplacement)) continue;
      result.push({ register, reason: reasonOf(register), isLocal: false });
    }
    for (const { segmentId, key } of removed) this.#tree.removeEntry(segmentId, key);
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

function reasonOf({ key, value, expiresAt }: Register): ChangeReason {
  if (value !== undefined) return 'set';
  if (expiresAt !== 0) return 'expire';
  return key === '' ? 'clear' : 'delete';
}

