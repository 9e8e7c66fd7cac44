/** The timetable of a tree: which winners expire when, and when tombstones may be forgotten. */
import { Deadlines } from './deadlines';
import type { TreeNode } from './node';
import type { Register } from './register';
import { toMilliseconds } from './stamp';

export class Timetable {
  readonly #expiries = new Deadlines<TreeNode>();
  readonly #retirements = new Deadlines<TreeNode>();
  readonly #retentionMs: () => number;

  constructor(retentionMs: () => number) {
    this.#retentionMs = retentionMs;
  }

  /** Another winner, or none, stands at `node` now, in the place of `former`. */
  replace(node: TreeNode, former: Register | null): void {
    if (node.deadlineSlot >= 0) (former?.value === undefined ? this.#retirements : this.#expiries).remove(node);
    const { register } = node;
    if (register === null) return;
    const { value, expiresAt, time } = register;
    if (value === undefined) this.#retirements.add(Math.max(toMilliseconds(time), expiresAt) + this.#retentionMs(), node);
    else if (expiresAt !== 0) this.#expiries.add(expiresAt, node);
  }

  /** Takes out the node of one winner that has expired at `nowMs`. */
  takeExpired(nowMs: number): TreeNode | null {
    return this.#expiries.takeDue(nowMs) ?? null;
  }

  /** The node of one tombstone that is older than the retention; it comes again a retention later. */
  nextRetired(nowMs: number): TreeNode | null {
    const due = this.#retirements.takeDue(nowMs);
    if (due === undefined) return null;
    this.#retirements.add(nowMs + this.#retentionMs(), due);
    return due;
  }
}
