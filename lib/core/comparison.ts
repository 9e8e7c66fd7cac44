/**
 * What the comparisons with one peer have shown. One by itself proves nothing, since what differs may be on its way;
 * what still differs at the next was lost.
 */
import type { CompareMessage } from './message';
import type { Replica } from './replica';

/** What to do: nothing, ask the peer for what it has, or begin a new epoch. */
export type Finding = 'nothing' | 'loss' | 'lie';

export class Comparison {
  readonly #replica: Replica;
  /** What was missing of third writers: clocks by Yjs client. */
  #missing = new Map<number, number>();
  /** What differed where both have the same writes, but not the same entries, and how often in a row. */
  #disagreement: { readonly entries: number; readonly revision: number; readonly seen: number } | null = null;

  #hasAccused = false;

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  /** Looks at what the peer says it has. */
  look(message: CompareMessage): Finding {
    if (this.#replica.isForgedIn(message.vector)) return 'lie';
    const wasLost = this.#replica.isBehind(this.#missing);
    this.#missing = wasLost ? new Map<number, number>() : this.#replica.lacks(message.vector);
    return wasLost ? 'loss' : this.#compareEntries(message);
  }

  /**
   * Both have heard of the same writes, and have not the same entries. Seen twice, it is not on its way: one lacks
   * removals, which a sync brings. Seen a third time, one was told something in the name of another.
   */
  #compareEntries({ vector, entries }: CompareMessage): Finding {
    const { entryCount, revision } = this.#replica;
    if (entries === entryCount || !this.#replica.hasVector(vector)) {
      this.#disagreement = null;
      return 'nothing';
    }
    const last = this.#disagreement;
    const seen = last?.entries === entries && last.revision === revision ? last.seen + 1 : 1;
    this.#disagreement = { entries, revision, seen };
    if (seen === 2) return 'loss';
    // Once for each link: who refuses what others take in would have epochs begin for ever.
    if (seen < 3 || this.#hasAccused) return 'nothing';
    this.#hasAccused = true;
    return 'lie';
  }
}
