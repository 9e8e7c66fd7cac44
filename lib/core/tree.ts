/**
 * The tree: the winners by path, from which every read is answered.
 *
 * It decides visibility (docs/consistency.md). It knows registers, not documents: its owner tells it
 * which registers appear and go, and hears which have died.
 */
import type { Register } from './register';
import { expiryTime, hasExpired, isSameWrite, supersedes, withoutValue } from './register';
import { isLater } from './stamp';
import { Deadlines } from './deadlines';
import { TreeNode } from './node';
import { PathIndex } from './path-index';
import { formatKey, parseKey, parsePath, type Path } from './path';
import { ownProperty, type JsonValue } from './value';
import { composeView, type Overlay } from './view';
import { limits } from '../limits';

/** What the tree asks of its owner. */
export interface TreeOwner {
  /** Milliseconds since 1970; may run backwards. */
  readonly now: () => number;
  /** `register`, which the document holds, has lost at its path or is hidden by a later write above it. */
  readonly onDead: (register: Register) => void;
}

/** A walk from the root: what is visible on the way. */
interface Walk {
  floorTime: number;
  floorWriter: string;
  /** What the nearest visible register shows at this point. */
  base: JsonValue | undefined;
  /** Until when that holds, in ms since 1970. */
  until: number;
}

/** The home of a winner that its owner has removed from the document. */
const ORPHANED = '';

const emptyObject: JsonValue = Object.freeze({});

export class Tree {
  readonly root = new TreeNode(null, '');
  readonly #owner: TreeOwner;
  readonly #index: PathIndex<TreeNode>;
  #orphans: { readonly node: TreeNode; readonly register: Register; readonly since: number }[] = [];
  readonly #deadlines: Deadlines<{ readonly node: TreeNode; readonly register: Register }>;

  constructor(owner: TreeOwner, pathIndexMax: number = limits.pathIndexMax) {
    this.#owner = owner;
    this.#index = new PathIndex(pathIndexMax, (node) => {
      node.spellings--;
      node.prune();
    });
    this.#deadlines = new Deadlines(({ node, register }) => node.register === register);
  }

  /** The value at `path`, or undefined where nothing is visible. Throws ERR_CLUSTER_CACHE_PATH. */
  get(path: Path): JsonValue | undefined {
    const known = typeof path === 'string' ? this.#index.get(path) : undefined;
    const node = known ?? this.locate(path);
    if (node.freshUntil === Infinity) return node.value;
    const now = this.#owner.now();
    if (now >= node.freshUntil) this.#refresh(node, now);
    const { value } = node;
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

  /** What is visible at `node` at this moment. */
  view(node: TreeNode): JsonValue | undefined {
    const now = this.#owner.now();
    if (now >= node.freshUntil) this.#refresh(node, now);
    return node.value;
  }

  /**
   * What the nearest register on the way to `node` shows there, whatever lies below `node`.
   * Cheap: it visits only the nodes on the way.
   */
  base(node: TreeNode): JsonValue | undefined {
    return this.#walkTo(node, this.#owner.now()).base;
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
    const segments = parseKey(register.key);
    if (segments === null) return false;
    const node = this.#obtain(segments);
    if (!isReplacement) node.entries++;
    const winner = node.register;
    if (winner !== null && isSameWrite(winner, register)) return this.#rehome(node, winner, register);
    if (this.#isHidden(node, register) || (winner !== null && supersedes(winner, register))) {
      this.#owner.onDead(register);
      return false;
    }
    this.#replace(node, register);
    return true;
  }

  /** The document no longer has the entry that `segmentId` held for `key`. */
  removeEntry(segmentId: string, key: string): void {
    const segments = parseKey(key);
    const node = segments === null ? null : this.#find(segments);
    if (node === null) return;
    node.entries--;
    const winner = node.register;
    if (winner?.home === segmentId) {
      if (winner.value === undefined && !hasEntries(node)) this.#forget(node);
      else {
        // Its owner knows of a later write, which may come to us by another way a moment from now. Until then
        // this is the newest we know: dropping it would show a miss, or an older value, in between.
        winner.home = ORPHANED;
        this.#orphans.push({ node, register: winner, since: this.#owner.now() });
      }
    }
    node.prune();
  }

  /**
   * Forgets winners that the document has not had since `sinceMs` or longer; what made their owners remove
   * them never came, its writer crashed. Returns the keys at which other entries must be looked at again.
   */
  forgetOrphans(sinceMs: number): string[] {
    const keys: string[] = [];
    this.#orphans = this.#orphans.filter(({ node, register, since }) => {
      if (node.register !== register || register.home !== ORPHANED) return false;
      if (since > sinceMs) return true;
      this.#forget(node);
      collectEntryKeys(node, keys);
      node.prune();
      return false;
    });
    return keys;
  }

  /** The document has taken in the local write that waited at `node`, as an entry of `segmentId`. */
  settle(node: TreeNode, segmentId: string, isReplacement: boolean): void {
    if (node.register !== null) node.register.home = segmentId;
    if (!isReplacement) node.entries++;
  }

  /** Takes the value from one winner that has expired, and returns its node; null where none is left. */
  expireNext(): TreeNode | null {
    const due = this.#deadlines.takeDue(this.#owner.now());
    if (due === undefined) return null;
    due.node.register = withoutValue(due.register);
    this.#stale(due.node);
    return due.node;
  }

  /** The soonest expiry, in ms since 1970, or Infinity. */
  get soonestExpiry(): number {
    return this.#deadlines.soonest;
  }

  /** Whether a visible value stands anywhere at or below `node`. */
  hasLiveBelow(node: TreeNode): boolean {
    if (node.children === null) return false;
    for (const child of node.children.values()) {
      if (child.register !== null && this.view(child) !== undefined) return true;
      if (this.hasLiveBelow(child)) return true;
    }
    return false;
  }

  /** All winners, in no particular order. */
  *winners(from: TreeNode = this.root): Generator<Register> {
    if (from.register !== null) yield from.register;
    if (from.children !== null) for (const child of from.children.values()) yield* this.winners(child);
  }

  #obtain(segments: readonly string[]): TreeNode {
    let node = this.root;
    for (const segment of segments) node = node.obtainChild(segment);
    return node;
  }

  #find(segments: readonly string[]): TreeNode | null {
    let node: TreeNode | undefined = this.root;
    for (const segment of segments) {
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
    if (register.value !== undefined || winner.value === undefined) {
      winner.home = register.home;
      return false;
    }
    this.#forgetDeadline(winner);
    node.register = register;
    this.#stale(node);
    return true;
  }

  #replace(node: TreeNode, register: Register): void {
    const loser = node.register;
    node.register = register;
    if (loser !== null) this.#bury(loser);
    if (node.children !== null) this.#buryBelow(node, register);
    if (register.expiresAt !== 0 && register.value !== undefined) {
      this.#deadlines.add(register.expiresAt, { node, register });
    }
    this.#stale(node);
  }

  #bury(register: Register): void {
    this.#forgetDeadline(register);
    if (register.home !== null) this.#owner.onDead(register);
  }

  #buryBelow(node: TreeNode, register: Register): void {
    for (const child of [...node.children!.values()]) {
      if (child.register !== null && supersedes(register, child.register)) {
        this.#bury(child.register);
        child.register = null;
      }
      if (child.children !== null) this.#buryBelow(child, register);
      child.prune();
    }
  }

  #forget(node: TreeNode): void {
    if (node.register !== null) this.#forgetDeadline(node.register);
    node.register = null;
    this.#stale(node);
  }

  #forgetDeadline(register: Register): void {
    if (register.expiresAt !== 0 && register.value !== undefined) this.#deadlines.forget();
  }

  /** Forgets what reads saw at `node`, above and below it. */
  #stale(node: TreeNode): void {
    node.staleUp();
    if (node.children !== null) staleBelow(node);
  }

  #walkTo(node: TreeNode, now: number): Walk {
    if (node.parent === null) {
      const walk = enter({ floorTime: -1, floorWriter: '', base: undefined, until: Infinity }, node.register, now);
      // Nothing is ever set here, only cleared, and the cache itself is always an object.
      walk.base = emptyObject;
      return walk;
    }
    const walk = this.#walkTo(node.parent, now);
    walk.base = ownProperty(walk.base, node.segment);
    return enter(walk, node.register, now);
  }

  #refresh(node: TreeNode, now: number): void {
    const walk = this.#walkTo(node, now);
    compose(node, walk, now);
  }
}

