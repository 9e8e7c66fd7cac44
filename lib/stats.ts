/** The figures of a cache. */

/** Figures of one moment, and counts since the cache was opened in this process. */
export interface CacheStats {
  /** Values, one for each path that was set; a value that was expired but not yet swept counts. */
  readonly entries: number;
  /** Estimated bytes of these values as JSON. */
  readonly bytes: number;
  /** Registers of the document: the newest of their paths, tombstones included, and those that have lost. */
  readonly registers: { readonly live: number; readonly dead: number };
  /** Segment maps of the document. */
  readonly segments: number;
  /** Deleted and expired paths that are still remembered. */
  readonly tombstones: number;
  /** Yjs structs of the document, the living and the dead. */
  readonly structs: number;
  /** Yjs clients that ever wrote to the document: one for each opening of the cache in this epoch. */
  readonly clients: number;
  /** Number of the epoch. */
  readonly epoch: number;
  /** Processes, other than this one, that have the cache open and are linked. */
  readonly peers: number;
  /** Whether this process keeps the file copy. */
  readonly manager: boolean;
  /** Updates that went over links. */
  readonly updates: { readonly in: number; readonly out: number };
  /** Bytes of updates and syncs that went over links. */
  readonly bytesOnLinks: { readonly in: number; readonly out: number };
  /** Syncs that went over links, either way. */
  readonly syncs: number;
  /** Values that this process has evicted, as the manager. */
  readonly evictions: number;
  /** Calls of `get` and `has`, of this `Cache` object, that found something. */
  readonly hits: number;
  /** Calls of `get` and `has`, of this `Cache` object, that found nothing. */
  readonly misses: number;
}
