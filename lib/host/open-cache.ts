/**
 * An open cache: one cache as this process has it, shared by all `Cache` objects of its name and directory.
 *
 * It wires the replica to its peers, to the file and to the timer. The host gives it links and turns; the
 * `Cache` objects give it calls, and are its audience.
 */
import type { Message } from '../core/message';
import { Replica, type Change } from '../core/replica';
import { CacheError } from '../errors';
import type { CacheEvents, Peer } from '../events';
import { limits } from '../limits';
import type { Candidate, Hello } from '../mesh/hello';
import type { Link } from '../mesh/link';
import { mostSenior } from '../mesh/manager';
import { Keeper } from './keeper';
import { Peers } from './peers';

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
  readonly scheduleCommit: (cache: OpenCache) => void;
  readonly nextId: () => string;
  readonly nextClientId: () => number;
}

export interface OpenCacheOptions {
  readonly name: string;
  /** Absolute. */
  readonly filename: string;
  readonly isPersistent: boolean;
}

/** A `Cache` object, as its open cache sees it. */
export interface Audience {
  /** Milliseconds. */
  readonly gcInterval: number;
  readonly hasListeners: (name: keyof CacheEvents) => boolean;
  readonly emit: <Name extends keyof CacheEvents>(name: Name, ...args: CacheEvents[Name]) => void;
}

export class OpenCache {
  readonly options: OpenCacheOptions;
  readonly replica: Replica;
  readonly #host: OpenCacheHost;
  readonly #keeper: Keeper;
  readonly #peers: Peers;
  readonly #audience = new Set<Audience>();
  readonly #starting: Promise<void>;
  /** Id of the process that keeps the file; empty while nobody is known to. */
  #manager = '';
  #timer: NodeJS.Timeout | null = null;
  /** loading: the file is read; merging: those found at first are asked; open; closed. */
  #state: 'loading' | 'merging' | 'open' | 'closed' = 'loading';
  #isCommitScheduled = false;
  /** Something was written here since the last flush began. */
  #hasUnflushed = false;
  #wasFlushedAtExit = false;

