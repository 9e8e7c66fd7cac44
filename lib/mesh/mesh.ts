/**
 * The mesh of processes: one link to every other process whose endpoint is in the socket directory.
 * It finds, keeps and loses peers; what they say to each other is opaque.
 */

import { connect, type Socket } from 'node:net';
import { threadId } from 'node:worker_threads';
import { CacheError, typeError } from '../errors';
import { limits } from '../limits';
import { dial } from './dial';
import { endpointPath, listEndpoints, privateDirectory } from './directory';
import { isPeerId, type Hello, type Seniority } from './hello';
import { Link, type LinkOwner } from './link';
import { Listener } from './listener';
import { settledWithin } from './patience';

export interface MeshOptions {
  /** Lower-case letters and digits, at most 32, random: an id is never used twice. */
  readonly id: string;
  /** When the process started, in milliseconds since 1970. */
  readonly startedAt: number;
  /** A private directory, or what names, creates and checks it; asked again if the directory vanishes. */
  readonly directory: string | (() => string | Promise<string>);
  readonly onLink: (link: Link) => void;
  /** Exactly once after each `onLink`, in `close` as well. */
  readonly onUnlink: (link: Link) => void;
  /** All messages that one read brought. */
  readonly onMessages: (link: Link, payloads: Uint8Array[]) => void;
  /** Messages were dropped, now there is room: time for a sync. */
  readonly onDrain: (link: Link) => void;
  readonly onSeniority: (link: Link) => void;
  readonly onError: (error: CacheError) => void;
}

/** Errors that were reported and need not be again; past the bound they are. */
const reportedMax = 256;

export class Mesh {
  readonly id: string;
  readonly #options: MeshOptions;
  readonly #listener: Listener;
  readonly #owner: LinkOwner;
  /** Open links by the peer's id. */
  readonly #links = new Map<string, Link>();
  /** Invariant: no link is in here and in #links. */
  readonly #handshaking = new Set<Link>();
  readonly #dials = new Map<string, Promise<void>>();
  readonly #reported = new Set<string>();
  #seniority: Seniority;
  #directory = '';
  #references = 0;
  #starting: Promise<void> | undefined = undefined;
  #appearing: Promise<void> | undefined = undefined;
  #closing: Promise<void> | undefined = undefined;
  #scanTimer: NodeJS.Timeout | undefined = undefined;
  #relinkTimer: NodeJS.Timeout | undefined = undefined;
  /** When it was last set, by `performance.now()`. */
  #relinkedAt = -Infinity;

