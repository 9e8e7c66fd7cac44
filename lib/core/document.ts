/**
 * The document: the Yjs document that carries the registers of one cache for one epoch.
 *
 * The only file that knows Yjs. Registers go in and come out; updates and state vectors are bytes. Only the
 * owner of a segment map changes it, so no update refers to another writer's entries (docs/architecture.md).
 */
import * as Y from 'yjs';
import type { Register } from './register';
import type { Epoch } from './epoch';
import { decodeEntry, encodeEntry, formatSegmentId, segmentOwner } from './entry';
import { limits } from '../limits';

/** Where an entry stands. */
export interface EntryPlace {
  readonly segmentId: string;
  readonly key: string;
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
  /** Entries that are no registers; they are passed over, here as in every other process. */
  readonly refused: number;
}

/** An entry that a commit made, for the register of the same index. */
export interface CommittedEntry {
  readonly segmentId: string;
  readonly isReplacement: boolean;
}

export interface Commit {
  /** Yjs update (V1) of the whole commit. */
  readonly update: Uint8Array;
  readonly entries: readonly CommittedEntry[];
}

export interface DocumentOptions {
  readonly epoch: Epoch;
  /** The replica that writes. */
  readonly replicaId: string;
  /** Yjs client: a fresh random integer for every document, never one that was used before. */
  readonly clientId: number;
  /** Writes after which a new segment map is begun. */
  readonly segmentWritesMax?: number;
}

type SegmentMap = Y.Map<unknown>;
type SegmentEvent = Y.YEvent<Y.AbstractType<unknown>>;

export class Document {
  readonly epoch: Epoch;
  readonly #doc: Y.Doc;
  readonly #segments: Y.Map<unknown>;
  readonly #replicaId: string;
  readonly #segmentWritesMax: number;
  #current: { readonly id: string; readonly map: SegmentMap; writes: number } | null = null;
  #segmentNumber = 0;
  #changes: { added: AddedEntry[]; removed: EntryPlace[]; refused: number } = noChanges();

