/** The ports of an open cache: what it asks of the host below it, and of the `Cache` objects above. */
import type { Message } from '../core/message';
import type { CacheEvents, Peer } from '../events';
import type { Candidate } from '../mesh/hello';
import type { Link } from '../mesh/link';

/** What has something to commit at the end of a turn of the event loop. */
export interface Committer {
  commit(): void;
}

/** What an open cache asks of the host. */
export interface OpenCacheHost {
  /** This process among its peers. */
  readonly self: () => Candidate & Peer;
  readonly links: ReadonlyMap<string, Link>;
  readonly isJoined: () => boolean;
  /** Joins the mesh, or tries again; rejects where that is not possible. */
  readonly join: () => Promise<void>;
  /** Looks for processes that have come since. */
  readonly scan: () => Promise<void>;
  readonly send: (link: Link, cache: string, message: Message) => boolean;
  /** Has `commit` called at the end of this turn of the event loop. */
  readonly scheduleCommit: (cache: Committer) => void;
  readonly nextId: () => string;
  readonly nextClientId: () => number;
}

/** When the manager syncs the log: after each turn of the event loop, every second, or only when asked to flush. */
export type Durability = 'always' | 'everysec' | 'no';

export interface OpenCacheOptions {
  readonly name: string;
  /** Absolute. */
  readonly filename: string;
  readonly isPersistent: boolean;
  readonly durability: Durability;
  /** Values, and estimated bytes of them, that the cache may hold; Infinity for no limit. */
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** A `Cache` object, as its open cache sees it. */
export interface Audience {
  /** Milliseconds. */
  readonly gcInterval: number;
  readonly hasListeners: (name: keyof CacheEvents) => boolean;
  readonly emit: <Name extends keyof CacheEvents>(name: Name, ...args: CacheEvents[Name]) => void;
}
