/**
 * The intake: what comes in from peers and from the file, on its way through the document into the tree.
 *
 * It believes what a file says of the time, and refuses what a peer cannot mean.
 */
import { reasonOf, type Change } from './change';
import type { DocumentChanges } from './commit';
import { Document } from './document';
import { segmentOwner } from './entry';
import type { Epoch } from './epoch';
import type { Ledger } from './ledger';
import type { TreeNode } from './node';
import type { Register } from './register';
import { Salvage } from './salvage';
import { HYBRID_TIME_MAX, type HybridClock } from './stamp';
import type { Tree } from './tree';
import { surveyUpdate, type Survey } from './update';
import { isVisible } from './walk';
import { CacheError } from '../errors';

/** What came of updates received. */
export type ReceiveResult = 'applied' | 'gap';

export interface IntakeOptions {
  readonly replicaId: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly nextClientId: () => number;
  readonly clock: HybridClock;
  readonly tree: Tree;
  readonly ledger: Ledger;
  readonly onChange: (change: Change) => void;
  /** Hears of every update that the document has taken in. */
  readonly onUpdate: (update: Uint8Array) => void;
  /** Whether the document is copied elsewhere as it changes. */
  readonly isCopied: () => boolean;
}

export class Intake {
  readonly #options: IntakeOptions;
  /** What is taken in comes from the file. */
  #isLoading = false;
  #refused = 0;
  #gapCount = 0;
  #hasDead = false;
  #deadCount = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Entries that were passed over, because they are no registers or later than can be. */
  get refused(): number {
    return this.#refused;
  }

  /** Updates that built on something unknown though they did not seem to. */
  get gapCount(): number {
    return this.#gapCount;
  }

  /**
   * Whether something that was received since this was last asked went into segment maps that are gone here: whoever sent it
   * has not heard of that, and nobody sees it.
   */
  takeDead(): boolean {
    const hasDead = this.#hasDead;
    this.#hasDead = false;
    return hasDead;
  }

  /**
   * Counts up with all that may be dead here while who wrote it does not know: it was just said, or whoever sent it, or the
   * file, had it as removed. The update that its writer sends is no news any more then.
   */
  get deadCount(): number {
    return this.#deadCount;
  }

  /** The latest hybrid time of an entry that is taken in. */
  timeMax(): number {
    const { clock, now } = this.#options;
    return this.#isLoading ? HYBRID_TIME_MAX : clock.latest(now());
  }

  /** Applies updates of a peer, as `Replica.receive` says. */
  receive(updates: readonly Uint8Array[]): ReceiveResult {
    const { ledger, onChange } = this.#options;
    const result: Change[] = [];
    const wanted: Survey[] = [];
    let hasGap = false;
    try {
      for (const update of updates) {
        const survey = surveyUpdate(update);
        const { from, to } = survey;
        const { document } = ledger;
        if (isForged(document, to)) throw forgery();
        // Within one batch an update may build on the one before it: apply what came so far, then look again.
        if (document.isBehind(from)) {
          if (this.#take(wanted.splice(0), result)) hasGap = true;
          if (document.isBehind(from)) {
            hasGap = true;
            break;
          }
        }
        wanted.push(survey);
      }
      if (this.#take(wanted, result)) hasGap = true;
    } finally {
      for (const change of result) onChange(change);
    }
    return hasGap ? 'gap' : 'applied';
  }

  /** Merges updates of this epoch that a file holds. */
  load(updates: readonly Uint8Array[]): void {
    this.#isLoading = true;
    try {
      this.receive(updates);
    } finally {
      this.#isLoading = false;
    }
  }

  /** Begins to write again, same stamps, what updates of another epoch, from a file, have and the tree lacks. */
  salvage(epoch: Epoch, updates: readonly Uint8Array[], prepare: () => void): Salvage {
    const { replicaId, nextClientId, clock, tree, ledger, onChange } = this.#options;
    const document = new Document({ epoch, replicaId, clientId: nextClientId() });
    const check = ({ to }: Survey): void => {
      if (isForged(document, to)) throw forgery();
    };
    const write = (register: Register): boolean => {
      register.home = null;
      clock.trust(register.time);
      const node = tree.salvage(register);
      if (node !== null) ledger.carry(node);
      return node !== null;
    };
    return new Salvage({ document, updates, check, prepare, write, onChange });
  }

  /** Applies updates; whether some of it was dropped. What they had brought before Yjs threw at them is taken in like the rest. */
  #take(surveys: readonly Survey[], result: Change[]): boolean {
    if (surveys.length === 0) return false;
    const { ledger: { document }, onUpdate } = this.#options;
    let changes: DocumentChanges;
    try {
      changes = document.apply(surveys);
    } catch (error) {
      // Left for the next, it would be believed as that is, be it of a peer or of a file.
      this.#takeIn(document.apply([]), [], result);
      this.#deadCount++;
      // Nobody knows how much of it: later updates build on that.
      if (!this.#isLoading) onUpdate(document.encodeState());
      throw error;
    }
    return this.#takeIn(changes, surveys, result);
  }

  #takeIn({ added, removed, refused, isNews, gap, isDead, hasRemoved }: DocumentChanges, surveys: readonly Survey[], result: Change[]): boolean {
    const { replicaId, tree, ledger, onUpdate } = this.#options;
    this.#refused += refused;
    if (gap === 'writes') this.#gapCount++;
    if (isDead && !this.#isLoading) this.#hasDead = true;
    if (isDead || hasRemoved) this.#deadCount++;
    for (const { register, isReplacement } of added) this.#add(register, isReplacement, result);
    for (const { segmentId, key } of removed) {
      const isOurs = segmentOwner(segmentId) === replicaId;
      const orphan = tree.removeEntry(segmentId, key, isOurs);
      // Somebody took us for gone and has not moved this one, which we wrote meanwhile.
      if (orphan !== null && (isOurs || this.#mustStay(orphan))) ledger.retain(orphan);
    }
    if (added.length + removed.length > 0) ledger.touch();
    // Also what has changed nothing that is visible: later updates build on it. What a file holds, it has.
    if (isNews && !this.#isLoading) for (const { update } of surveys) onUpdate(update);
    return gap !== 'none';
  }

  /**
   * Whether what its owner has removed at `node`, of which nothing here has taken the place, has to be written again: the
   * owner knows of something later, and whoever reads the copy before that has come would find neither.
   */
  #mustStay(node: TreeNode): boolean {
    const { isCopied, now } = this.#options;
    return isCopied() && !this.#isLoading && node.register !== null && isVisible(node, node.register, now());
  }

  #add(register: Register, isReplacement: boolean, result: Change[]): void {
    const { clock, tree } = this.#options;
    if (this.#isLoading) clock.trust(register.time);
    else clock.observe(register.time);
    if (!tree.addEntry(register, isReplacement)) return;
    result.push({ register, reason: reasonOf(register), isLocal: false });
  }
}

/** Whether, by the clocks that an update or a peer has reached, somebody has written as the client that is ours alone. */
export function isForged(document: Document, clocks: ReadonlyMap<number, number>): boolean {
  const clock = clocks.get(document.clientId);
  return clock !== undefined && document.isBehind(new Map([[document.clientId, clock]]));
}

function forgery(): CacheError {
  return new CacheError('ERR_CLUSTER_CACHE_UPDATE', 'A peer has sent what it says this process wrote, which it did not.');
}
