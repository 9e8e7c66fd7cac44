/** What the document has yet to be told: nodes whose winner it does not have, in the order in which they are written. */
import type { Losses } from './losses';
import type { TreeNode } from './node';
import type { Register } from './register';
import { limits } from '../limits';

/** What one commit writes. */
export interface Batch {
  /** Writes that had lost to another's before they were in the document. */
  readonly outrun: readonly Register[];
  /** Nodes whose winner is written. */
  readonly nodes: ReadonlySet<TreeNode>;
}

export class Unwritten {
  readonly #losses: Losses;
  /** What was set here, in that order. */
  readonly #outbox = new Set<TreeNode>();
  /** What is to be written as well, since the document of the epoch before may have had it: before the outbox, the last first. */
  readonly #carried: TreeNode[] = [];
  /** What others have removed, and must not be missing meanwhile: before everything. */
  readonly #retained: TreeNode[] = [];

  /** What is written although it has lost, by key: who does not have that other write yet must have either. */
  readonly #outrun = new Map<string, Register>();

  constructor(losses: Losses) {
    this.#losses = losses;
  }

  /** What was outrun has its node among the others, and goes before them. */
  get isEmpty(): boolean {
    return this.#outbox.size === 0 && !this.isCarrying;
  }

  /** Whether something waits that the document, or the one before, once had. */
  get isCarrying(): boolean {
    return this.#carried.length > 0 || this.isRetaining;
  }

  get isRetaining(): boolean {
    return this.#retained.length > 0;
  }

  add(node: TreeNode): void {
    this.#outbox.add(node);
  }

  carry(node: TreeNode): void {
    this.#carried.push(node);
  }

  retain(node: TreeNode): void {
    this.#retained.push(node);
  }

  outrun(register: Register): void {
    this.#outrun.set(register.key, register);
  }

  /** What waits of the outbox counts as carried from now on. */
  carryAll(): void {
    for (const node of this.#outbox) this.#carried.push(node);
    this.#outbox.clear();
  }

  /** What waits at `node` of the outbox is written before its turn. */
  takeAhead(node: TreeNode): void {
    this.#outbox.delete(node);
    this.#losses.settle(node);
  }

  /** Takes out what the next commit is to write, at most `countMax`, each once: it may have been overwritten since. */
  take(countMax: number): Batch {
    const [nodes, outrun] = [new Set<TreeNode>(), [] as Register[]];
    let bytes = 0;
    const hasRoom = (): boolean => nodes.size + outrun.length < countMax && bytes < limits.commitBytesMax;
    for (const [key, register] of this.#outrun) {
      if (!hasRoom()) break;
      this.#outrun.delete(key);
      outrun.push(register);
      bytes += register.bytes;
    }
    const take = (node: TreeNode): void => {
      if (nodes.has(node)) return;
      const { register } = node;
      if (register?.home === null) {
        this.#losses.settle(node);
        nodes.add(node);
        bytes += register.bytes;
      } else {
        // Hidden or replaced before it was written: nobody needs to hear of it.
        this.#losses.pass(node, nodes);
      }
    };
    for (const queue of [this.#retained, this.#carried]) while (queue.length > 0 && hasRoom()) take(queue.pop()!);
    for (const node of this.#outbox) {
      if (!hasRoom()) break;
      this.#outbox.delete(node);
      take(node);
    }
    return { nodes, outrun };
  }
}
