/** The tally: what a tree holds, counted as it changes, so that asking costs nothing. */
import type { Document } from './document';
import type { TreeNode } from './node';
import type { Register } from './register';

/** What a replica holds. */
export interface Census {
  /** Winners with a value. */
  readonly live: number;
  /** Estimated bytes of their values. */
  readonly bytes: number;
  readonly tombstones: number;
  /** Entries of all segment maps of the document. */
  readonly entries: number;
  /** Yjs structs, the living and the dead. */
  readonly structs: number;
  readonly segments: number;
  /** Segment maps that ever were in this document. */
  readonly segmentsEver: number;
  /** Yjs clients that ever wrote to this document. */
  readonly clients: number;
}

export class Tally {
  /** Winners with a value. */
  live = 0;
  /** Winners without a value. */
  tombstones = 0;
  /** Estimated bytes of all values. */
  bytes = 0;
  /** Entries of the document, the winners' and those that have lost. */
  entries = 0;

  /** Puts `register`, or nothing, in the place of the winner at `node`. */
  place(node: TreeNode, register: Register | null): void {
    this.#count(node.register, -1);
    this.#count(register, 1);
    node.register = register;
  }

  countEntries(node: TreeNode, change: number): void {
    node.entries += change;
    this.entries += change;
  }

  #count(register: Register | null, sign: 1 | -1): void {
    if (register === null) return;
    if (register.value === undefined) this.tombstones += sign;
    else this.live += sign;
    this.bytes += sign * register.bytes;
  }
}

export function takeCensus({ live, bytes, tombstones, entries }: Tally, document: Document): Census {
  return {
    live,
    bytes,
    tombstones,
    entries,
    structs: document.structCount,
    segments: document.segmentCount,
    segmentsEver: document.segmentCountEver,
    clients: document.clientCount,
  };
}
