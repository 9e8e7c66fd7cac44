/**
 * Orphans: winners that the document does not have, though it once did. They stay visible until a later write,
 * a moved entry or their owner's word tells what became of them.
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
  #orphans: Orphan[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(node: TreeNode, register: Register, owner: string, isRemoved: boolean): void {
    register.home = ORPHANED;
    const { time, writer } = register;
    this.#orphans.push({ time, writer, node, since: this.#now(), owner, isRemoved });
  }

  /** Takes out those that are due; those that have found a home, or have lost, are orphans no more. */
  take(isDue: (orphan: Orphan) => boolean): Orphan[] {
    const due: Orphan[] = [];
    this.#orphans = this.#orphans.filter((orphan) => {
      if (!isStill(orphan)) return false;
      if (!isDue(orphan)) return true;
      due.push(orphan);
      return false;
    });
    return due;
  }

  /** Who looked after them. */
  owners(): Set<string> {
    const owners = new Set<string>();
    for (const orphan of this.#orphans) if (!owners.has(orphan.owner) && isStill(orphan)) owners.add(orphan.owner);
    return owners;
  }

  some(matches: (orphan: Orphan) => boolean): boolean {
    return this.#orphans.some((orphan) => isStill(orphan) && matches(orphan));
  }
}

/** Whether it has neither found a home nor lost. */
export function isStill(orphan: Orphan): boolean {
  const { register } = orphan.node;
  // Not by identity: it may have been swept meanwhile.
  return register !== null && isOrphan(register) && isSameWrite(register, orphan);
}
