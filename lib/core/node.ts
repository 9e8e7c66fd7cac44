/**
 * One path segment in the tree: the winner at its path, what is below, and what a read last saw there.
 */
import type { DeadlineItem } from './deadlines';
import { formatKey } from './path';
import type { Register } from './register';
import type { JsonValue } from './value';

const NONE: readonly TreeNode[] = [];

export class TreeNode implements DeadlineItem {
  readonly parent: TreeNode | null;
  readonly segment: string;
  /** Nodes below, by path segment; one alone by itself, since a map for it takes more than all else of a value. */
  #children: TreeNode | Map<string, TreeNode> | null = null;
  /** The winner here, or null. Invariant: its stamp is above the stamp of every winner on the way to the root. */
  register: Register | null = null;
  /** Entries of the document at this path, the winner's and those that have lost. */
  entries = 0;
  /** Whether the document may have the winner in segment maps of several owners. */
  hasCopies = false;
  /** Spelled paths that lead here from the path index. */
  spellings = 0;
  /** Of the timetable alone. */
  deadlineSlot = -1;
  /** Read or written since the evictor last came by. */
  isUsed = false;
  /** What the last read saw; undefined is missing. Means nothing unless fresh. */
  value: JsonValue | undefined = undefined;
  /**
   * `value` holds until this moment, in ms since 1970; 0 is stale, null is for ever. Not Infinity: V8 keeps a
   * fraction in an object of its own, which costs every read a look into it.
   */
  freshUntil: number | null = 0;

  constructor(parent: TreeNode | null, segment: string) {
    this.parent = parent;
    this.segment = segment;
  }

  get hasChildren(): boolean {
    return this.#children !== null;
  }

  /** The nodes below, in the order in which they came. */
  children(): Iterable<TreeNode> {
    const children = this.#children;
    if (children === null) return NONE;
    return children instanceof TreeNode ? [children] : children.values();
  }

  /** Appends the nodes below to `nodes`: for a walk through very many, which an iterator for each would slow down. */
  addChildrenTo(nodes: TreeNode[]): void {
    const children = this.#children;
    if (children instanceof TreeNode) nodes.push(children);
    else children?.forEach((child) => nodes.push(child));
  }

  child(segment: string): TreeNode | undefined {
    const children = this.#children;
    if (children === null) return undefined;
    if (children instanceof TreeNode) return children.segment === segment ? children : undefined;
    return children.get(segment);
  }

  obtainChild(segment: string): TreeNode {
    const known = this.child(segment);
    if (known !== undefined) return known;
    const child = new TreeNode(this, segment);
    if (this.#children === null) this.#children = child;
    else if (this.#children instanceof TreeNode) this.#children = new Map([[this.#children.segment, this.#children], [segment, child]]);
    else this.#children.set(segment, child);
    return child;
  }

  /** Takes this node out of the tree if nothing needs it, and then whatever above it was there for its sake. */
  prune(): void {
    if (this.register !== null || this.entries > 0 || this.spellings > 0) return;
    const { parent } = this;
    if (this.#children !== null || parent?.child(this.segment) !== this) return;
    const siblings = parent.#children;
    if (siblings instanceof Map) siblings.delete(this.segment);
    if (siblings instanceof Map && siblings.size > 0) return;
    parent.#children = null;
    parent.prune();
  }

  /** Whether what the last read saw no longer holds. */
  isStale(now: number): boolean {
    return this.freshUntil !== null && now >= this.freshUntil;
  }

  /** Forgets what reads saw here and above: something here has changed. */
  staleUp(): void {
    this.freshUntil = 0;
    this.value = undefined;
    this.parent?.staleUp();
  }

  /** Forgets what reads saw below: something here has changed. */
  staleBelow(): void {
    // Most have none, and are written to.
    if (this.#children === null) return;
    for (const child of this.children()) {
      child.freshUntil = 0;
      child.value = undefined;
      child.staleBelow();
    }
  }

  /** Whether the document has an entry below. */
  hasEntriesBelow(): boolean {
    for (const child of this.children()) if (child.entries > 0 || child.hasEntriesBelow()) return true;
    return false;
  }

  /** The keys at and below this node at which the document has entries. */
  *entryKeys(): Generator<string> {
    if (this.entries > 0) yield this.key();
    for (const child of this.children()) yield* child.entryKeys();
  }

  /** The canonical path; the very string `spelling` where that spells it. */
  key(spelling?: unknown): string {
    if (this.register !== null) return this.register.key;
    const segments: string[] = [];
    for (let node = this as TreeNode; node.parent !== null; node = node.parent) segments.push(node.segment);
    const key = formatKey(segments.reverse());
    return key === spelling ? spelling : key;
  }
}
