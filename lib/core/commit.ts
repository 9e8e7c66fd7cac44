/** Commits: what a replica has its document do in one transaction, what came of it, and what came of those of others. */
import type { Register } from './register';

/** Where an entry stands. */
export interface EntryPlace {
  readonly segmentId: string;
  readonly key: string;
}

/** An entry that a commit made, for the register of the same index. */
export interface CommittedEntry {
  readonly segmentId: string;
  readonly isReplacement: boolean;
}

/** What a commit shall do, in this order, in one transaction. */
export interface CommitOrder {
  /** Entries of segment maps that this replica looks after. */
  readonly removals: readonly EntryPlace[];
  /** Hears at once of each that was removed: what moves next may take its place. */
  readonly onRemoved: (place: EntryPlace) => void;
  /** Tombstones of expired values, each to take the place of its value in its home. */
  readonly tombstones: readonly Register[];
  /** Writes that have lost already: before anything that may take their place moves or is written. */
  readonly outrun: readonly Register[];
  /** Hears at once of each. */
  readonly onOutrun: (register: Register, to: CommittedEntry) => void;
  /** Entries to move or drop where compaction is due, beyond two for each register; 0 for no compaction. */
  readonly movesMax: number;
  /** What must stand elsewhere before an entry goes with its segment map: itself, or what takes its place; null if nothing. */
  readonly survivor: (key: string, segmentId: string, read: () => Register | null) => Register | null;
  /** Hears at once of each that was put elsewhere: what comes next may build on it. */
  readonly onMoved: (register: Register, from: string, to: CommittedEntry) => void;
  readonly registers: readonly Register[];
}

export interface Commit {
  /** Yjs update (V1) of the whole commit; null if it has changed nothing. */
  readonly update: Uint8Array | null;
  /** Entries that are gone with their segment maps. */
  readonly dropped: readonly EntryPlace[];
  /** Tombstones for which there was no place any more. */
  readonly displaced: readonly Register[];
  readonly entries: readonly CommittedEntry[];
}

/** An entry that appeared; `isReplacement` if it stands in the place of another. */
export interface AddedEntry {
  readonly register: Register;
  readonly isReplacement: boolean;
}

/** What a batch of updates changed. */
export interface DocumentChanges {
  readonly added: readonly AddedEntry[];
  readonly removed: readonly EntryPlace[];
  /** Entries that are no registers, here as in every other process, or are later than can be; they are passed over. */
  readonly refused: number;
  /** Whether the document knows anything that it did not know before. */
  readonly isNews: boolean;
  /** What of it built on something that this document has not heard of; that was dropped. */
  readonly gap: 'none' | 'removals' | 'writes';
  /** Whether some of it went into segment maps that are gone here: who wrote it does not know that it was taken for gone. */
  readonly isDead: boolean;
  /** Whether whoever sent it, or the file, had some of it as removed: nobody can tell where that stood. */
  readonly hasRemoved: boolean;
}
