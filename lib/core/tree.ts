/**
 * The tree: the winners by path, from which every read is answered.
 *
 * It decides visibility (docs/consistency.md). It knows registers, not documents: its owner tells it
 * which registers appear and go, and hears which have died.
 */
import type { CommittedEntry } from './commit';
import { isEarlierSegment, ownerOf } from './entry';
import { TreeNode } from './node';
import { isOrphan, Orphans } from './orphans';
import { parsePath, splitKey, type Path } from './path';
import { PathIndex } from './path-index';
import { expiryTime, hasExpired, isSameWrite, supersedes, withoutValue, type Register } from './register';
import type { Stamp } from './stamp';
import { Tally } from './tally';
import { Timetable } from './timetable';
import { ownProperty, type JsonValue } from './value';
import { isVisible, refresh, walkTo } from './walk';
import { limits } from '../limits';

/** What the tree asks of its owner. */
export interface TreeOwner {
  /** Milliseconds since 1970; may run backwards. */
  readonly now: () => number;
  /** How long what was removed is remembered, in ms. */
  readonly retentionMs: () => number;
  /** `register`, which the document holds, has lost at its path or is hidden by a later write above it. */
  readonly onDead: (register: Register, node: TreeNode) => void;
  /** `register`, which no document has, has lost to what others wrote, or is hidden by that. */
  readonly onOutrun: (register: Register) => void;
  /** At `node`, at which the document has entries, or above it, a tombstone has come to stand. */
  readonly onCleared: (node: TreeNode) => void;
  /** Another segment map that has the write of `register`, or null. */
  readonly findCopy: (register: Register) => string | null;
}

export class Tree {
  readonly root = new TreeNode(null, '');
  readonly #owner: TreeOwner;
  readonly #index: PathIndex<TreeNode>;
  /** Winners that the document does not have. */
  readonly orphans: Orphans;
  readonly #timetable: Timetable;
  readonly tally = new Tally();

