/**
 * The host: one per process, data directory and socket directory. It owns the mesh, hands the links and
 * their messages to the open caches, and ends each turn of the event loop in which something was written.
 */
import { randomBytes } from 'node:crypto';
import { threadId } from 'node:worker_threads';
import { decodeEnvelope, encodeEnvelope, type Message } from '../core/message';
import { CacheError } from '../errors';
import type { Peer } from '../events';
import { limits } from '../limits';
import { socketDirectory } from '../mesh/directory';
import type { Candidate } from '../mesh/hello';
import type { Link } from '../mesh/link';
import { askManagerProcess } from '../mesh/manager';
import { Mesh } from '../mesh/mesh';
import { Inbox } from './inbox';
import { OpenCache } from './open-cache';
import type { Audience, Committer, OpenCacheHost, OpenCacheOptions } from './ports';
import { turn } from './turn';

/** Where the processes of an application meet. */
export interface Place {
  /** Absolute path of the data directory. */
  readonly directory: string;
  /** Absolute path of the directory for sockets, where the user has named one. */
  readonly socketDirectory?: string;
}

export class Host implements OpenCacheHost {
  readonly #mesh: Mesh;
  readonly #caches = new Map<string, OpenCache>();
  readonly #scheduled = new Set<Committer>();
  #isCommitting = false;
  readonly #inbox = new Inbox({
    receive: (link, payloads) => {
      this.#receive(link, payloads);
    },
    isHeldUp: () => [...this.#caches.values()].some(({ replica }) => replica.isTurningOver),
  });
  readonly #onEmpty: () => void;
  #joining: Promise<void> | null = null;
  #isJoined = false;
  #compareTimer: NodeJS.Timeout | null = null;
  #retryTimer: NodeJS.Timeout | null = null;

  /** `onEmpty` is called when the last cache has closed and the mesh is left. */
  constructor(place: Place, onEmpty: () => void) {
    this.#onEmpty = onEmpty;
    this.#mesh = new Mesh({
      id: newId(),
      startedAt: Math.round(performance.timeOrigin),
      directory: () => socketDirectory(place.directory, place.socketDirectory),
      onLink: (link) => {
        for (const cache of this.#caches.values()) cache.addLink(link);
      },
      onUnlink: (link) => {
        this.#inbox.end(link);
        for (const cache of this.#caches.values()) cache.removeLink(link);
      },
      onMessages: (link, payloads) => {
        this.#inbox.add(link, payloads);
      },
      onDrain: (link) => {
        for (const cache of this.#caches.values()) cache.restartLink(link);
      },
      onSeniority: () => {
        this.#chooseManagers();
      },
      onError: (error) => {
        this.#report(error);
      },
    });
  }

  /** The open cache of that name, opened if need be; `audience` is its newest. */
  open(options: OpenCacheOptions, audience: Audience): OpenCache {
    let cache = this.#caches.get(options.name);
    if (cache === undefined) {
      cache = new OpenCache(options, this);
      this.#caches.set(options.name, cache);
    }
    cache.attach(audience);
    return cache;
  }

  /** What is open under that name. */
  find(name: string): OpenCache | undefined {
    return this.#caches.get(name);
  }

  get caches(): Iterable<OpenCache> {
    return this.#caches.values();
  }

  /** Ends a cache, and leaves the mesh with the last one. */
  async end(cache: OpenCache): Promise<void> {
    this.#caches.delete(cache.options.name);
    this.#scheduled.delete(cache);
    const isLast = this.#caches.size === 0;
    await Promise.all([cache.end(), isLast ? this.#leave() : undefined]);
  }

  /** Keeps the process alive until what `work` returns has settled. */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    this.#mesh.ref();
    try {
      return await work();
    } finally {
      this.#mesh.unref();
    }
  }

  /** The last word of a process that ends without closing. */
  endSync(): void {
    this.#inbox.empty();
    for (const cache of this.#caches.values()) cache.commitSync();
    this.#mesh.closeSync();
    for (const cache of this.#caches.values()) {
      try {
        cache.saveSync();
      } catch (error) {
        // The process is ending: its listeners are all that is left to tell.
        cache.report(error instanceof CacheError ? error : storageError(error));
      }
    }
  }

  self(): Candidate & Peer {
    return { id: this.#mesh.id, seniority: this.#mesh.seniority, pid: process.pid, threadId };
  }

  get links(): ReadonlyMap<string, Link> {
    return this.#mesh.links;
  }

  isJoined(): boolean {
    return this.#isJoined;
  }

  join(): Promise<void> {
    this.#joining ??= this.#join().catch((error: unknown) => {
      this.#joining = null;
      throw error;
    });
    return this.#joining;
  }

  scan(): Promise<void> {
    return this.#mesh.scan();
  }

  send(link: Link, cache: string, message: Message): boolean {
    try {
      return link.send(encodeEnvelope({ cache, message }));
    } catch (error) {
      // Larger than a frame can be: the peer goes without it, and the user must know.
      this.#report(error instanceof CacheError ? error : limitError(error));
      return false;
    }
  }

  scheduleCommit(cache: Committer): void {
    this.#scheduled.add(cache);
    this.#commitSoon();
  }

  nextId(): string {
    return newId();
  }

  nextClientId(): number {
    // 53 bits: all that a double and Yjs can hold. Two documents with one id would diverge for ever.
    const bytes = randomBytes(8);
    return (bytes.readUInt32LE(0) & 0x1f_ffff) * 2 ** 32 + bytes.readUInt32LE(4);
  }

  #commitSoon(): void {
    if (this.#isCommitting) return;
    this.#isCommitting = true;
    // Twice, so that what has arrived is read first: a write to a peer that has died closes the link, and
    // what that peer had sent before would go unread.
    setImmediate(() => setImmediate(() => {
      this.#isCommitting = false;
      this.#commitScheduled();
    }));
  }

  #commitScheduled(): void {
    try {
      forEach(this.#takeScheduled(), (cache) => {
        cache.commit();
      });
    } finally {
      if (this.#scheduled.size > 0) this.#commitSoon();
    }
  }

  /** As many as this turn has time for, at least one; who then has more to do is behind those that are left. */
  *#takeScheduled(): Iterable<Committer> {
    const caches = [...this.#scheduled];
    for (const cache of caches) {
      if (cache !== caches[0] && turn.isOver) return;
      if (this.#scheduled.delete(cache)) yield cache;
    }
  }

  async #join(): Promise<void> {
    try {
      await this.#mesh.start();
    } catch (error) {
      const cause = error instanceof CacheError ? error : new CacheError('ERR_CLUSTER_CACHE_SOCKET', String(error));
      this.#report(cause);
      this.#retryLater();
      throw cause;
    }
    this.#isJoined = true;
    this.#compareTimer = setInterval(() => {
      forEach(this.#caches.values(), (cache) => {
        cache.compare();
      });
    }, limits.compareIntervalMs);
    this.#compareTimer.unref();
    void askManagerProcess().then((rank) => {
      if (this.#caches.size === 0 || rank === this.#mesh.seniority.rank) return;
      this.#mesh.setRank(rank);
      this.#chooseManagers();
    });
  }

  #retryLater(): void {
    if (this.#caches.size === 0) return;
    this.#retryTimer = setTimeout(() => {
      // Reported by the attempt itself, which also arranges for the next one.
      this.join().catch(() => undefined);
    }, limits.joinRetryMs);
    this.#retryTimer.unref();
  }

  async #leave(): Promise<void> {
    this.#isJoined = false;
    if (this.#compareTimer !== null) clearInterval(this.#compareTimer);
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    this.#onEmpty();
    await this.#mesh.close();
  }

  #chooseManagers(): void {
    for (const cache of this.#caches.values()) cache.chooseManager();
  }

  #report(error: CacheError): void {
    for (const cache of this.#caches.values()) cache.report(error);
  }

  #receive(link: Link, payloads: readonly Uint8Array[]): void {
    const byCache = new Map<string, Message[]>();
    try {
      for (const payload of payloads) {
        const { cache, message } = decodeEnvelope(payload);
        const messages = byCache.get(cache);
        if (messages === undefined) byCache.set(cache, [message]);
        else messages.push(message);
      }
    } catch (error) {
      link.close(error instanceof Error ? error : undefined);
      return;
    }
    for (const [name, messages] of byCache) {
      if (this.#caches.get(name)?.receive(link, messages) !== true) this.#decline(link, name, messages);
    }
  }

  /** Answers for a cache that is not open here. */
  #decline(link: Link, cache: string, messages: readonly Message[]): void {
    let isMistaken = false;
    for (const message of messages) {
      if (message.type === 'state') this.send(link, cache, { type: 'none', token: message.token });
      else isMistaken ||= message.type !== 'none' && message.type !== 'leave';
    }
    // Word that the cache was closed may have been dropped on a full link.
    if (isMistaken) this.send(link, cache, { type: 'leave' });
  }
}

/** Calls `act` with each, whatever it throws at others; then throws what it has thrown. */
function forEach<Item>(items: Iterable<Item>, act: (item: Item) => void): void {
  const errors: unknown[] = [];
  for (const item of items) {
    try {
      act(item);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 1) throw new AggregateError(errors, 'Several caches have failed.');
  if (errors.length === 1) throw errors[0];
}

function newId(): string {
  // 80 bits, as letters and digits.
  return BigInt(`0x${randomBytes(10).toString('hex')}`).toString(36);
}

function limitError(cause: unknown): CacheError {
  return new CacheError('ERR_CLUSTER_CACHE_LIMIT', 'The cache is too large to be sent to a peer.', { cause });
}

function storageError(cause: unknown): CacheError {
  return new CacheError('ERR_CLUSTER_CACHE_STORAGE', 'The file could not be written at exit.', { cause });
}
