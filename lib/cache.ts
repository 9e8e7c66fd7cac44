/**
 * The cache: what users call. It checks what they give it and hands the rest to the open cache that it
 * shares with all others of its name and directory in this process.
 */
import { resolve } from 'node:path';
import { CacheError, rangeError, typeError, type ErrorCode } from './errors';
import { GuardedEmitter } from './events';
import type { Host } from './host/host';
import type { OpenCache } from './host/open-cache';
import type { Audience, Durability } from './host/ports';
import { obtainHost } from './host/registry';
import { limits } from './limits';
import type { CacheStats } from './stats';
import { snapshotFilename } from './storage/filename';
import type { Path } from './core/path';

/** Options of a cache. */
export interface CacheOptions {
  /**
   * Directory of the file copy. Processes share a cache by naming the same one, unless they name a
   * `socketDirectory`. Default: `process.cwd()`.
   */
  readonly path?: string;
  /**
   * Milliseconds between two collections, in which expired values become tombstones and the manager
   * looks after the file. Also how long deletes are remembered for processes that are cut off. Default: 120,000.
   */
  readonly gcInterval?: number;
  /** Whether this process may keep the file copy. Default: true. */
  readonly persist?: boolean;
  /**
   * When the manager syncs what was set to disk: `always`, after each turn of the event loop; `everysec`, every
   * second; `no`, when the system does. `flush` syncs in any case. What the manager was given counts, so give all
   * processes the same; within a process the first `Cache` of a name sets it. Default: `everysec`.
   */
  readonly durability?: Durability;
  /**
   * Values that the cache may hold, one for each path that was set. Past it the manager evicts, approximately,
   * what has not been written anywhere, or read in its own process, of late. Its limit counts, so give all
   * processes the same; within a process the first `Cache` of a name sets it. Default: no limit.
   */
  readonly maxEntries?: number;
  /** Estimated bytes of values, as JSON, that the cache may hold; likewise. Default: no limit. */
  readonly maxBytes?: number;
  /**
   * Directory for the sockets by which processes find each other, private to its owner (mode 0700). Processes
   * in containers share a cache by sharing it. Default: one per user and `path`, in the temporary directory.
   */
  readonly socketDirectory?: string;
}

const GC_INTERVAL_MS = 120_000;

/**
 * A named cache, the same in every process that opens it. Reads and writes are synchronous and in memory.
 *
 * Throws ERR_CLUSTER_CACHE_NAME or _OPTION for unusable arguments. Opening does no I/O before it returns:
 * `await cache.sync()` to have the file and the other processes heard.
 */
export class Cache extends GuardedEmitter {
  /** The name, by which processes share the cache. */
  readonly name: string;
  /** Absolute path of the directory of the file copy. */
  readonly path: string;
  /** Milliseconds between two collections. */
  readonly gcInterval: number;
  /** Absolute path of the file copy. */
  readonly filename: string;
  readonly #host: Host;
  readonly #open: OpenCache;
  readonly #audience: Audience;
  #ending: Promise<void> | null = null;
  #isDestroying = false;
  #hits = 0;
  #misses = 0;