  constructor(owner: TreeOwner, pathIndexMax: number = limits.pathIndexMax) {
    this.#owner = owner;
    this.orphans = new Orphans(owner.now);
    // What was forgotten leaves its spellings behind: there must not be many more of them than of what is alive.
    const generationMax = (): number => Math.min(pathIndexMax, limits.pathIndexMin + this.tally.live);
    this.#index = new PathIndex(generationMax, (node) => {
      node.spellings--;
      node.prune();
    });
    this.#timetable = new Timetable(owner.retentionMs);
  }

  /** The value at `path`, or undefined where nothing is visible. Throws ERR_CLUSTER_CACHE_PATH. */
  get(path: Path): JsonValue | undefined {
    const known = typeof path === 'string' ? this.#index.get(path) : undefined;
    const node = known ?? this.locate(path);
    if (!node.isUsed) node.isUsed = true;
    if (node.freshUntil === null) return node.value;
    const value = this.view(node);
    if (node.spellings === 0) node.prune();
    return value;
  }

  /** The node at `path`, made if need be. A node that is not written to must be pruned after use. */
  locate(path: Path): TreeNode {
    if (typeof path !== 'string') return this.#obtain(parsePath(path));
    let node = this.#index.get(path);
    if (node === undefined) {
      node = this.#obtain(parsePath(path));
      node.spellings++;
      this.#index.add(path, node);
    }
    return node;
  }

  /** Forgets one spelled path of the many that led to what is gone; whether there may be more. */
  trim(): boolean {
    return this.#index.trim();
  }

  /** What is visible at `node` at this moment. */
  view(node: TreeNode): JsonValue | undefined {
    const now = this.#owner.now();
    if (node.isStale(now)) refresh(node, now);
    return node.value;
  }

  /**
   * What the nearest register on the way to `node` shows there, whatever lies below `node`.
   * Cheap: it visits only the nodes on the way.
   */
  base(node: TreeNode): JsonValue | undefined {
    return walkTo(node, this.#owner.now()).base;
  }

  /** Puts a local write in its place. Its stamp must be later than that of every register of the tree. */
  write(node: TreeNode, register: Register): void {
    this.#replace(node, register);
  }

  /**
   * The document has a new entry, or, where `isReplacement`, another register in the place of one.
   * Returns whether it is now the winner at its path, and was not before.
   */
  addEntry(register: Register, isReplacement: boolean): boolean {
    const node = this.#obtain(splitKey(register.key));
    if (!isReplacement) this.tally.countEntries(node, 1);
    const winner = node.register;
    if (winner !== null && isSameWrite(winner, register)) return this.#rehome(node, winner, register);
    if (this.#isHidden(node, register) || (winner !== null && supersedes(winner, register))) {
      this.#owner.onDead(register, node);
      return false;
    }
    this.#replace(node, register);
    return true;
  }

  /** Takes in a write that no document of this epoch has; its node if it is the winner there now, or null. */
  salvage(register: Register): TreeNode | null {
    const node = this.#obtain(splitKey(register.key));
    const winner = node.register;
    if (this.#isHidden(node, register) || (winner !== null && !supersedes(register, winner))) {
      node.prune();
      return null;
    }
    this.#replace(node, register);
    return node;
  }

  /**
   * The document no longer has the entry that `segmentId` held for `key`; `isTaken` if it was ours, and somebody
   * else has removed it. `owner` knows what is to become of it: whoever owns the segment map, unless we have removed
   * it. Returns the node where that leaves an orphan: a winner that the document does not have.
   */
  removeEntry(segmentId: string, key: string, isTaken = false, owner?: string): TreeNode | null {
    const node = this.find(key);
    if (node === null) return null;
    this.tally.countEntries(node, -1);
    const mayHaveCopy = node.hasCopies && node.entries > 0;
    if (node.entries <= 1) node.hasCopies = false;
    const winner = node.register;
    // A look into every segment map.
    if (winner?.home === segmentId && mayHaveCopy) winner.home = this.#owner.findCopy(winner) ?? segmentId;
    // Who took us for gone may not have known of it: what a tombstone of ours hides may be on its way to us.
    const isOrphaned = winner?.home === segmentId && (isTaken || !this.#isForgettable(node));
    // Its owner knows of a later write, which may come to us by another way a moment from now. Until then this is
    // the newest we know: dropping it would show a miss, or an older value, in between.
    if (isOrphaned) this.orphans.add(node, winner, owner ?? ownerOf(segmentId), true);
    else if (winner?.home === segmentId) this.#forget(node);
    node.prune();
    return isOrphaned ? node : null;
  }

  /** The document holds a copy of the entry of `from` elsewhere now; that one is about to go. */
  moveEntry(key: string, from: string, to: CommittedEntry): void {
    const node = this.find(key);
    if (node === null) return;
    if (node.register?.home === from) node.register.home = to.segmentId;
    if (!to.isReplacement) this.tally.countEntries(node, 1);
  }

  /** Whether nobody needs `register`, an entry at `node`: a copy or a later write is there, or it has long been hidden. */
  isLost(node: TreeNode, register: Register): boolean {
    const winner = node.register;
    if (winner !== null && isSameWrite(winner, register)) return isEarlierSegment(register.home, winner.home);
    if (winner !== null && supersedes(winner, register)) return true;
    return !isVisible(node, register, this.#owner.now() - this.#owner.retentionMs());
  }

  /** Whether a later write is there, at its path or above. */
  isSuperseded(register: Register): boolean {
    const node = this.#obtain(splitKey(register.key));
    const isSuperseded = (node.register !== null && supersedes(node.register, register)) || this.#isHidden(node, register);
    node.prune();
    return isSuperseded;
  }

  /** Forgets the winner at `node`; the keys at which other entries must be looked at again. */
  forget(node: TreeNode): string[] {
    this.#forget(node);
    const keys = [...node.entryKeys()];
    node.prune();
    return keys;
  }

  /** The document has taken in the local write that waited at `node`, as an entry of `segmentId`. */
  settle(node: TreeNode, segmentId: string, isReplacement: boolean): void {
    if (node.register !== null) node.register.home = segmentId;
    if (!isReplacement) this.tally.countEntries(node, 1);
  }

  /** Takes the value from one winner that has expired at `nowMs`, and returns its node; null where none is left. */
  expireNext(nowMs: number): TreeNode | null {
    const node = this.#timetable.takeExpired(nowMs);
    if (node === null) return null;
    this.#place(node, withoutValue(node.register!));
    this.#stale(node);
    return node;
  }

  /** The node of one tombstone that is older than the retention; null where none is left. It comes again later. */
  retireNext(nowMs: number): TreeNode | null {
    return this.#timetable.nextRetired(nowMs);
  }

  /** Buries what is hidden only by the expiry of the winner at `node`, as far as `isOurs`, which is asked once for each. */
  buryExpired(node: TreeNode, isOurs: (node: TreeNode) => boolean): void {
    const { register } = node;
    if (register === null || register.expiresAt === 0 || !node.hasChildren) return;
    const now = this.#owner.now();
    if (register.value !== undefined && !hasExpired(register, now)) return;
    // What is itself hidden hides nothing.
    if (!isVisible(node, register, now)) return;
    this.#buryBelow(node, { time: expiryTime(register), writer: '' }, true, isOurs);
  }

  /**
   * Whether nothing would change if the tombstone at `node` were gone: the document has no more than
   * `entriesMax` entries there and none below, and nothing above shows through.
   */
  isLastTrace(node: TreeNode, entriesMax: number): boolean {
    if (node.entries > entriesMax || node.hasEntriesBelow()) return false;
    if (node.parent === null) return true;
    return ownProperty(walkTo(node.parent, this.#owner.now()).base, node.segment) === undefined;
  }

  /** Whether a visible value stands anywhere at or below `node`. */
  hasLiveBelow(node: TreeNode): boolean {
    for (const child of node.children()) {
      if (child.register !== null && this.view(child) !== undefined) return true;
      if (this.hasLiveBelow(child)) return true;
    }
    return false;
  }

  #obtain(segments: readonly string[]): TreeNode {
    let node = this.root;
    for (const segment of segments) node = node.obtainChild(segment);
    return node;
  }

  /** The node of a path that is known to be canonical, as that of a register is, if there is one. */
  find(key: string): TreeNode | null {
    let node: TreeNode | undefined = this.root;
    for (const segment of splitKey(key)) {
      node = node.child(segment);
      if (node === undefined) return null;
    }
    return node;
  }

  #isHidden(node: TreeNode, register: Register): boolean {
    for (let above = node.parent; above !== null; above = above.parent) {
      if (above.register !== null && supersedes(above.register, register)) return true;
    }
    return false;
  }

  /** The same write has come again: moved to another segment map, or swept by its owner. */
  #rehome(node: TreeNode, winner: Register, register: Register): boolean {
    const { home } = winner;
    const isKept = home !== null && !isOrphan(winner) && home !== register.home;
    if (isKept) node.hasCopies ||= ownerOf(home) !== ownerOf(register.home!);
    if (register.value === undefined && winner.value !== undefined) {
      this.#place(node, register);
      this.#stale(node);
      if (node.entries > 1) this.#owner.onCleared(node);
      return true;
    }
    // A move may be heard of before the place that it came from.
    if (!isKept || !isEarlierSegment(register.home, home)) winner.home = register.home;
    return false;
  }

  #replace(node: TreeNode, register: Register): void {
    const loser = node.register;
    const isCleared = register.value === undefined;
    node.isUsed = true;
    this.#place(node, register);
    if (loser !== null) this.#bury(loser, node, register);
    if (isCleared && node.entries > 0) this.#owner.onCleared(node);
    if (node.hasChildren) this.#buryBelow(node, register, isCleared, () => true);
    this.#stale(node);
  }

  /** Puts `register`, or nothing, in the place of the winner at `node`. */
  #place(node: TreeNode, register: Register | null): void {
    const former = node.register;
    this.tally.place(node, register);
    this.#timetable.replace(node, former);
  }

  /** `register` has lost at `node` to `winner`, or is hidden by that. */
  #bury(register: Register, node: TreeNode, winner: Stamp | Register): void {
    if (register.home !== null) this.#owner.onDead(register, node);
    else if ('home' in winner && winner.home !== null) this.#owner.onOutrun(register);
    node.hasCopies = false;
  }

  /** Buries all winners below `node` that are earlier than `stamp`; `isCleared` if nothing takes their place. */
  #buryBelow(node: TreeNode, stamp: Stamp | Register, isCleared: boolean, isOurs: (node: TreeNode) => boolean): void {
    for (const child of [...node.children()]) {
      const { register } = child;
      if (register !== null && supersedes(stamp, register) && isOurs(child)) {
        this.#place(child, null);
        this.#bury(register, child, stamp);
      }
      if (isCleared && child.entries > 0) this.#owner.onCleared(child);
      if (child.hasChildren) this.#buryBelow(child, stamp, isCleared, isOurs);
      child.prune();
    }
  }

  #forget(node: TreeNode): void {
    // What only an expiry hid, and the document does not have, must not be seen again.
    this.buryExpired(node, ({ register }) => register !== null && (register.home === null || isOrphan(register)));
    this.#place(node, null);
    this.#stale(node);
  }

  #isForgettable(node: TreeNode): boolean {
    return node.register?.value === undefined && this.isLastTrace(node, 0);
  }

  /** Forgets what reads saw at `node`, above and below it. */
  #stale(node: TreeNode): void {
    node.staleUp();
    node.staleBelow();
  }
}