  constructor(options: OpenCacheOptions, host: OpenCacheHost) {
    this.options = options;
    this.#host = host;
    this.replica = new Replica({
      id: host.nextId(),
      now: Date.now,
      nextClientId: host.nextClientId,
      retentionMs: () => this.#gcIntervalMs(),
      onChange: (change) => {
        this.#onChange(change);
      },
    });
    this.#keeper = new Keeper({
      replica: this.replica,
      filename: options.filename,
      commit: () => {
        this.commit();
      },
      onError: (error) => {
        this.report(error);
      },
    });
    this.#peers = new Peers({
      replica: this.replica,
      isPersistent: options.isPersistent,
      send: (link, message) => host.send(link, options.name, message),
      onPresence: (peer, isPresent) => {
        this.#announce(peer, isPresent);
      },
      onSave: (answer) => {
        this.#saveForPeer(answer);
      },
    });
    // Not in this turn: opening does no I/O before it returns.
    this.#starting = Promise.resolve().then(() => this.#start());
  }

  /** Whether the file is loaded, the mesh joined, and what those found there had is merged. */
  get isConnected(): boolean {
    return this.#state === 'open' && this.#host.isJoined();
  }

  attach(audience: Audience): void {
    this.#audience.add(audience);
    this.#restartTimer();
  }

  /** Detaches `audience`, unless it is the last; says whether it was detached. */
  detachUnlessLast(audience: Audience): boolean {
    if (this.#audience.size === 1) return false;
    this.#audience.delete(audience);
    this.#restartTimer();
    return true;
  }

  /** Something waits in the outbox. */
  touch(): void {
    this.#hasUnflushed = true;
    this.#wasFlushedAtExit = false;
    if (this.#isCommitScheduled) return;
    this.#isCommitScheduled = true;
    this.#host.scheduleCommit(this);
  }

  /** Moves the outbox into the document and out to the peers. */
  commit(): void {
    this.#isCommitScheduled = false;
    const update = this.replica.commit();
    if (update !== null) this.#peers.push(update);
  }

  /**
   * Resolves when the file is loaded and what every reachable process had when this was called is merged.
   * Rejects with ERR_CLUSTER_CACHE_DIRECTORY or _SOCKET if this process cannot be reached itself.
   */
  async sync(): Promise<void> {
    await this.#starting;
    await this.#host.join();
    await this.#host.scan();
    this.#addLinks();
    await this.#peers.merge();
    this.#emit('sync');
  }

  /**
   * Resolves when what was set before is with every connected process and on disk. Rejects with the reason
   * if it is not on disk, or with ERR_CLUSTER_CACHE_TIMEOUT if a connected process does not answer.
   */
  async flush(): Promise<void> {
    await this.#starting;
    this.commit();
    this.#hasUnflushed = false;
    try {
      await this.#deliverAndSave();
    } catch (error) {
      this.#hasUnflushed = true;
      throw error;
    }
  }

  /** Whether a flush at the end of the process would save something, and was not tried. */
  get needsFlush(): boolean {
    return !this.#wasFlushedAtExit && (this.#hasUnflushed || (this.#isManager() && !this.#keeper.isSaved));
  }

  /** Flushes once, since the process ends by itself; a failure is an event. Never rejects. */
  async flushAtExit(): Promise<void> {
    // Once: if it fails, the process must end nevertheless.
    this.#wasFlushedAtExit = true;
    try {
      await this.flush();
    } catch (error) {
      this.#reportStorage(error);
    }
  }

  /** The last word of a process that ends without closing; synchronous. Throws what the disk throws. */
  flushSync(): void {
    if (this.#state === 'closed') return;
    this.commit();
    const isAlone = this.options.isPersistent && this.#peers.candidates().length === 0;
    if ((isAlone && this.#hasUnflushed) || (this.#isManager() && !this.#keeper.isSaved)) this.#keeper.saveSync();
  }

  /** Empties the cache in every process and removes the file. Rejects as `flush` does. */
  async clear(): Promise<void> {
    await this.#starting;
    this.replica.delete([]);
    this.commit();
    await this.#peers.deliver(null);
    if (this.options.isPersistent) await this.#keeper.remove();
  }

  /** Leaves the peers; nothing can be done with it afterwards. */
  end(): void {
    this.#state = 'closed';
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#peers.leave();
    this.replica.destroy();
  }

  addLink(link: Link): void {
    if (this.#state !== 'merging' && this.#state !== 'open') return;
    this.commit();
    this.#peers.add(link);
  }

  removeLink(link: Link): void {
    this.#peers.remove(link);
    this.#chooseManager();
  }

  /** Takes in messages of one read; false if this cache is not yet, or no longer, open to the peer. */
  receive(link: Link, messages: readonly Message[]): boolean {
    if (this.#state === 'closed') return false;
    this.commit();
    try {
      return this.#peers.receive(link, messages);
    } catch (cause) {
      link.close(new CacheError('ERR_CLUSTER_CACHE_UPDATE', 'A peer sent what is no update.', { cause }));
      return true;
    }
  }

  /** The link has drained after messages were dropped. */
  restartLink(link: Link): void {
    this.commit();
    this.#peers.restart(link);
  }

  /** Lets all peers find out whether they have missed something. */
  compare(): void {
    this.commit();
    this.#peers.compare();
  }

  /** The seniority of this process or of a peer has changed. */
  reconsiderManager(): void {
    this.#chooseManager();
  }

  report(error: CacheError): void {
    this.#emit('error', error);
  }

  async #start(): Promise<void> {
    if (this.options.isPersistent) await this.#keeper.begin();
    this.#state = 'merging';
    try {
      await this.#host.join();
    } catch {
      // Alone, for now. The host has reported it, and tries again.
    }
    this.#addLinks();
    await this.#peers.merge();
    this.#state = 'open';
    this.#chooseManager();
    if (this.#host.isJoined()) this.#emit('sync');
  }

  #addLinks(): void {
    for (const link of this.#host.links.values()) this.addLink(link);
  }

  async #deliverAndSave(): Promise<void> {
    // Who it is can change meanwhile: then the new one is asked, who may be this process.
    for (;;) {
      const manager = this.options.isPersistent && !this.#isManager() ? this.#manager : null;
      const outcomes = await this.#peers.deliver(manager);
      if (!this.options.isPersistent) return;
      if (manager === null) return this.#keeper.save();
      const outcome = outcomes.find(({ peerId }) => peerId === manager)?.outcome;
      if (outcome?.kind === 'done') return;
      if (outcome?.kind === 'failed') throw new CacheError('ERR_CLUSTER_CACHE_STORAGE', outcome.problem);
    }
  }

  #saveForPeer(answer: (problem: string) => void): void {
    if (!this.options.isPersistent) {
      answer('The process that was asked keeps no file.');
      return;
    }
    this.#keeper.save().then(
      () => {
        answer('');
      },
      (error: unknown) => {
        answer(error instanceof Error ? error.message : String(error));
      },
    );
  }

  #isManager(): boolean {
    return this.#manager === this.#host.self().id;
  }

  /** Every process names the most senior of those that it sees, itself included. */
  #chooseManager(): void {
    if (this.#state !== 'open') return;
    const self = this.#host.self();
    const candidates: (Candidate & (Peer | Hello))[] = this.#peers.candidates();
    const manager = mostSenior(this.options.isPersistent ? [self, ...candidates] : candidates);
    if (manager?.id === this.#manager) return;
    this.#manager = manager?.id ?? '';
    if (manager === undefined) return;
    const isSelf = manager.id === self.id;
    this.#emit('manager', { manager: peerOf(manager), isSelf });
    if (isSelf) this.#saveQuietly();
  }

  /** Saves on the manager's own account: nobody waits for it, so a failure is an event. */
  #saveQuietly(): void {
    this.#keeper.save().catch((error: unknown) => {
      this.#reportStorage(error);
    });
  }

  #reportStorage(cause: unknown): void {
    const isKnown = cause instanceof CacheError;
    this.report(isKnown ? cause : new CacheError('ERR_CLUSTER_CACHE_STORAGE', 'The file cannot be written.', { cause }));
  }

  #announce(peer: Hello, isPresent: boolean): void {
    this.#emit('peer', { type: isPresent ? 'joined' : 'left', peer: peerOf(peer) });
    this.#chooseManager();
  }

  #onChange({ register, reason, isLocal }: Change): void {
    for (const audience of this.#audience) {
      if (!audience.hasListeners('change')) continue;
      audience.emit('change', { path: register.key, reason, origin: isLocal ? 'local' : 'remote' });
    }
  }

  #emit<Name extends keyof CacheEvents>(name: Name, ...args: CacheEvents[Name]): void {
    for (const audience of this.#audience) audience.emit(name, ...args);
  }

  #gcIntervalMs(): number {
    return Math.min(limits.timerMsMax, ...Array.from(this.#audience, ({ gcInterval }) => gcInterval));
  }

  #restartTimer(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      this.#collect();
    }, this.#gcIntervalMs());
    this.#timer.unref();
  }

  /** What the timer does: expired values become tombstones, and the manager writes what has changed. */
  #collect(): void {
    if (this.#state === 'closed') return;
    if (this.replica.sweep(limits.sweepMax)) {
      setImmediate(() => {
        this.#collect();
      }).unref();
    }
    this.commit();
    if (this.#isManager() && !this.#keeper.isSaved) this.#saveQuietly();
  }
}

function peerOf({ id, pid, threadId }: Peer): Peer {
  return { id, pid, threadId };
}
