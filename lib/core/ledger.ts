/**
 * The ledger: what the document has yet to learn from the tree, and the commits that tell it.
 *
 * It knows which segment maps this replica looks after: its own, and those of its wards, who are gone.
 */
import type { Commit, CommitOrder, CommittedEntry, EntryPlace } from './commit';
import type { Document } from './document';
import { isEarlierSegment } from './entry';
import { Losses, unwrittenFor } from './losses';
import type { TreeNode } from './node';
import { isSameWrite, type Register } from './register';
import type { Tree } from './tree';
import { UniqueQueue } from './unique-queue';
import { Unwritten, type Batch } from './unwritten';
import { Wards } from './wards';
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
  /** Of the epoch before, until all is known that is to be written again; else null. */
  #former: Document | null = null;
  /** Nodes whose winner the document does not have. */
  readonly #unwritten: Unwritten;
  /** What has lost, and waits until that counts. */
  readonly #losses: Losses;
  /** Nodes whose value has expired: the entry has yet to become the tombstone that the winner is. */
  readonly #expired = new Set<TreeNode>();
  /** Nodes at or below a tombstone at which the document may hold entries that have lost. */
  readonly #clearings = new UniqueQueue<TreeNode>();
  readonly #wards: Wards;
  #revision = 0;

  constructor({ replicaId, tree, document, movesMax }: LedgerOptions) {
    this.#replicaId = replicaId;
    this.#wards = new Wards(replicaId);
    this.#tree = tree;
    this.#document = document;
    this.#movesMax = movesMax;
    this.#losses = new Losses(document);
    this.#unwritten = new Unwritten(this.#losses);
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
    return !this.#unwritten.isEmpty || this.isCarrying;
  }

  /** Whether something waits to be written that the document of this epoch, or of the one before, once had. */
  get isCarrying(): boolean {
    return this.#unwritten.isCarrying || this.#former !== null;
  }

  /** Whether that is something of this epoch, which others have removed. */
  get isRetaining(): boolean {
    return this.#unwritten.isRetaining;
  }

  /** Whether a commit would do something. */
  get isBehind(): boolean {
    return this.hasUnwritten || this.#losses.isBehind || this.#expired.size > 0 || this.#document.needsCompaction;
  }

  /** The document has changed from outside. */
  touch(): void {
    this.#revision++;
  }

  /** Goes on with an empty document; what it shall hold is to be written again, as is told until `forgetFormer`. */
  replaceDocument(document: Document): void {
    // One that began before it was all told is empty.
    if (this.#former === null) this.#former = this.#document;
    else this.#document.destroy();
    this.#document = document;
    this.#losses.replaceDocument(document);
    this.#expired.clear();
    this.#clearings.clear();
    this.carryUnwritten();
    this.#revision++;
  }

  /** What waits to be written now counts as carried: the file may have what it takes the place of. */
  carryUnwritten(): void {
    this.#unwritten.carryAll();
  }

  /** All is told that this replica is to write again. */
  forgetFormer(): void {
    this.#former?.destroy();
    this.#former = null;
  }

  /** Whether this replica looks after the segment map `home`. */
  tends(home: string | null): boolean {
    return this.#wards.tends(home);
  }

  /** Looks after the segment maps of `owner`, those included that come to light later. */
  adopt(owner: string): void {
    this.#wards.add(owner);
    this.#document.adopt(owner);
  }

  /** Lets go of all wards that `isGone` no longer holds for. */
  releaseUnless(isGone: (owner: string) => boolean): void {
    for (const owner of this.#wards.takeUnless(isGone)) this.#document.release(owner);
  }

  /** The winner at `node` is to be written, as an entry of our own. */
  write(node: TreeNode): void {
    if (node.register !== null) node.register.home = null;
    this.#unwritten.add(node);
  }

  /** Likewise, for what the document of the epoch before had, and this one ought to have. */
  carry(node: TreeNode): void {
    if (node.register !== null) node.register.home = null;
    this.#unwritten.carry(node);
  }

  /** Likewise, for what this document had until somebody removed it: before everything else. */
  retain(node: TreeNode): void {
    if (node.register !== null) node.register.home = null;
    this.#unwritten.retain(node);
  }

  /** `register`, which the document holds, has lost at `node`. */
  bury(register: Register, node: TreeNode): void {
    // It went with the document of the epoch before.
    if (this.#former === null) this.#losses.add(register, node);
  }

  /** `register`, which no document has, has lost to what others wrote. */
  outrun(register: Register): void {
    this.#unwritten.outrun(register);
  }

  /** A tombstone has come to stand at `node` or above: what has lost there is to go for good, at the next sweep. */
  clearLater(node: TreeNode): void {
    this.#clearings.add(node);
  }

  /** Removes the entries at one such node, as far as this replica looks after them; false if there is no more. */
  clearNext(): boolean {
    const node = this.#clearings.take();
    if (node === undefined) return false;
    if (node.entries > 0) this.#clear(node);
    return true;
  }

  /** The value of the winner at `node` has expired, and is given back. */
  expire(node: TreeNode): void {
    if (node.entries > 1) this.#clear(node);
    if (!this.hasCopy(node)) return;
    const register = node.register!;
    if (this.#wards.owns(register.home)) {
      this.#expired.add(node);
    } else {
      // In the segment map of another, even of one who is gone, an entry of ours would refer to theirs.
      const entries = node.entries > 1 ? this.#document.tendedAt(register.key) : [{ ...register }];
      this.write(node);
      for (const entry of entries) this.#losses.clear(entry, node);
    }
  }

  /** Whether this replica looks after an entry of the write that has won at `node`. */
  hasCopy(node: TreeNode): boolean {
    const { register } = node;
    if (register === null) return false;
    if (this.tends(register.home)) return true;
    const document = this.#former ?? this.#document;
    return node.hasCopies && document.tendedAt(register.key).some((copy) => isSameWrite(copy, register));
  }

  /** Some segment map that has the write of `register`, or null. */
  findCopy(register: Register): string | null {
    return this.#document.registersAt(register.key).find((copy) => isSameWrite(copy, register))?.home ?? null;
  }

  /** Whether all entries at `node` are the write that has won there: one, or copies of it. */
  hasCopiesOnly(node: TreeNode): boolean {
    const { register } = node;
    if (register === null) return false;
    if (node.entries <= 1) return true;
    return node.hasCopies && this.#document.registersAt(register.key).every((copy) => isSameWrite(copy, register));
  }

  /** Removes all entries at `node` that this replica looks after, the winner included. */
  buryAll(node: TreeNode): void {
    const { register } = node;
    if (register === null) return;
    if (node.entries > 1) {
      for (const { home, key } of this.#document.tendedAt(register.key)) this.#losses.remove(home!, key);
    } else if (this.tends(register.home)) {
      this.#losses.remove(register.home!, register.key);
    }
  }

  /**
   * Removes, moves and writes what is due, at most `countMax` winners; the update for the peers, or null if
   * there was nothing to do.
   */
  commit(countMax: number): Uint8Array | null {
    if (!this.isBehind) return null;
    const batch = this.#unwritten.take(countMax);
    const { nodes } = batch;
    // In step with what is written.
    this.#losses.tell(limits.lossesMax + nodes.size);
    const commit = this.#commit(batch, {
      removals: this.#losses.takeRemovals(countMax),
      onRemoved: (place): void => this.#removed(place),
      tombstones: this.#takeTombstones(countMax),
      outrun: batch.outrun.filter((register) => this.#isNeeded(register)),
      onOutrun: (register, to): void => this.#writtenInVain(register, to),
      movesMax: this.#movesMax,
      survivor: (key, segmentId, read) => this.#survivor(key, segmentId, read, nodes),
      onMoved: (register, from, to) => {
        this.#moved(register, from, to);
      },
      registers: [...nodes].map((node) => node.register!),
    });
    this.#settle(commit, nodes);
    if (commit.update !== null) this.#revision++;
    return commit.update;
  }

  #commit({ outrun, nodes }: Batch, order: CommitOrder): Commit {
    try {
      return this.#document.commit(order);
    } catch (error) {
      for (const register of outrun) this.#unwritten.outrun(register);
      // They are still to be written, into another document, and before all others.
      for (const node of nodes) this.#unwritten.carry(node);
      throw error;
    }
  }

  #settle({ dropped, displaced, entries }: Commit, nodes: ReadonlySet<TreeNode>): void {
    for (const place of dropped) this.#removed(place);
    for (const register of displaced) {
      const node = this.#tree.find(register.key);
      if (node?.register === register) this.write(node);
    }
    let i = 0;
    for (const node of nodes) this.#written(node, entries[i++]!);
  }

  #written(node: TreeNode, { segmentId, isReplacement }: CommittedEntry): void {
    this.#losses.keep(segmentId, node.register!.key);
    this.#tree.settle(node, segmentId, isReplacement);
  }

  /** Whether `register`, which was outrun, is to be written: not where a later write of our own is, for whose entry there is one place. */
  #isNeeded(register: Register): boolean {
    const winner = this.#tree.find(register.key)?.register ?? null;
    if (winner !== null && (winner.home === null || this.#wards.owns(winner.home))) return false;
    return this.#tree.isSuperseded(register);
  }

  /** `register`, which was outrun, is in the document, and goes again as any entry that has lost. */
  #writtenInVain(register: Register, { segmentId, isReplacement }: CommittedEntry): void {
    this.#losses.keep(segmentId, register.key);
    register.home = segmentId;
    this.#tree.addEntry(register, isReplacement);
    this.#clearings.add(this.#tree.find(register.key)!);
  }

  /** `register` has been moved from one segment map to another, or written in the place of what it hides. */
  #moved(register: Register, from: string, to: CommittedEntry): void {
    const { key, home } = register;
    if (home === null) {
      this.#written(this.#tree.find(key)!, to);
    } else {
      this.#tree.moveEntry(key, from, to);
      this.#losses.keep(to.segmentId, key);
    }
  }

  #removed({ segmentId, key }: EntryPlace): void {
    this.#tree.removeEntry(segmentId, key, false, this.#replicaId);
  }

  /** What must be in another segment map, while `taken` are written, before an entry at `key` goes with the one that holds it. */
  #survivor(key: string, segmentId: string, read: () => Register | null, taken: ReadonlySet<TreeNode>): Register | null {
    const node = this.#tree.find(key);
    const winner = node?.register ?? null;
    if (node?.hasCopies === true && this.#hasOwnCopy(winner, segmentId)) return null;
    if (winner?.home === segmentId && winner.key === key) return winner;
    const register = read();
    // What is no register may stand under a key that only looks like one.
    if (node === null || register === null) return null;
    const awaited = unwrittenFor(register, node);
    if (awaited !== null) return taken.has(awaited) ? null : this.#writeAhead(awaited);
    // A copy that nobody else is known to look after stays: two who have one each must not both drop it.
    if (winner === null || !node.hasCopies || this.tends(winner.home)) return null;
    return isSameWrite(register, winner) ? register : null;
  }

  /** Whether an own segment map has the write of `winner`, but for `segmentId` and those before it. */
  #hasOwnCopy(winner: Register | null, segmentId: string): boolean {
    if (winner === null) return false;
    const isKept = ({ home }: Register): boolean => home !== segmentId && this.#wards.owns(home) && !isEarlierSegment(home, segmentId);
    return this.#document.registersAt(winner.key).some((copy) => isKept(copy) && isSameWrite(copy, winner));
  }

  /** What waits at `node`, to be written before its turn: to move what it takes the place of would be for nothing. */
  #writeAhead(node: TreeNode): Register {
    this.#unwritten.takeAhead(node);
    return node.register!;
  }

  #takeTombstones(countMax: number): Register[] {
    const tombstones: Register[] = [];
    for (const node of this.#expired) {
      if (tombstones.length >= countMax) break;
      this.#expired.delete(node);
      const { register } = node;
      // Written or moved meanwhile: then what has come in its place says it all.
      if (register !== null && register.value === undefined && this.#wards.owns(register.home)) tombstones.push(register);
    }
    return tombstones;
  }

  #clear(node: TreeNode): void {
    for (const copy of this.#document.tendedAt(node.key())) {
      if (this.#tree.isLost(node, copy)) this.#losses.clear(copy, node);
    }
  }
}