  constructor({ epoch, replicaId, clientId, segmentWritesMax = limits.segmentWritesMax }: DocumentOptions) {
    this.epoch = epoch;
    this.#replicaId = replicaId;
    this.#segmentWritesMax = segmentWritesMax;
    // Without a name of its own the document would draw random bytes for one.
    this.#doc = new Y.Doc({ guid: 'cluster-cache' });
    this.#doc.clientID = clientId;
    this.#segments = this.#doc.getMap('segments');
    this.#segments.observeDeep((events, transaction) => {
      if (!transaction.local) for (const event of events as SegmentEvent[]) this.#collect(event);
    });
  }

  /** Removes own entries, then appends registers to the current segment map, in one transaction. */
  commit(registers: readonly Register[], removals: Iterable<EntryPlace> = []): Commit | null {
    const entries: CommittedEntry[] = [];
    const updates: Uint8Array[] = [];
    const keep = (update: Uint8Array): void => void updates.push(update);
    this.#doc.on('update', keep);
    try {
      this.#doc.transact(() => {
        for (const { segmentId, key } of removals) this.#segment(segmentId)?.delete(key);
        for (const register of registers) entries.push(this.#append(register));
      });
    } finally {
      this.#doc.off('update', keep);
    }
    const [update] = updates;
    return update === undefined ? null : { update, entries };
  }

  /**
   * Applies updates (V1) in one transaction. Throws whatever Yjs throws at bytes that are no update; what it
   * had taken in before it threw is in the next changes.
   */
  apply(updates: readonly Uint8Array[]): DocumentChanges {
    const applyAll = (): void => {
      for (const update of updates) Y.applyUpdate(this.#doc, update);
    };
    Y.transact(this.#doc, applyAll, null, false);
    const changes = this.#changes;
    this.#changes = noChanges();
    return changes;
  }

  /** Whether `update` builds on something that this document has not heard of: applying it would leave it pending. */
  hasGapBefore(update: Uint8Array): boolean {
    return this.isBehind(Y.parseUpdateMeta(update).from);
  }

  /** Whether Yjs holds back something it could not place. */
  get hasPending(): boolean {
    return this.#doc.store.pendingStructs !== null || this.#doc.store.pendingDs !== null;
  }

  /** What this document has, summed up. */
  stateVector(): Uint8Array {
    return Y.encodeStateVector(this.#doc);
  }

  /** Everything that a document with `vector` lacks, or everything, as one update (V1). */
  encodeState(vector?: Uint8Array): Uint8Array {
    return Y.encodeStateAsUpdate(this.#doc, vector);
  }

  /** The Yjs clients of which a document with `vector` has more than this one, with the clock that it has. */
  lacks(vector: Uint8Array): Map<number, number> {
    const lacking = new Map<number, number>();
    for (const [client, clock] of Y.decodeStateVector(vector)) {
      if (clock > Y.getState(this.#doc.store, client)) lacking.set(client, clock);
    }
    return lacking;
  }

  /** Whether one of `clocks`, by Yjs client, is beyond what this document has. */
  isBehind(clocks: ReadonlyMap<number, number>): boolean {
    for (const [client, clock] of clocks) if (clock > Y.getState(this.#doc.store, client)) return true;
    return false;
  }

  /** All registers at `key`, the winner and those that have lost. Looks into every segment map. */
  registersAt(key: string): Register[] {
    const found: Register[] = [];
    for (const [id, map] of this.#segments.entries()) {
      const register = map instanceof Y.Map && map.has(key) ? decodeEntry(map.get(key), key, id) : null;
      if (register !== null) found.push(register);
    }
    return found;
  }

  /** Yjs clients that ever wrote to this document. */
  get clientCount(): number {
    return this.#doc.store.clients.size;
  }

  /** Yjs structs held, the living and the dead. */
  get structCount(): number {
    let count = 0;
    for (const structs of this.#doc.store.clients.values()) count += structs.length;
    return count;
  }

  get segmentCount(): number {
    return this.#segments.size;
  }

  destroy(): void {
    this.#doc.destroy();
  }

  #append(register: Register): CommittedEntry {
    const segment = this.#currentSegment();
    const isReplacement = segment.map.has(register.key);
    segment.map.set(register.key, encodeEntry(register, this.#replicaId));
    segment.writes++;
    return { segmentId: segment.id, isReplacement };
  }

  #currentSegment(): { readonly id: string; readonly map: SegmentMap; writes: number } {
    if (this.#current !== null && this.#current.writes < this.#segmentWritesMax) return this.#current;
    let id: string;
    do id = formatSegmentId(this.#replicaId, ++this.#segmentNumber);
    while (this.#segments.has(id));
    const map = this.#segments.set(id, new Y.Map<unknown>());
    this.#current = { id, map, writes: 0 };
    return this.#current;
  }

  #segment(id: string): SegmentMap | null {
    const map = this.#segments.get(id);
    return map instanceof Y.Map ? map : null;
  }

  #collect(event: SegmentEvent): void {
    if (event.target === this.#segments) {
      for (const [id, { action, oldValue }] of event.keys) {
        if (action !== 'add') this.#collectDropped(id, oldValue, event);
        if (action !== 'delete') this.#collectSegment(id);
      }
    } else if (event.target instanceof Y.Map && event.target.parent === this.#segments) {
      const id = event.target._item?.parentSub ?? '';
      for (const [key, { action }] of event.keys) {
        if (action === 'delete') this.#changes.removed.push({ segmentId: id, key });
        else this.#collectEntry(id, key, event.target.get(key), action === 'update');
      }
    }
  }

  #collectSegment(id: string): void {
    const map = this.#segment(id);
    if (map === null || segmentOwner(id) === null) {
      this.#changes.refused++;
      return;
    }
    for (const [key, entry] of map.entries()) this.#collectEntry(id, key, entry, false);
  }

  #collectEntry(segmentId: string, key: string, entry: unknown, isReplacement: boolean): void {
    const register = decodeEntry(entry, key, segmentId);
    if (register === null) this.#changes.refused++;
    else this.#changes.added.push({ register, isReplacement });
  }

  /** A whole segment map was deleted: its entries went with it, and only their keys are left to read. */
  #collectDropped(id: string, dropped: unknown, event: SegmentEvent): void {
    if (!(dropped instanceof Y.Map)) return;
    for (const [key, item] of dropped._map) {
      if (event.deletes(item)) this.#changes.removed.push({ segmentId: id, key });
    }
  }
}

function noChanges(): { added: AddedEntry[]; removed: EntryPlace[]; refused: number } {
  return { added: [], removed: [], refused: 0 };
}