  constructor(options: MeshOptions) {
    if (!isPeerId(options.id)) {
      throw typeError('ERR_CLUSTER_CACHE_OPTION', `A peer's id is 1 to 32 of 0-9 and a-z, not ${options.id}`);
    }
    this.id = options.id;
    this.#options = options;
    this.#seniority = { rank: 1, startedAt: options.startedAt };
    this.#listener = new Listener(options.id, (socket) => {
      this.#welcome(socket);
    });
    this.#owner = {
      onHello: (link) => {
        this.#decide(link);
      },
      onOpen: (link) => {
        this.#enter(link);
      },
      onMessages: (link, payloads) => {
        this.#call(options.onMessages, link, payloads);
      },
      onDrain: (link) => {
        this.#call(options.onDrain, link);
      },
      onSeniority: (link) => {
        this.#call(options.onSeniority, link);
      },
      onClose: (link, reason) => {
        this.#remove(link, reason);
      },
    };
  }

  /** Open links by the peer's id. */
  get links(): ReadonlyMap<string, Link> {
    return this.#links;
  }

  get seniority(): Seniority {
    return this.#seniority;
  }

  /**
   * Resolves when this process listens and everyone found at first is linked, dead, or has not
   * answered for `limits.scanPatienceMs`. Throws `ERR_CLUSTER_CACHE_DIRECTORY` or `_SOCKET`; it may
   * then be called again.
   */
  start(): Promise<void> {
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = undefined;
      throw error;
    });
    return this.#starting;
  }

  /** Looks into the directory again; resolves by the same rule as `start`. Never rejects. */
  async scan(): Promise<void> {
    let ids: string[];
    try {
      await this.#appear();
      ids = this.#isClosed() ? [] : await listEndpoints(this.#directory);
    } catch (error) {
      this.#reportOnce(asCacheError(error));
      return;
    }
    const wanted = ids.filter((id) => this.#isWanted(id));
    const fresh = wanted.filter((id) => !this.#dials.has(id));
    const running = [...this.#dials.values()];
    const laneCount = Math.min(fresh.length, Math.max(1, limits.dialsMax - this.#dials.size));
    const lanes = Array.from({ length: laneCount }, async () => {
      for (let id = fresh.pop(); id !== undefined; id = fresh.pop()) await this.#dial(id);
    });
    await settledWithin(limits.scanPatienceMs, [...running, ...lanes]);
  }

  /** Changes the rank of this process in the seniority and tells all peers. */
  setRank(rank: number): void {
    this.#seniority = { ...this.#seniority, rank };
    for (const link of this.#links.values()) link.tellSeniority(this.#seniority);
  }

  /** Keeps the process alive until as many `unref`, or until `close`. */
  ref(): void {
    this.#references += 1;
    this.#listener.ref();
  }

  unref(): void {
    this.#references = Math.max(0, this.#references - 1);
    if (this.#references === 0) this.#listener.unref();
  }

  /** Leaves the mesh; what waits on the links goes out first, within `limits.closeWaitMs`. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The last act of a process that ends without `close`: hands what waits to the system, removes the endpoint. */
  closeSync(): void {
    for (const link of this.#links.values()) link.flushSync();
    this.#listener.removeSync();
  }

  async #start(): Promise<void> {
    await this.#appear();
    if (this.#isClosed()) return;
    this.#scanTimer = setInterval(() => void this.scan(), limits.scanIntervalMs);
    this.#scanTimer.unref();
    await this.scan();
  }

  /** Listens unless it does. Listen before looking: of two that start together, the later sees the earlier. */
  #appear(): Promise<void> {
    this.#appearing ??= this.#listen().finally(() => (this.#appearing = undefined));
    return this.#appearing;
  }

  async #listen(): Promise<void> {
    if (this.#isClosed() || (await this.#listener.isVisible())) return;
    const { directory } = this.#options;
    this.#directory = await (typeof directory === 'string' ? privateDirectory(directory) : directory());
    await this.#listener.listen(this.#directory);
  }

  async #close(): Promise<void> {
    clearInterval(this.#scanTimer);
    clearTimeout(this.#relinkTimer);
    const listening = this.#listener.close();
    for (const link of this.#handshaking) link.close();
    await Promise.all(Array.from(this.#links.values(), (link) => link.end()));
    await listening;
  }

  #isClosed(): boolean {
    return this.#closing !== undefined;
  }

  #isWanted(id: string): boolean {
    return !this.#isClosed() && id !== this.id && !this.#links.has(id);
  }

  #dial(id: string): Promise<void> {
    const running = this.#dials.get(id);
    if (running !== undefined) return running;
    const dialler = {
      connect: (endpoint: string): Link => this.#begin(connect(endpointPath(this.#directory, endpoint)), endpoint),
      isWanted: (endpoint: string): boolean => this.#isWanted(endpoint),
      onError: (error: CacheError): void => {
        this.#reportOnce(error);
      },
    };
    const promise = dial(dialler, this.#directory, id)
      .catch((error: unknown) => {
        this.#reportOnce(asCacheError(error));
      })
      .finally(() => this.#dials.delete(id));
    this.#dials.set(id, promise);
    return promise;
  }

  #welcome(socket: Socket): void {
    if (this.#isClosed() || this.#links.size + this.#handshaking.size >= limits.linksMax) {
      socket.destroy();
    } else {
      this.#begin(socket);
    }
  }

  #begin(socket: Socket, endpoint?: string): Link {
    const hello = (): Hello => ({ id: this.id, seniority: this.#seniority, pid: process.pid, threadId });
    const link = new Link({ socket, hello, owner: this.#owner, ...(endpoint === undefined ? {} : { endpoint }) });
    this.#handshaking.add(link);
    return link;
  }

  /**
   * When two processes have dialled each other, one of them must decide: the smaller id accepts the
   * first link on which both have said hello and closes the others. The larger id never closes a link
   * that could be accepted, so there is no moment in which both go.
   */
  #decide(link: Link): void {
    if (link.id === this.id || (link.endpoint !== undefined && link.endpoint !== link.id)) {
      const place = link.endpoint === undefined ? 'A process' : `The process behind endpoint ${link.endpoint}`;
      link.close(new CacheError('ERR_CLUSTER_CACHE_PROTOCOL', `${place} claims the id ${link.id}, which is not its own`));
    } else if (!this.#isWanted(link.id)) {
      link.close();
    } else if (this.id < link.id) {
      link.accept();
    }
  }

  #enter(link: Link): void {
    if (!this.#isWanted(link.id)) {
      link.close();
      return;
    }
    this.#handshaking.delete(link);
    this.#links.set(link.id, link);
    for (const other of this.#handshaking) {
      if (other.id === link.id || other.endpoint === link.id) other.close();
    }
    link.tellSeniority(this.#seniority);
    this.#call(this.#options.onLink, link);
  }

  #remove(link: Link, reason: Error | undefined): void {
    this.#handshaking.delete(link);
    const isMember = this.#links.get(link.id) === link;
    if (isMember) this.#links.delete(link.id);
    if (reason instanceof CacheError && reason.code === 'ERR_CLUSTER_CACHE_PROTOCOL') this.#reportOnce(reason);
    else if (reason instanceof CacheError) this.#report(reason);
    if (!isMember) return;
    // Whoever breaks the rules will do so again.
    if (!(reason instanceof CacheError)) this.#relinkSoon();
    this.#call(this.#options.onUnlink, link);
  }

  /** The peer of a link that was lost may be there still. Not more often than looks come by themselves: it may end each link at once. */
  #relinkSoon(): void {
    if (this.#isClosed() || performance.now() - this.#relinkedAt < limits.scanIntervalMs) return;
    this.#relinkedAt = performance.now();
    this.#relinkTimer = setTimeout(() => void this.scan(), limits.relinkDelayMs);
    this.#relinkTimer.unref();
  }

  /** What is found by looking would otherwise be reported with every look. */
  #reportOnce(error: CacheError): void {
    if (this.#reported.has(error.message)) return;
    if (this.#reported.size >= reportedMax) this.#reported.clear();
    this.#reported.add(error.message);
    this.#report(error);
  }

  #report(error: CacheError): void {
    try {
      this.#options.onError(error);
    } catch {
      // There is nobody left to tell.
    }
  }

  #call<Args extends unknown[]>(handler: (...args: Args) => void, ...args: Args): void {
    try {
      handler(...args);
    } catch (cause) {
      this.#report(new CacheError('ERR_CLUSTER_CACHE_LISTENER', 'A handler of the mesh threw', { cause }));
    }
  }
}

function asCacheError(error: unknown): CacheError {
  if (error instanceof CacheError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new CacheError('ERR_CLUSTER_CACHE_SOCKET', `The socket directory cannot be read: ${reason}`, { cause: error });
}
