/**
 * Orphans: winners that the document does not have, though it once did. They stay visible until a later write,
 * a moved entry or their owner's word tells what became of them.
 *
 * There may be as many as a new epoch, or a large sweep, leaves at once: they wait in the order in which they came, by
 * owner, so that a look at who waits, and for how long, need not go through all of them.
 */
import type { TreeNode } from './node';
import { isSameWrite, type Register } from './register';
import type { Stamp } from './stamp';

/** The home of an orphan: no segment map has that name. */
const ORPHANED = '';

/** With the stamp of the write that it is. */
export interface Orphan extends Stamp {
  readonly node: TreeNode;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Who looked after its entry, and alone knows what is to become of it. */
  readonly owner: string;
  /** Whether the entry was removed in this epoch, as most are on purpose; else its owner has yet to write it. */
  readonly isRemoved: boolean;
}

/** Whether the document does not have `register`, which it once had. */
export function isOrphan(register: Register): boolean {
  return register.home === ORPHANED;
}

export class Orphans {
  readonly #queues = new Map<string, Queue>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(node: TreeNode, register: Register, owner: string, isRemoved: boolean): void {
    register.home = ORPHANED;
    const { time, writer } = register;
    let queue = this.#queues.get(owner);
    if (queue === undefined) this.#queues.set(owner, (queue = new Queue()));
    queue.add({ time, writer, node, since: this.#now(), owner, isRemoved });
  }

  /** Takes out those that match; those that have found a home, or have lost, are orphans no more. */
  take(matches: (orphan: Orphan) => boolean): Orphan[] {
    return [...this.#queues.values()].flatMap((queue) => queue.take(matches));
  }

  /** As `take`, those of `owner` that came at `since` or before. */
  takeUntil(owner: string, since: number): Orphan[] {
    return this.#queues.get(owner)?.takeUntil(since) ?? [];
  }

  /** Who looked after them. */
  owners(): Set<string> {
    for (const [owner, queue] of this.#queues) if (!queue.trim()) this.#queues.delete(owner);
    return new Set(this.#queues.keys());
  }

  some(matches: (orphan: Orphan) => boolean): boolean {
    for (const queue of this.#queues.values()) if (queue.some(matches)) return true;
    return false;
  }
}

/** Those of one owner. */
class Queue {
  /** Invariant: none came before the one in front of it. */
  #orphans: Orphan[] = [];
  /** How many at the front were taken. */
  #taken = 0;

  add(orphan: Orphan): void {
    // The clock was set back: no time that has passed by it can be told for those who came before.
    for (let i = this.#orphans.length - 1; i >= this.#taken && this.#orphans[i]!.since > orphan.since; i--) {
      this.#orphans[i] = { ...this.#orphans[i]!, since: orphan.since };
    }
    this.#orphans.push(orphan);
  }

  /** Drops those at the front that are orphans no more; whether one is left. */
  trim(): boolean {
    const orphans = this.#orphans;
    while (this.#taken < orphans.length && !isStill(orphans[this.#taken]!)) this.#taken++;
    // Not at each step, which would take as many copies as there are orphans.
    if (this.#taken > orphans.length / 2) {
      this.#orphans = orphans.slice(this.#taken);
      this.#taken = 0;
    }
    return this.#orphans.length > 0;
  }

  take(matches: (orphan: Orphan) => boolean): Orphan[] {
    const [taken, left]: [Orphan[], Orphan[]] = [[], []];
    for (let i = this.#taken; i < this.#orphans.length; i++) {
      const orphan = this.#orphans[i]!;
      if (isStill(orphan)) (matches(orphan) ? taken : left).push(orphan);
    }
    this.#orphans = left;
    this.#taken = 0;
    return taken;
  }

  takeUntil(since: number): Orphan[] {
    const taken: Orphan[] = [];
    while (this.trim() && this.#orphans[this.#taken]!.since <= since) taken.push(this.#orphans[this.#taken++]!);
    return taken;
  }

  some(matches: (orphan: Orphan) => boolean): boolean {
    for (let i = this.#taken; i < this.#orphans.length; i++) {
      const orphan = this.#orphans[i]!;
      if (isStill(orphan) && matches(orphan)) return true;
    }
    return false;
  }
}

/** Whether it has neither found a home nor lost. */
export function isStill(orphan: Orphan): boolean {
  const { register } = orphan.node;
  // Not by identity: it may have been swept meanwhile.
  return register !== null && isOrphan(register) && isSameWrite(register, orphan);
}
