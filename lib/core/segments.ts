/**
 * The segment maps that this replica looks after: its own, and those of replicas that are gone.
 *
 * Yjs keeps a struct for every entry that a map ever had, whatever becomes of it, and turns all of them into one
 * when the map is deleted. So entries that have lost are only counted; what lives in the sparsest segment maps
 * moves to the current one, and those go as a whole (docs/decisions/0011-whole-segment-maps.md).
 */
import { formatSegmentId, segmentOwner } from './entry';

/** A map of entries by key, as the document provides it. */
export interface SegmentMap {
  readonly size: number;
  has(key: string): boolean;
  get(key: string): unknown;
  delete(key: string): void;
  keys(): IterableIterator<string>;
}

/** The segment maps of a document, by name. Changes only within a transaction. */
export interface SegmentMaps<Entries extends SegmentMap, Entry> {
  ids(): Iterable<string>;
  find(id: string): Entries | null;
  create(id: string): Entries;
  delete(id: string): void;
  put(map: Entries, key: string, entry: Entry): void;
  /** Entries that `map` ever had. */
  countEver(map: Entries): number;
}

/** One segment map that this replica looks after. */
export interface Segment<Entries extends SegmentMap = SegmentMap> {
  readonly id: string;
  readonly map: Entries;
  /** Entries it ever had. */
  writes: number;
  /** Entries it has, and that still matter. Invariant: `live` <= `writes`. */
  live: number;
  /** Keys of entries that it has and that have lost, as far as is known. */
  readonly lost: Set<string>;
  /** Whether its owner is gone. */
  readonly isAdopted: boolean;
  /** Whether, of what is told to have lost, some may be gone, with others in its place. */
  isReused: boolean;
}

export class Segments<Entries extends SegmentMap, Entry> {
  readonly #maps: SegmentMaps<Entries, Entry>;
  readonly #replicaId: string;
  readonly #writesMax: number;
  readonly #tended = new Map<string, Segment<Entries>>();
  /** Segment maps in which nothing lives any more. */
  readonly #spent = new Set<Segment<Entries>>();
  readonly #adopted = new Set<Segment<Entries>>();
  #current: Segment<Entries> | null = null;
  #number = 0;
  /** Sums over all that are tended. */
  #writes = 0;
  #live = 0;

  /** A new segment map is begun after `writesMax` writes. */
  constructor(maps: SegmentMaps<Entries, Entry>, replicaId: string, writesMax: number) {
    this.#maps = maps;
    this.#replicaId = replicaId;
    this.#writesMax = writesMax;
  }

  /** Looks after the segment maps of `owner`, who is gone, from now on. */
  adopt(owner: string): void {
    for (const id of this.#maps.ids()) {
      const map = segmentOwner(id) === owner && !this.#tended.has(id) ? this.#maps.find(id) : null;
      if (map === null) continue;
      const segment = this.#tend(id, map, true);
      this.#count(segment, this.#maps.countEver(map), map.size);
    }
  }

