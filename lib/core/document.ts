/**
 * The document: the Yjs document that carries the registers of one cache for one epoch.
 *
 * With apply.ts, document-state.ts, dropped-maps.ts, entry-content.ts and removals.ts all that knows Yjs. Registers go
 * in and come out; updates and state vectors are bytes. Only the owner of a segment map changes it, so no update refers
 * to another writer's entries (docs/architecture.md).
 */
import * as Y from 'yjs';
import type { Register } from './register';
import type { Epoch } from './epoch';
import type { AddedEntry, Commit, CommitOrder, CommittedEntry, DocumentChanges, EntryPlace } from './commit';
import { applyUpdates } from './apply';
import { DocumentState, type SliceLimits } from './document-state';
import { DroppedMaps } from './dropped-maps';
import { decodeEntry, parseSegmentId, segmentOwner, writerIn, type SegmentName } from './entry';
import { EntryContent, keepEntry, putEntry } from './entry-content';
import { Segments, type SegmentMap, type SegmentMaps } from './segments';
import { ROOT_NAME, type Survey } from './update';
import { decodeVector } from './vector';
import { limits } from '../limits';

export interface DocumentOptions {
  readonly epoch: Epoch;
  /** The replica that writes. */
  readonly replicaId: string;
  /** Yjs client: a fresh random integer for every document, never one that was used before. */
  readonly clientId: number;
  /** Writes after which a new segment map is begun. */
  readonly segmentWritesMax?: number;
  /** The latest hybrid time of an entry that is taken in; none without it. */
  readonly timeMax?: () => number;
}

type SegmentEvent = Y.YEvent<Y.AbstractType<unknown>>;

export class Document {
  readonly epoch: Epoch;
  readonly #doc: Y.Doc;
  readonly #root: Y.Map<unknown>;
  readonly #segments: Segments<Y.Map<unknown>, EntryContent>;
  readonly #replicaId: string;
  readonly #timeMax: (() => number) | undefined;
  #changes: { added: AddedEntry[]; removed: EntryPlace[]; refused: number } = noChanges();

  constructor({ epoch, replicaId, clientId, segmentWritesMax = limits.segmentWritesMax, timeMax }: DocumentOptions) {
    this.epoch = epoch;
    this.#replicaId = replicaId;
    this.#timeMax = timeMax;
    // Without a name of its own the document would draw random bytes for one.
    this.#doc = new Y.Doc({ guid: 'cluster-cache' });
    this.#doc.clientID = clientId;
    this.#root = this.#doc.getMap(ROOT_NAME);
    this.#segments = new Segments(segmentMaps(this.#root), replicaId, segmentWritesMax);
    const dropped = new DroppedMaps(this.#doc);
    this.#root.observeDeep((events, transaction) => {
      for (const event of events as SegmentEvent[]) {
        if (event.target === this.#root) for (const { oldValue } of event.keys.values()) dropped.note(oldValue, transaction);
        if (!transaction.local) this.#collect(event);
      }
    });
  }

  /** Removes, moves and appends entries. */
  commit(order: CommitOrder): Commit {
    const updates: Uint8Array[] = [];
    const keep = (update: Uint8Array): void => void updates.push(update);
    this.#doc.on('update', keep);
    try {
      const parts = this.#doc.transact(() => this.#carryOut(order));
      return { update: updates[0] ?? null, ...parts };
    } finally {
      this.#doc.off('update', keep);
    }
  }

  /** Whether a commit with `movesMax` above 0 would have something to move. */
  get needsCompaction(): boolean {
    return this.#segments.isCrowded;
  }

  /** The entry of `register`, if this replica looks after it, has lost; whether it is there. */
  lose(register: Register): boolean {
    const { home, key } = register;
    return home !== null && this.#segments.lose(home, key, (entry) => entry instanceof EntryContent && entry.isOf(register));
  }

  /** An entry of `segmentId` may be told to have lost more than once. */
  distrust(segmentId: string): void {
    this.#segments.distrust(segmentId);
  }

  /** Looks after the segment maps of a replica that is gone: they are emptied into this one's. */
  adopt(owner: string): void {
    this.#segments.adopt(owner);
  }

  /** No longer does so. */
  release(owner: string): void {
    this.#segments.release(owner);
  }

  /** The replicas that own segment maps. */
  owners(): Set<string> {
    const owners = new Set<string>();
    for (const id of this.#root.keys()) {
      const owner = segmentOwner(id);
      if (owner !== null) owners.add(owner);
    }
    return owners;
  }

