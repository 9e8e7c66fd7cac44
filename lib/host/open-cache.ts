/**
 * An open cache: one cache as this process has it, shared by all `Cache` objects of its name and directory.
 *
 * It wires the replica to peers, file and timer. The host gives it links and turns, an audience of `Cache` objects calls.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Message } from '../core/message';
import type { Change } from '../core/change';
import { Replica } from '../core/replica';
import { CacheError } from '../errors';
import type { CacheEvents } from '../events';
import { limits } from '../limits';
import type { Hello } from '../mesh/hello';
import type { Link } from '../mesh/link';
import type { CacheStats } from '../stats';
import { Collector } from './collector';
import { Commits } from './commits';
import { Intake } from './intake';
import { Keeper } from './keeper';
import { Office } from './office';
import { Peers } from './peers';
import type { Audience, OpenCacheHost, OpenCacheOptions } from './ports';

export class OpenCache {
  readonly options: OpenCacheOptions;
  readonly replica: Replica;
  readonly #host: OpenCacheHost;
  readonly #keeper: Keeper;
  readonly #peers: Peers;
  readonly #office: Office;
  readonly #collector: Collector;
  readonly #commits: Commits;
  readonly #audience = new Set<Audience>();
  readonly #starting: Promise<void>;
  /** loading: the file is read; merging: those found at first are asked; open; closed. */
  #state: 'loading' | 'merging' | 'open' | 'closed' = 'loading';
  #isCommitScheduled = false;
  /** Whether this process has learned all that was confirmed to be on disk before it had opened the cache. */
  #isInformed = false;
  /** Writes made here. */
  #writes = 0;
  /** How many of them a flush has seen to. */
  #flushedWrites = 0;
  #wasFlushedAtExit = false;
  #gcIntervalMs: number = limits.timerMsMax;

  constructor(options: OpenCacheOptions, host: OpenCacheHost) {
    this.options = options;
    this.#host = host;
    const commit = (): void => this.commit();
    const onError = (error: CacheError): void => this.report(error);
    const isManager = (): boolean => this.#office.isOurs;
    const onTurnedOver = (): void => this.#office.tend();
    this.replica = new Replica({
      id: host.nextId(),
      now: Date.now,
      nextClientId: host.nextClientId,
      maxEntries: options.maxEntries,
      maxBytes: options.maxBytes,
      retentionMs: () => this.#gcIntervalMs,
      onChange: (change) => this.#onChange(change),
      onUpdate: (update) => this.#keeper.record(update),
      isCopied: () => this.#keeper.isCopying,
    });
    this.#peers = new Peers({
      replica: this.replica,
      isPersistent: options.isPersistent,
      send: (link, message) => host.send(link, options.name, message),
      onPresence: (peer, isPresent) => this.#announce(peer, isPresent),
      onSave: (answer, isAsking) => this.#office.saveFor(answer, isAsking),
      isInformed: () => this.#state === 'open' && this.#isInformed && this.replica.isWhole,
      onError,
    });
    this.#keeper = new Keeper({
      replica: this.replica,
      intake: new Intake({ replica: this.replica, peers: this.#peers, commit, onError }),
      filename: options.filename,
      durability: options.durability,
      commit,
      onError,
    });
    this.#office = new Office({
      replica: this.replica,
      peers: this.#peers,
      keeper: this.#keeper,
      isPersistent: options.isPersistent,
      self: () => host.self(),
      commit,
      onManager: (manager, isSelf) => {
        this.#emit('manager', { manager, isSelf });
      },
      onError,
    });
    this.#commits = new Commits({ replica: this.replica, peers: this.#peers, isManager, onTurnedOver, onError });
    this.#collector = new Collector({
      replica: this.replica,
      serve: () => {
        if (this.#state === 'open') this.#office.serve();
      },
      commit,
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
    this.#restartCollector();
  }

  /** Detaches `audience`, unless it is the last; says whether it was detached. */
  detachUnlessLast(audience: Audience): boolean {
    if (this.#audience.size === 1) return false;
    this.#audience.delete(audience);
    this.#restartCollector();
    return true;
  }

  /** Something waits in the outbox. */
  touch(): void {
    this.#writes++;
    this.#wasFlushedAtExit = false;
    this.#scheduleCommit();
  }

  /** Moves what waits in the outbox into the document and out to the peers; what is too much, in later turns. */
  commit(): void {
    this.#isCommitScheduled = false;
    if (this.#commits.run()) this.#scheduleCommit();
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
    await this.#learn(this.#peers.informants.mark, () => this.#peers.merge());
    this.#emit('sync');
  }

  /**
   * Resolves when what was set before is with every connected process and on disk. Rejects with the reason
   * if it is not on disk, or with ERR_CLUSTER_CACHE_TIMEOUT if a connected process does not answer.
   */
  async flush(): Promise<void> {
    await this.#starting;
    const writes = this.#writes;
    await this.#commitAll();
    await this.#office.flush();
    this.#flushedWrites = Math.max(this.#flushedWrites, writes);
  }

  /** Resolves when all flushes that have begun have ended. */
  settle(): Promise<void> {
    return this.#office.settle();
  }

  /** Whether a flush at the end of the process would save something, and was not tried. */
  get needsFlush(): boolean {
    return !this.#wasFlushedAtExit && (this.#flushedWrites < this.#writes || (this.#office.keepsFile && !this.#keeper.isSaved));
  }

  /** Flushes once, since the process ends by itself; a failure is an event. Never rejects. */
  async flushAtExit(): Promise<void> {
    // Once: if it fails, the process must end nevertheless.
    this.#wasFlushedAtExit = true;
    try {
      await this.flush();
    } catch (error) {
      this.#office.report(error);
    }
  }

  /** The last word of a process that ends without closing: what was written goes out; synchronous. */
  commitSync(): void {
    if (this.#state === 'closed') return;
    do this.commit();
    while (this.replica.hasUnwritten);
  }

  /** What may be nowhere else goes to disk, since the others may be exiting, too; synchronous. Throws what the disk throws. */
  saveSync(): void {
    if (this.#state === 'closed' || !this.options.isPersistent) return;
    if (this.#flushedWrites < this.#writes || this.#office.isOurs) this.#keeper.saveSync();
  }

  /** Empties the cache in every process and removes the file. Rejects as `flush` does. */
  async clear(): Promise<void> {
    await this.#starting;
    await this.settle();
    this.replica.delete([]);
    await this.#commitAll();
    try {
      await this.#office.deliver(null);
    } finally {
      if (this.options.isPersistent) await this.#keeper.remove();
    }
  }

  /** Leaves the peers; resolves when nothing is written any more, and nothing can be done with it afterwards. */
  async end(): Promise<void> {
    // From now on it takes no office: what it would save, others have.
    this.#state = 'closed';
    this.#collector.stop();
    // What others have yet to write into a new epoch may be known to nobody else.
    this.replica.writeOrphans();
    do this.commit();
    while (this.replica.hasUnwritten);
    await this.#keeper.end();
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
    this.chooseManager();
  }

  /** Takes in messages of one read; false if this cache is not yet, or no longer, open to the peer. */
  receive(link: Link, messages: readonly Message[]): boolean {
    if (this.#state === 'closed') return false;
    const { epoch } = this.replica;
    try {
      return this.#peers.receive(link, messages);
    } catch (cause) {
      link.close(new CacheError('ERR_CLUSTER_CACHE_UPDATE', 'A peer sent what cannot be taken in.', { cause }));
      return true;
    } finally {
      // What has come may be too much, or a new epoch, or have taken what is ours: all for the end of this turn.
      if (this.replica.isOverLimits || this.replica.hasUnwritten || this.replica.epoch !== epoch) this.#scheduleCommit();
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

  /** Figures of this moment, and counts since it was opened; the reads are counted by their callers. */
  stats(): Omit<CacheStats, 'hits' | 'misses'> {
    const { live, bytes, tombstones, entries, structs, segments, clients } = this.replica.census();
    const winners = live + tombstones;
    return {
      entries: live,
      bytes,
      registers: { live: winners, dead: Math.max(0, entries - winners) },
      segments,
      tombstones,
      structs,
      clients,
      epoch: this.replica.epoch.number,
      peers: this.#peers.count,
      manager: this.#office.isOurs,
      ...this.#peers.traffic(),
      evictions: this.#commits.evictions,
    };
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
    // Some may have answered already, and somebody may have gone since who could not be linked any more.
    this.#peers.askAgain();
    await this.#learn(0, () => this.#peers.answers());
    this.#state = 'open';
    this.chooseManager();
    if (this.#host.isJoined()) this.#emit('sync');
  }

  /** Merges what the peers have. Reads the files again if since `mark` none has answered who knows what is in them. */
  async #learn(mark: number, merge: () => Promise<void>): Promise<void> {
    await merge();
    let isInformed = this.#peers.informants.isInformedSince(mark);
    if (!isInformed && this.options.isPersistent && this.#state !== 'closed') isInformed = await this.#keeper.refresh();
    this.#isInformed ||= isInformed;
  }

  async #commitAll(): Promise<void> {
    do this.commit();
    while (this.replica.hasUnwritten && (await nextTurn(true)));
  }

  #scheduleCommit(): void {
    if (this.#isCommitScheduled || this.#state === 'closed') return;
    this.#isCommitScheduled = true;
    this.#host.scheduleCommit(this);
  }

  #addLinks(): void {
    for (const link of this.#host.links.values()) this.addLink(link);
  }

  /** Who is there, or how senior, has changed. */
  chooseManager(): void {
    // Not while who is there is still being found out.
    if (this.#state === 'open') this.#office.choose();
  }

  #announce({ id, pid, threadId }: Hello, isPresent: boolean): void {
    this.#emit('peer', { type: isPresent ? 'joined' : 'left', peer: { id, pid, threadId } });
    this.chooseManager();
  }

  #onChange({ register, reason, isLocal }: Change): void {
    const event = { path: register.key, reason, origin: isLocal ? 'local' : 'remote' } as const;
    for (const audience of this.#audience) if (audience.hasListeners('change')) audience.emit('change', event);
  }

  #emit<Name extends keyof CacheEvents>(name: Name, ...args: CacheEvents[Name]): void {
    for (const audience of this.#audience) audience.emit(name, ...args);
  }

  /** The shortest interval that is asked for counts. */
  #restartCollector(): void {
    this.#gcIntervalMs = Math.min(limits.timerMsMax, ...Array.from(this.#audience, ({ gcInterval }) => gcInterval));
    this.#collector.start(this.#gcIntervalMs);
  }
}