  /** Leaves the segment maps of `owner` alone again. */
  release(owner: string): void {
    for (const segment of this.#adopted) if (segmentOwner(segment.id) === owner) this.forget(segment.id);
  }

  /** A segment map that is gone from the document. */
  forget(id: string): void {
    const segment = this.#tended.get(id);
    if (segment === undefined) return;
    this.#tended.delete(id);
    this.#spent.delete(segment);
    this.#adopted.delete(segment);
    if (segment === this.#current) this.#current = null;
    this.#count(segment, -segment.writes, -segment.live);
  }

  /** Puts an entry into the current segment map; where that is, and whether it replaced one there. In a transaction. */
  put(key: string, entry: Entry): { readonly segmentId: string; readonly isReplacement: boolean } {
    const segment = this.#obtainCurrent();
    const isReplacement = segment.map.has(key);
    this.#maps.put(segment.map, key, entry);
    const wasLost = segment.lost.delete(key);
    segment.isReused ||= isReplacement && !wasLost;
    this.#count(segment, 1, isReplacement && !wasLost ? 0 : 1);
    this.#closeIfFull();
    return { segmentId: segment.id, isReplacement };
  }

  /** Puts an entry in the place of a living one; whether there was one. In a transaction. */
  replace(id: string, key: string, entry: Entry): boolean {
    const segment = this.#tended.get(id);
    if (segment?.map.has(key) !== true || segment.lost.has(key)) return false;
    this.#maps.put(segment.map, key, entry);
    this.#count(segment, 1, 0);
    this.#closeIfFull();
    return true;
  }

  /** An entry has lost: nobody needs it any more. Whether it is there, as `isIt` says of what is, where that may be another. */
  lose(id: string, key: string, isIt?: (entry: unknown) => boolean): boolean {
    const segment = this.#tended.get(id);
    if (segment === undefined || (segment.isReused && isIt?.(segment.map.get(key)) === false)) return false;
    if (segment.lost.has(key)) return true;
    segment.lost.add(key);
    this.#count(segment, 0, -1);
    this.#noteSpent(segment);
    return true;
  }

  /** Something in a segment map may be told to have lost more than once: by then, another may stand there. */
  distrust(id: string): void {
    const segment = this.#tended.get(id);
    if (segment !== undefined) segment.isReused = true;
  }

  /** Removes an entry. Whether it was there. In a transaction. */
  remove(id: string, key: string): boolean {
    const segment = this.#tended.get(id);
    if (segment?.map.has(key) !== true) return false;
    segment.map.delete(key);
    segment.isReused = true;
    if (!segment.lost.delete(key)) this.#count(segment, 0, -1);
    this.#noteSpent(segment);
    return true;
  }

  /**
   * The segment map that should go, its living entries to the current one: one in which nothing lives, or of
   * somebody who is gone, or the sparsest while the dead outnumber the living by more than one segment map can
   * hold. Null if there is none.
   */
  next(): Segment<Entries> | null {
    for (const segment of this.#spent) return segment;
    for (const segment of this.#adopted) return segment;
    return this.#hasSurplus ? this.#sparsest() : null;
  }

  /** Whether `next` would find one. */
  get isCrowded(): boolean {
    return this.#spent.size + this.#adopted.size > 0 || this.#hasSurplus;
  }

  /** All that this replica looks after. */
  get tended(): Iterable<Segment<Entries>> {
    return this.#tended.values();
  }

  /** Somebody else has changed a segment map: a late write of who is gone, or a peer that took us for gone. */
  note(id: string, key: string, action: 'add' | 'update' | 'delete'): void {
    const segment = this.#tended.get(id);
    if (segment === undefined) return;
    segment.isReused = true;
    const wasLost = segment.lost.delete(key);
    const live = (wasLost ? 1 : 0) + (action === 'add' ? 1 : action === 'delete' ? -1 : 0);
    this.#count(segment, action === 'delete' ? 0 : 1, live);
    this.#noteSpent(segment);
  }

  /** Deletes a segment map with all that is in it. In a transaction. */
  drop(segment: Segment<Entries>): void {
    this.#maps.delete(segment.id);
    this.forget(segment.id);
  }

  #obtainCurrent(): Segment<Entries> {
    const current = this.#current;
    // A peer that took us for gone may have deleted it: what is written into it then is lost.
    if (current !== null && this.#maps.find(current.id) === current.map) return current;
    this.#close();
    let id: string;
    do id = formatSegmentId(this.#replicaId, ++this.#number);
    while (this.#maps.find(id) !== null);
    this.#current = this.#tend(id, this.#maps.create(id), false);
    return this.#current;
  }

  /** Invariant: the current segment map has room for more writes. */
  #closeIfFull(): void {
    if (this.#current !== null && this.#current.writes >= this.#writesMax) this.#close();
  }

  /** The current segment map takes no more entries. */
  #close(): void {
    const closed = this.#current;
    this.#current = null;
    if (closed !== null) this.#noteSpent(closed);
  }

  #tend(id: string, map: Entries, isAdopted: boolean): Segment<Entries> {
    const segment: Segment<Entries> = { id, map, writes: 0, live: 0, lost: new Set(), isAdopted, isReused: isAdopted };
    this.#tended.set(id, segment);
    if (isAdopted) this.#adopted.add(segment);
    return segment;
  }

  get #hasSurplus(): boolean {
    return this.#writes - this.#live > this.#live + this.#writesMax;
  }

  /** Never the current one: that holds less than the surplus, so it is not all that there is. */
  #sparsest(): Segment<Entries> | null {
    let sparsest: Segment<Entries> | null = null;
    for (const segment of this.#tended.values()) {
      if (segment !== this.#current && (sparsest === null || density(segment) < density(sparsest))) sparsest = segment;
    }
    return sparsest;
  }

  #noteSpent(segment: Segment<Entries>): void {
    if (segment.live <= 0 && segment !== this.#current && !segment.isAdopted) this.#spent.add(segment);
    else this.#spent.delete(segment);
  }

  #count(segment: Segment<Entries>, writes: number, live: number): void {
    segment.writes += writes;
    segment.live += live;
    this.#writes += writes;
    this.#live += live;
  }
}

function density({ live, writes }: Segment): number {
  return live / writes;
}