  /** Entries at `key` in the segment maps that this replica looks after. */
  tendedAt(key: string): Register[] {
    const found: Register[] = [];
    for (const { id, map } of this.#segments.tended) {
      const register = recall(map, key, id);
      if (register !== null) found.push(register);
    }
    return found;
  }

  /**
   * Applies updates (V1) in one transaction. Throws whatever Yjs throws nevertheless; what it had taken in before it
   * threw is in the next changes.
   */
  apply(surveys: readonly Survey[]): DocumentChanges {
    const result = applyUpdates(this.#doc, surveys);
    const changes = this.#changes;
    this.#changes = noChanges();
    return { ...changes, ...result };
  }

  /** The Yjs client that this document writes as, and nobody else. */
  get clientId(): number {
    return this.#doc.clientID;
  }

  /** What this document has, summed up. */
  stateVector(): Uint8Array {
    return Y.encodeStateVector(this.#doc);
  }

  /** Everything that a document with `vector` lacks, or everything, as one update (V1). */
  encodeState(vector?: Uint8Array): Uint8Array {
    return Y.encodeStateAsUpdate(this.#doc, vector);
  }

  /** The same in slices; see DocumentState. */
  beginState(vector?: Uint8Array, sliceLimits?: SliceLimits): DocumentState {
    return new DocumentState(this.#doc, vector, sliceLimits);
  }

  /** The Yjs clients of which a document with `vector` has more than this one, with the clock that it has. */
  lacks(vector: Uint8Array): Map<number, number> {
    const lacking = new Map<number, number>();
    for (const [client, clock] of decodeVector(vector)) {
      if (clock > Y.getState(this.#doc.store, client)) lacking.set(client, clock);
    }
    return lacking;
  }

  /** Whether a document with `vector` has the same structs as this one. */
  hasVector(vector: Uint8Array): boolean {
    const [clocks, { store }] = [[...decodeVector(vector)], this.#doc];
    return clocks.length === store.clients.size && clocks.every(([client, clock]) => clock === Y.getState(store, client));
  }

  /** Whether one of `clocks`, by Yjs client, is beyond what this document has. */
  isBehind(clocks: ReadonlyMap<number, number>): boolean {
    for (const [client, clock] of clocks) if (clock > Y.getState(this.#doc.store, client)) return true;
    return false;
  }

  /** All registers at `key`, the winner and those that have lost. Looks into every segment map. */
  registersAt(key: string): Register[] {
    const found: Register[] = [];
    for (const [id, map] of this.#root.entries()) {
      const register = map instanceof Y.Map ? recall(map, key, id) : null;
      if (register !== null) found.push(register);
    }
    return found;
  }

  /** Yjs clients that ever wrote to this document. */
  get clientCount(): number {
    return this.#doc.store.clients.size;
  }

  /** Segment maps that were ever in this document: Yjs keeps the name of each. */
  get segmentCountEver(): number {
    return this.#root._map.size;
  }

  /** Yjs structs held, the living and the dead. */
  get structCount(): number {
    let count = 0;
    for (const structs of this.#doc.store.clients.values()) count += structs.length;
    return count;
  }

  get segmentCount(): number {
    return this.#root.size;
  }

  destroy(): void {
    this.#doc.destroy();
  }

  #carryOut(order: CommitOrder): Omit<Commit, 'update'> {
    for (const place of order.removals) if (this.#segments.remove(place.segmentId, place.key)) order.onRemoved(place);
    const displaced = order.tombstones.filter(
      (register) => !this.#segments.replace(register.home!, register.key, this.#contentOf(register)),
    );
    for (const register of order.outrun) order.onOutrun(register, this.#put(register));
    const dropped = this.#compact(order);
    const entries = order.registers.map((register) => this.#put(register));
    return { dropped, displaced, entries };
  }

  /** Empties and deletes segment maps that should go, as far as `movesMax` allows; what went with them. */
  #compact({ movesMax, survivor, onMoved, registers }: CommitOrder): EntryPlace[] {
    const dropped: EntryPlace[] = [];
    // In step with what is written: else who writes without a pause would leave more dead than is given back.
    const countMax = movesMax === 0 ? 0 : movesMax + 2 * registers.length;
    let [count, bytes] = [0, 0];
    while (count < countMax) {
      const segment = this.#segments.next();
      if (segment === null) break;
      const { id, map, lost } = segment;
      for (const key of map.keys()) {
        // Moved before, in an earlier commit perhaps, or dead.
        if (lost.has(key)) continue;
        if (count >= countMax || bytes >= limits.compactionBytesMax) return dropped;
        const register = survivor(key, id, () => recall(map, key, id));
        this.#segments.lose(id, key);
        count++;
        if (register === null) continue;
        bytes += register.bytes;
        onMoved(register, id, this.#put(register));
      }
      for (const key of map.keys()) {
        // What is no register was never told of, so nobody need hear that it goes.
        if (map.get(key) instanceof EntryContent) dropped.push({ segmentId: id, key });
      }
      // Yjs looks at each that it ever had, here and at every peer.
      count += segment.writes;
      this.#segments.drop(segment);
    }
    return dropped;
  }

  #put(register: Register): CommittedEntry {
    return this.#segments.put(register.key, this.#contentOf(register));
  }

  #contentOf(register: Register): EntryContent {
    return new EntryContent(register, writerIn(register, this.#replicaId));
  }

  #collect(event: SegmentEvent): void {
    if (event.target === this.#root) {
      for (const [id, { action, oldValue }] of event.keys) {
        if (action !== 'add') this.#collectDropped(id, oldValue, event);
        if (action !== 'delete') this.#collectSegment(id);
      }
    } else if (event.target instanceof Y.Map && event.target.parent === this.#root) {
      const map = event.target as Y.Map<unknown>;
      const segment = parseSegmentId(map._item?.parentSub ?? '');
      // One of nobody was refused as a whole.
      if (segment === null) return;
      for (const [key, { action, oldValue }] of event.keys) {
        this.#segments.note(segment.home, key, action);
        const wasRegister = action !== 'add' && oldValue instanceof EntryContent;
        const isRegister = action !== 'delete' && this.#collectEntry(map, segment, key, wasRegister);
        if (wasRegister && !isRegister) this.#changes.removed.push({ segmentId: segment.home, key });
      }
    }
  }

  #collectSegment(id: string): void {
    const map = findMap(this.#root, id);
    const segment = parseSegmentId(id);
    if (map === null || segment === null) {
      this.#changes.refused++;
      return;
    }
    for (const key of map.keys()) this.#collectEntry(map, segment, key, false);
  }

  #collectEntry(map: Y.Map<unknown>, segment: SegmentName, key: string, isReplacement: boolean): boolean {
    const register = decodeEntry(map.get(key), key, segment, this.#timeMax?.());
    if (register === null) {
      this.#changes.refused++;
      return false;
    }
    keepEntry(map, key, new EntryContent(register, writerIn(register, segment.owner)));
    this.#changes.added.push({ register, isReplacement });
    return true;
  }

  /** A whole segment map was deleted: its entries went with it, and only their keys are left to read. */
  #collectDropped(id: string, dropped: unknown, event: SegmentEvent): void {
    if (!(dropped instanceof Y.Map)) return;
    this.#segments.forget(id);
    for (const [key, latest] of dropped._map) {
      let item: Y.Item | null = latest;
      // What came and went within these updates was never told of.
      while (item !== null && event.adds(item)) item = item.left;
      if (item === null || !event.deletes(item)) continue;
      if (item.content instanceof EntryContent) this.#changes.removed.push({ segmentId: id, key });
    }
  }
}

function noChanges(): { added: AddedEntry[]; removed: EntryPlace[]; refused: number } {
  return { added: [], removed: [], refused: 0 };
}

/** The register that `map`, a segment map named `home`, has at `key`; null if it has none. */
function recall(map: SegmentMap, key: string, home: string): Register | null {
  const content = map.get(key);
  return content instanceof EntryContent ? content.registerIn(home) : null;
}

function findMap(root: Y.Map<unknown>, id: string): Y.Map<unknown> | null {
  const map = root.get(id);
  return map instanceof Y.Map ? map : null;
}

function segmentMaps(root: Y.Map<unknown>): SegmentMaps<Y.Map<unknown>, EntryContent> {
  return {
    ids: () => root.keys(),
    find: (id) => findMap(root, id),
    create: (id) => root.set(id, new Y.Map<unknown>()),
    delete: (id) => {
      root.delete(id);
    },
    // Yjs keeps what was deleted, too.
    countEver: (map) => map._map.size,
    put: putEntry,
  };
}
