/** The timetable of a tree: which winners expire when, and when tombstones may be forgotten. */
import { Deadlines } from './deadlines';
import type { TreeNode } from './node';
import type { Register } from './register';
import { toMilliseconds } from './stamp';

/** A winner, where it stands. */
interface Place {
  readonly node: TreeNode;
  readonly register: Register;
}

export class Timetable {
  readonly #expiries = new Deadlines<Place>(isCurrent);
  readonly #retirements = new Deadlines<Place>(isCurrent);
  readonly #retentionMs: () => number;

  constructor(retentionMs: () => number) {
    this.#retentionMs = retentionMs;
  }

  /** The winner at `node` has come to stand there. */
  add(node: TreeNode): void {
    const { register } = node;
    if (register === null) return;
    const { value, expiresAt, time } = register;
    if (value === undefined) {
      const at = Math.max(toMilliseconds(time), expiresAt) + this.#retentionMs();
      this.#retirements.add(at, { node, register });
    } else if (expiresAt !== 0) {
      this.#expiries.add(expiresAt, { node, register });
    }
  }

  /** `register`, which was added, is no longer a winner. */
  remove(register: Register): void {
    if (register.value === undefined) this.#retirements.forget();
    else if (register.expiresAt !== 0) this.#expiries.forget();
  }

  /** Takes out one winner that has expired at `nowMs`. */
  takeExpired(nowMs: number): Place | undefined {
    return this.#expiries.takeDue(nowMs);
  }

  /** The node of one tombstone that is older than the retention; it comes again a retention later. */
  nextRetired(nowMs: number): TreeNode | null {
    const due = this.#retirements.takeDue(nowMs);
    if (due === undefined) return null;
    this.#retirements.add(nowMs + this.#retentionMs(), due);
    return due.node;
  }
}

function isCurrent({ node, register }: Place): boolean {
  return node.register === register;
}