/** Takes a walk past `register`: visible if above the floor, and then the new floor. */
function enter(walk: Walk, register: Register | null, now: number): Walk {
  if (register === null || !isLater(register.time, register.writer, walk.floorTime, walk.floorWriter)) return walk;
  walk.floorTime = register.time;
  walk.floorWriter = register.writer;
  walk.base = register.value;
  if (hasExpired(register, now)) {
    const time = expiryTime(register);
    // An expiry is below every write of its very millisecond: those came to an empty place.
    if (time > register.time) {
      walk.floorTime = time;
      walk.floorWriter = '';
    }
    walk.base = undefined;
  } else if (register.expiresAt !== 0) {
    walk.until = Math.min(walk.until, register.expiresAt);
  }
  return walk;
}

/** Computes what is visible at `node`, to which `walk` has led, and below; remembers it, returns until when it holds. */
function compose(node: TreeNode, walk: Walk, now: number): number {
  let until = walk.until;
  let overlays: Overlay[] | undefined;
  if (node.children !== null) {
    for (const child of node.children.values()) {
      if (child.register === null && child.children === null) continue;
      const inherited = ownProperty(walk.base, child.segment);
      if (now >= child.freshUntil) {
        compose(child, enter({ ...walk, base: inherited }, child.register, now), now);
      }
      until = Math.min(until, child.freshUntil);
      if (child.value !== inherited) (overlays ??= []).push({ segment: child.segment, value: child.value });
    }
  }
  node.value = overlays === undefined ? walk.base : composeView(walk.base, inOrder(overlays));
  node.freshUntil = until;
  return until;
}

/** Overlays by segment, not by arrival, so that every process shows its properties in the same order. */
function inOrder(overlays: Overlay[]): Overlay[] {
  return overlays.sort((a, b) => (a.segment < b.segment ? -1 : 1));
}

function staleBelow(node: TreeNode): void {
  for (const child of node.children!.values()) {
    child.freshUntil = 0;
    child.value = undefined;
    if (child.children !== null) staleBelow(child);
  }
}

/** Whether the document has an entry at or below `node`. */
function hasEntries(node: TreeNode): boolean {
  if (node.entries > 0) return true;
  if (node.children !== null) for (const child of node.children.values()) if (hasEntries(child)) return true;
  return false;
}

function collectEntryKeys(node: TreeNode, keys: string[]): void {
  if (node.entries > 0) keys.push(keyOf(node));
  if (node.children !== null) for (const child of node.children.values()) collectEntryKeys(child, keys);
}

/** The key of a node: its canonical path. */
export function keyOf(node: TreeNode): string {
  const segments: string[] = [];
  for (let at = node; at.parent !== null; at = at.parent) segments.push(at.segment);
  return formatKey(segments.reverse());
}
