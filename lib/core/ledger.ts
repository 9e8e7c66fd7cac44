/**
 * The ledger: what the document has yet to learn from the tree, and the commits that tell it.
 *
 * It knows which segment maps this replica looks after: its own, and those of its wards, who are gone.
 */
import type { Document, EntryPlace } from './document';
import { segmentOwner } from './entry';
import type { TreeNode } from './node';
import { isOrphan } from './orphans';
import { isSameWrite, type Register } from './register';
import type { Tree } from './tree';
import { limits } from '../limits';

export interface LedgerOptions {
  readonly replicaId: string;
  readonly tree: Tree;
  readonly document: Document;
  /** Entries that compaction moves in one commit, at most. */
  readonly movesMax: number;
}

export class Ledger {
  readonly #replicaId: string;
  readonly #tree: Tree;
  readonly #movesMax: number;
  #document: Document;
  /** Nodes whose winner the document does not have. */
  readonly #outbox = new Set<TreeNode>();
  /** Keys of entries that are to be removed, by the segment map that holds them. */
  readonly #dead = new Map<string, Set<string>>();
  readonly #wards = new Set<string>();
  /** Nodes of the outbox whose winners were in the document of the epoch before. */
  #carried = new Set<TreeNode>();
  #revision = 0;

  constructor({ replicaId, tree, document, movesMax }: LedgerOptions) {
    this.#replicaId = replicaId;
    this.#tree = tree;
    this.#document = document;
    this.#movesMax = movesMax;
  }

  get document(): Document {
    return this.#document;
  }

  /** Counts up whenever the document has changed. */
  get revision(): number {
    return this.#revision;
  }

  /** Whether a winner waits to be written. */
  get hasUnwritten(): boolean {
    return this.#outbox.size > 0;
  }

  /** Whether something of the epoch before waits to be written into this one. */
  get isCarrying(): boolean {
    return this.#carried.size > 0;
  }

  /** Whether a commit would do something. */
  get isBehind(): boolean {
    return this.#outbox.size > 0 || this.#dead.size > 0 || this.#document.needsCompaction;
  }

  /** The document has changed from outside. */
  touch(): void {
    this.#revision++;
  }

  /** Goes on with an empty document; what it shall hold is to be written again. */
  replaceDocument(document: Document): void {
    this.#document.destroy();
    this.#document = document;
    this.#dead.clear();
    this.#carried = new Set(this.#outbox);
    this.#revision++;
  }

  /** Whether this replica looks after the segment map `home`. */
  tends(home: string | null): boolean {
    if (home === null) return false;
    const owner = segmentOwner(home);
    return owner === this.#replicaId || (owner !== null && this.#wards.has(owner));
  }

  /** Looks after the segment maps of `owner`, those included that come to light later. */
  adopt(owner: string): void {
    this.#wards.add(owner);
    this.#document.adopt(owner);
  }

  /** Lets go of all wards that `isGone` no longer holds for. */
  releaseUnless(isGone: (owner: string) => boolean): void {
    for (const owner of this.#wards) {
      if (isGone(owner)) continue;
      this.#wards.delete(owner);
      this.#document.release(owner);
    }
  }

  /** The winner at `node` is to be written, as an entry of our own. */
  write(node: TreeNode): void {
    if (node.register !== null) node.register.home = null;
    this.#outbox.add(node);
  }

  /** Likewise, for what the document of the epoch before had, and this one ought to have. */
  carry(node: TreeNode): void {
    this.write(node);
    this.#carried.add(node);
  }

  /** `register` has died; `node`, where it stood, may have copies of it. */
  bury(register: Register, node: TreeNode): void {
    if (register.home !== null && this.tends(register.home)) this.#markDead(register.home, register.key);
    // Two who adopted the same segment map at the same time have left two copies of its entries.
    // Of an orphan they are all that is left.
    if (node.entries > (isOrphan(register) ? 0 : 1)) this.#buryCopies(node, register.key);
  }

  /** Whether this replica looks after an entry of the write that has won at `node`. */
  hasCopy(node: TreeNode): boolean {
    const { register } = node;
    if (register === null) return false;
    if (this.tends(register.home)) return true;
    return node.entries > 1 && this.#document.tendedAt(register.key).some((copy) => isSameWrite(copy, register));
  }

  /** Whether all entries at `node` are the write that has won there: one, or copies of it. */
  hasCopiesOnly(node: TreeNode): boolean {
    const { register } = node;
    if (register === null) return false;
    return node.entries <= 1 || this.#document.registersAt(register.key).every((copy) => isSameWrite(copy, register));
  }

  /** Removes all entries at `node` that this replica looks after, the winner included. */
  buryAll(node: TreeNode): void {
    const { register } = node;
    if (register === null) return;
    if (node.entries > 1) {
      for (const { home, key } of this.#document.tendedAt(register.key)) this.#markDead(home!, key);
    } else if (this.tends(register.home)) {
      this.#markDead(register.home!, register.key);
    }
  }

  /**
   * Removes, moves and writes what is due, at most `countMax` winners; the update for the peers, or null if
   * there was nothing to do.
   */
  commit(countMax: number): Uint8Array | null {
    const nodes = this.#takeOutbox(countMax);
    const removals = this.#takeDead(countMax);
    if (nodes.length === 0 && removals.length === 0 && !this.#document.needsCompaction) return null;
    const commit = this.#document.commit({
      removals,
      movesMax: this.#movesMax,
      isLive: (register) => this.#tree.isWinner(register),
      registers: nodes.map((node) => node.register!),
    });
    if (commit === null) return null;
    for (const { segmentId, key } of commit.removed) this.#tree.removeEntry(segmentId, key);
    // What stands now where an entry was to be removed has replaced that: it must not be removed in its stead.
    for (const { key, from, to } of commit.moved) {
      if (to !== null) this.#dead.get(to.segmentId)?.delete(key);
      this.#tree.moveEntry(key, from, to);
    }
    nodes.forEach((node, i) => {
      const { segmentId, isReplacement } = commit.entries[i]!;
      this.#dead.get(segmentId)?.delete(node.register!.key);
      this.#tree.settle(node, segmentId, isReplacement);
    });
    this.#revision++;
    return commit.update;
  }

  #takeOutbox(countMax: number): TreeNode[] {
    const nodes: TreeNode[] = [];
    let bytes = 0;
    for (const node of this.#outbox) {
      if (nodes.length >= countMax || bytes >= limits.commitBytesMax) break;
      this.#outbox.delete(node);
      this.#carried.delete(node);
      // Hidden or replaced before it was written: nobody needs to hear of it.
      if (node.register?.home !== null) continue;
      nodes.push(node);
      bytes += node.register.bytes;
    }
    return nodes;
  }

  #takeDead(countMax: number): EntryPlace[] {
    const places: EntryPlace[] = [];
    for (const [segmentId, keys] of this.#dead) {
      for (const key of keys) {
        if (places.length >= countMax) return places;
        keys.delete(key);
        places.push({ segmentId, key });
      }
      this.#dead.delete(segmentId);
    }
    return places;
  }

  #buryCopies(node: TreeNode, key: string): void {
    for (const copy of this.#document.tendedAt(key)) {
      if (node.register === null || !isSameWrite(copy, node.register)) this.#markDead(copy.home!, key);
    }
  }

  #markDead(segmentId: string, key: string): void {
    const keys = this.#dead.get(segmentId);
    if (keys === undefined) this.#dead.set(segmentId, new Set([key]));
    else keys.add(key);
  }
}