  constructor(name: string, options: CacheOptions = {}) {
    super();
    this.name = checkName(name);
    checkOptions(options);
    const { path = process.cwd(), gcInterval = GC_INTERVAL_MS, persist = true, socketDirectory } = options;
    const { maxEntries = Infinity, maxBytes = Infinity, durability = 'everysec' } = options;
    this.path = resolve(path);
    this.gcInterval = gcInterval;
    this.filename = snapshotFilename(this.path, name);
    this.#host = obtainHost({
      directory: this.path,
      ...(socketDirectory === undefined ? {} : { socketDirectory: resolve(socketDirectory) }),
    });
    if ((this.#host.find(name)?.options.isPersistent ?? persist) !== persist) {
      throw optionError(`"${name}" is open in this process with persist: ${!persist}`);
    }
    this.#audience = {
      gcInterval,
      hasListeners: (event) => this.listenerCount(event) > 0,
      emit: (event, ...args) => {
        this.notify(event, ...args);
      },
    };
    const { filename } = this;
    this.#open = this.#host.open(
      { name, filename, isPersistent: persist, durability, maxEntries, maxBytes },
      this.#audience,
    );
  }

  /** Whether this process has joined the others: the file is loaded and what they had is merged. */
  get connected(): boolean {
    return this.#ending === null && this.#open.isConnected;
  }

  /** A synonym of `connected`. */
  get connect(): boolean {
    return this.connected;
  }

  /** Whether `close` or `destroy` was called. */
  get closed(): boolean {
    return this.#ending !== null;
  }

  /**
   * Replaces everything at and below `path` by a copy of `data`; returns that copy, which is deeply frozen.
   *
   * `ttl`: milliseconds until it expires; 0 or none: never. Throws ERR_CLUSTER_CACHE_PATH, _VALUE (what JSON
   * would lose, or more than 8 MiB), _TTL or _CLOSED, and then nothing has changed.
   */
  set<T>(path: Path, data: T, ttl?: number): T {
    this.#check();
    const stored = this.#open.replica.set(path, data, ttl);
    this.#open.touch();
    // As JSON: what toJSON replaced has another type than it came with.
    return stored as T;
  }

  /**
   * The value at `path` with all that was later set below it, or null where there is none; deeply frozen, not
   * a copy. `[]` is the whole cache. Throws ERR_CLUSTER_CACHE_PATH or _CLOSED.
   */
  // The type of what is stored is the caller's to know, as with JSON.parse.
  get<T = any>(path: Path): T {
    this.#check();
    const value = this.#open.replica.get(path);
    if (value === undefined) {
      this.#misses++;
      return null as T;
    }
    this.#hits++;
    return value as T;
  }

  /** Whether there is a value at `path`; null is one. Throws ERR_CLUSTER_CACHE_PATH or _CLOSED. */
  has(path: Path): boolean {
    this.#check();
    const isThere = this.#open.replica.has(path);
    if (isThere) this.#hits++;
    else this.#misses++;
    return isThere;
  }

  /**
   * Removes everything at and below `path`, the whole cache for `[]`; whether something was there. Throws
   * ERR_CLUSTER_CACHE_PATH or _CLOSED.
   */
  delete(path: Path): boolean {
    this.#check();
    const wasThere = this.#open.replica.delete(path);
    this.#open.touch();
    return wasThere;
  }

  /**
   * Resolves when this process has loaded the file and merged what every reachable process had when it was
   * called; one that sends nothing for 3 s is not reachable. Rejects with ERR_CLUSTER_CACHE_CLOSED, or with
   * _DIRECTORY or _SOCKET if others cannot be reached.
   */
  async sync(): Promise<void> {
    this.#check();
    await this.#host.hold(() => this.#open.sync());
  }

  /**
   * Resolves when what was set before is with every connected process and, unless this one was opened with
   * `persist: false`, on disk. Rejects with ERR_CLUSTER_CACHE_STORAGE or _SNAPSHOT (not on disk), _TIMEOUT (a
   * process does not answer) or _CLOSED.
   */
  async flush(): Promise<void> {
    this.#check();
    await this.#host.hold(() => this.#open.flush());
  }

  /**
   * Flushes, hands over to the others, and disconnects. Reads and writes throw ERR_CLUSTER_CACHE_CLOSED from
   * the call on. Idempotent. Rejects as `flush` does; the cache is closed all the same.
   */
  close(): Promise<void> {
    return (this.#ending ??= this.#end(() => this.#open.flush()));
  }

  /**
   * Empties the cache for every process, removes its file, and closes it here; a process that still has it open
   * writes the file of an empty cache in time. Rejects as `flush` does, and with ERR_CLUSTER_CACHE_CLOSED after
   * `close`.
   */
  async destroy(): Promise<void> {
    if (!this.#isDestroying) this.#check();
    this.#isDestroying = true;
    await (this.#ending ??= this.#end(() => this.#open.clear()));
  }

  /** Figures of this moment, and counts since the cache was opened; cheap. Throws ERR_CLUSTER_CACHE_CLOSED. */
  stats(): CacheStats {
    this.#check();
    return { ...this.#open.stats(), hits: this.#hits, misses: this.#misses };
  }

  /** Closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Detaches after the last words, however they end; the open cache ends with the last that is attached. */
  #end(lastWords: () => Promise<void>): Promise<void> {
    return this.#host.hold(async () => {
      try {
        await lastWords();
      } finally {
        // Flushes that were called before.
        await this.#open.settle();
        if (!this.#open.detachUnlessLast(this.#audience)) await this.#host.end(this.#open);
        this.notify('close');
      }
    });
  }

  #check(): void {
    if (this.#ending !== null) throw new CacheError('ERR_CLUSTER_CACHE_CLOSED', `Cache "${this.name}" is closed.`);
  }
}

function checkName(name: unknown): string {
  const code: ErrorCode = 'ERR_CLUSTER_CACHE_NAME';
  if (typeof name !== 'string') throw typeError(code, `A cache's name is a string, not ${typeof name}.`);
  if (name === '' || !name.isWellFormed() || Buffer.byteLength(name) > limits.nameBytesMax) {
    throw rangeError(code, `A cache's name has 1 to ${limits.nameBytesMax} bytes of well-formed Unicode.`);
  }
  return name;
}

function checkOptions(options: CacheOptions): void {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null) throw optionError('options must be an object');
  const { path, gcInterval, persist, durability, socketDirectory, maxEntries, maxBytes } = given as Record<string, unknown>;
  for (const [name, value] of Object.entries({ path, socketDirectory })) {
    if (value !== undefined && (typeof value !== 'string' || value === '' || value.includes('\0'))) {
      throw optionError(`${name} must be the path of a directory`);
    }
  }
  if (persist !== undefined && typeof persist !== 'boolean') throw optionError('persist must be a boolean');
  if (durability !== undefined && !(['always', 'everysec', 'no'] as unknown[]).includes(durability)) {
    throw optionError("durability must be 'always', 'everysec' or 'no'");
  }
  if (gcInterval !== undefined && (typeof gcInterval !== 'number' || !(gcInterval >= 1) || gcInterval === Infinity)) {
    throw outOfBounds('gcInterval must be a number of milliseconds, 1 or more');
  }
  for (const [name, value] of Object.entries({ maxEntries, maxBytes })) {
    if (value !== undefined && (typeof value !== 'number' || !(value >= 1))) {
      throw outOfBounds(`${name} must be a number, 1 or more`);
    }
  }
}

function optionError(message: string): TypeError {
  return typeError('ERR_CLUSTER_CACHE_OPTION', `Cannot open the cache: ${message}.`);
}

function outOfBounds(message: string): RangeError {
  return rangeError('ERR_CLUSTER_CACHE_OPTION', `Cannot open the cache: ${message}.`);
}
