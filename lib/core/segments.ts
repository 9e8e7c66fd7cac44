/**
 * The segment maps that this replica looks after: its own, and those of replicas that are gone.
 *
 * It keeps count of what they hold, so that whatever has died can be given back: Yjs keeps a struct for every
 * entry that a map ever had, and turns all of them into one when the map is deleted.
 */
import { formatSegmentId, segmentOwner } from './entry';

/** A map of entries by key, as the document provides it. */
export interface SegmentMap {
  readonly size: number;
  has(key: string): boolean;
  get(key: string): unknown;
  set(key: string, entry: unknown): void;
  delete(key: string): void;
  entries(): IterableIterator<[string, unknown]>;
}

/** The segment maps of a document, by name. Changes only within a transaction. */
export interface SegmentMaps {
  ids(): Iterable<string>;
  find(id: string): SegmentMap | null;
  create(id: string): SegmentMap;
  delete(id: string): void;
  /** Entries that `map` ever had. */
  countEver(map: SegmentMap): number;
}

/** One segment map that this replica looks after. */
export interface Segment {
  readonly id: string;
  readonly map: SegmentMap;
  /** Entries it ever had. Invariant: `live` <= `writes`. */
  writes: number;
  /** Entries it has. */
  live: number;
  /** Whether its owner is gone. */
  readonly isAdopted: boolean;
}

export class Segments {
  readonly #maps: SegmentMaps;
  readonly #replicaId: string;
  readonly #writesMax: number;
  readonly #tended = new Map<string, Segment>();
  #current: Segment | null = null;
  #number = 0;
  #writes = 0;
  #live = 0;
  #adopted = 0;

  /** A new segment map is begun after `writesMax` writes. */
  constructor(maps: SegmentMaps, replicaId: string, writesMax: number) {
    this.#maps = maps;
    this.#replicaId = replicaId;
    this.#writesMax = writesMax;
  }

  /** The segment map to write to. Only within a transaction. */
  current(): Segment {
    const current = this.#current;
    // A peer that took us for gone may have deleted it: what is written into it then is lost.
    if (current !== null && current.writes < this.#writesMax && this.#maps.find(current.id) === current.map) return current;
    let id: string;
    do id = formatSegmentId(this.#replicaId, ++this.#number);
    while (this.#maps.find(id) !== null);
    const map = this.#maps.create(id);
    this.#current = { id, map, writes: 0, live: 0, isAdopted: false };
    this.#tended.set(id, this.#current);
    return this.#current;
  }

  /** Looks after the segment maps of `owner`, who is gone, from now on. */
  adopt(owner: string): void {
    for (const id of this.#maps.ids()) {
      const map = this.#maps.find(id);
      if (map === null || segmentOwner(id) !== owner || this.#tended.has(id)) continue;
      const segment = { id, map, writes: this.#maps.countEver(map), live: map.size, isAdopted: true };
      this.#tended.set(id, segment);
      this.#adopted++;
      this.#count(segment.writes, segment.live);
    }
  }

  /** No longer looks after the segment maps of `owner`, who is back. */
  release(owner: string): void {
    for (const segment of this.#tended.values()) if (segmentOwner(segment.id) === owner) this.forget(segment.id);
  }

  /** A segment map was deleted, or is somebody else's again. */
  forget(id: string): void {
    const segment = this.#tended.get(id);
    if (segment === undefined) return;
    this.#tended.delete(id);
    if (segment.isAdopted) this.#adopted--;
    this.#count(-segment.writes, -segment.live);
    if (segment === this.#current) this.#current = null;
  }

  /** Puts an entry into the current segment map; whether it stands in the place of another. In a transaction. */
  put(key: string, entry: unknown): { readonly segmentId: string; readonly isReplacement: boolean } {
    const segment = this.current();
    const isReplacement = segment.map.has(key);
    segment.map.set(key, entry);
    segment.writes++;
    if (!isReplacement) segment.live++;
    this.#count(1, isReplacement ? 0 : 1);
    return { segmentId: segment.id, isReplacement };
  }

  /** Removes an entry, and the segment map with its last one. Whether it was there. In a transaction. */
  remove(id: string, key: string): boolean {
    const segment = this.#tended.get(id);
    if (segment?.map.has(key) !== true) return false;
    segment.map.delete(key);
    segment.live--;
    this.#count(0, -1);
    // Counted again, once in its life: to delete what is not empty would lose what is in it.
    if (segment.live <= 0 && segment !== this.#current && segment.map.size === 0) this.drop(segment);
    return true;
  }

  /**
   * The segment map whose entries should move to the current one: one of somebody who is gone, or the sparsest
   * while what has died outnumbers what lives by more than one segment map can hold; null if there is none.
   */
  next(): Segment | null {
    const isCrowded = this.#writes - this.#live > this.#live + this.#writesMax;
    if (!isCrowded && this.#adopted === 0) return null;
    let sparsest: Segment | null = null;
    for (const segment of this.#tended.values()) {
      if (segment === this.#current) continue;
      if (segment.isAdopted) return segment;
      if (isCrowded && (sparsest === null || density(segment) < density(sparsest))) sparsest = segment;
    }
    return sparsest;
  }

  /** All that this replica looks after. */
  get tended(): Iterable<Segment> {
    return this.#tended.values();
  }

  /** Somebody else has changed a segment map: a late write of who is gone, or a peer that took us for gone. */
  note(id: string, action: 'add' | 'update' | 'delete'): void {
    const segment = this.#tended.get(id);
    if (segment === undefined) return;
    const writes = action === 'delete' ? 0 : 1;
    const live = action === 'add' ? 1 : action === 'delete' ? -1 : 0;
    segment.writes += writes;
    segment.live += live;
    this.#count(writes, live);
  }

  /** Deletes a segment map with all that is in it. In a transaction. */
  drop(segment: Segment): void {
    if (this.#tended.get(segment.id) !== segment) return;
    this.#maps.delete(segment.id);
    this.forget(segment.id);
  }

  #count(writes: number, live: number): void {
    this.#writes += writes;
    this.#live += live;
  }
}

function density({ live, writes }: Segment): number {
  return live / writes;
}
