/**
 * The turnover: what a new epoch makes of the tree, whose winners the new document does not have.
 *
 * Every node is looked at, in parts, so that a large cache holds nobody up. Meanwhile the tree can be read and written to;
 * nothing may tell it what the document has.
 */
import { ownerOf } from './entry';
import type { Ledger } from './ledger';
import type { TreeNode } from './node';
import { isOrphan } from './orphans';
import type { Tree } from './tree';

export class Turnover {
  readonly #tree: Tree;
  readonly #ledger: Pick<Ledger, 'hasCopy' | 'carry' | 'forgetFormer'>;
  /** Nodes still to be looked at, with all below them that were there when it began. */
  readonly #nodes: TreeNode[] = [];

  constructor(tree: Tree, ledger: Pick<Ledger, 'hasCopy' | 'carry' | 'forgetFormer'>) {
    this.#tree = tree;
    this.#ledger = ledger;
  }

  get isGoingOn(): boolean {
    return this.#nodes.length > 0;
  }

  /** The ledger has a new document, and empty. What was found while another turnover went on holds in this one, too. */
  begin(): void {
    if (!this.isGoingOn) this.#nodes.push(this.#tree.root);
    this.#tree.tally.entries = 0;
  }

  /**
   * Looks at no more than `countMax` nodes; whether some are left. The ledger carries over the winners of which this replica
   * looks after an entry; all others are orphans until somebody has written them again.
   */
  goOn(countMax: number): boolean {
    // Not by recursion, which would take several times as long for a large tree that was never walked before.
    const nodes = this.#nodes;
    const bare: TreeNode[] = [];
    let [lastHome, owner] = ['', ''];
    for (let left = countMax; left > 0 && nodes.length > 0; left--) {
      const node = nodes.pop()!;
      node.addChildrenTo(nodes);
      const { register } = node;
      if (register === null) {
        // What is above goes with it.
        if (!node.hasChildren) bare.push(node);
      } else if (register.home !== null && !isOrphan(register)) {
        // Most have the home of the one before.
        if (register.home !== lastHome) [lastHome, owner] = [register.home, ownerOf(register.home)];
        // Any copy will do: two who have one each must not each wait for the other.
        if (this.#ledger.hasCopy(node)) this.#ledger.carry(node);
        else this.#tree.orphans.add(node, register, owner, false);
      }
      node.entries = 0;
      node.hasCopies = false;
    }
    for (const node of bare) node.prune();
    if (!this.isGoingOn) this.#ledger.forgetFormer();
    return this.isGoingOn;
  }
}
