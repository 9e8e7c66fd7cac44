/**
 * The office of manager of one cache, as this process sees it: who holds it, and what it asks of this process.
 *
 * The manager keeps the file copy and looks after what is left of the gone. Nobody's writes depend on it.
 */
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import type { Replica } from '../core/replica';
import { CacheError, storageError } from '../errors';
import type { FlushAnswer } from '../core/flushes';
import type { Peer } from '../events';
import { limits } from '../limits';
import type { Candidate } from '../mesh/hello';
import { mostSenior } from '../mesh/manager';
import type { Keeper } from './keeper';
import type { PeerOutcome, Peers } from './peers';

export interface OfficeOptions {
  readonly replica: Replica;
  readonly peers: Peers;
  readonly keeper: Keeper;
  /** Whether this process may hold the office. */
  readonly isPersistent: boolean;
  /** This process among its peers. */
  readonly self: () => Candidate & Peer;
  /** Commits what waits in the outbox, and tells the peers. */
  readonly commit: () => void;
  readonly onManager: (manager: Peer, isSelf: boolean) => void;
  readonly onError: (error: CacheError) => void;
}

export class Office {
  readonly #options: OfficeOptions;
  readonly #flushing = new Set<Promise<void>>();
  /** Deliveries that go on, and while there are some the look whether the document is whole. */
  #deliveries = 0;
  #poll: NodeJS.Timeout | null = null;
  /** Milliseconds for which it has not been. */
  #waitedMs = 0;
  /** Id of the process that holds the office; empty while nobody is known to. */
  #manager = '';

  constructor(options: OfficeOptions) {
    this.#options = options;
  }

  get isOurs(): boolean {
    return this.#manager === this.#options.self().id;
  }

  /** Whether the file copy is this process's to keep. */
  get keepsFile(): boolean {
    return this.#options.isPersistent && this.isOurs;
  }

  /**
   * Every process names the most senior of those that it sees, itself included: of those that may keep the
   * file, or, where there are none, of all.
   */
  choose(): void {
    const { peers, keeper, isPersistent, self: getSelf, onManager } = this.#options;
    const self = getSelf();
    const candidates: (Candidate & Peer)[] = peers.candidates();
    if (isPersistent) candidates.push(self);
    const manager = mostSenior(candidates.length > 0 ? candidates : [self, ...peers.present()]);
    if (manager?.id === this.#manager) return;
    const wasOurs = this.isOurs;
    this.#manager = manager?.id ?? '';
    if (wasOurs) keeper.leaveOffice();
    if (manager === undefined) return;
    const { id, pid, threadId } = manager;
    onManager({ id, pid, threadId }, this.isOurs);
    if (this.keepsFile) keeper.takeOffice();
  }

  /** Resolves when all peers have what was pushed, and the file has it too. Rejects as `Cache.flush` does. */
  async flush(): Promise<void> {
    const flushing = this.#flush();
    this.#flushing.add(flushing);
    try {
      await flushing;
    } finally {
      this.#flushing.delete(flushing);
    }
  }

  /** Resolves when all flushes that have begun have ended. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#flushing);
  }

  /** As `Peers.deliver`, which waits in a new epoch until the document is whole: what others do not write in time is written here. */
  async deliver(managerId: string | null): Promise<PeerOutcome[]> {
    this.#deliveries++;
    // One for all of them: there may be thousands.
    this.#poll ??= setInterval(() => {
      this.#becomeWhole();
    }, limits.wholePollMs).unref();
    try {
      return await this.#options.peers.deliver(managerId);
    } finally {
      if (--this.#deliveries === 0) {
        clearInterval(this.#poll);
        this.#waitedMs = 0;
        this.#poll = null;
      }
    }
  }

  /** Writes what others have not written in time into a new epoch, and has the flushes sent that wait for it. */
  #becomeWhole(): void {
    const { replica, commit } = this.#options;
    this.#waitedMs = replica.isWhole || replica.isTurningOver ? 0 : this.#waitedMs + limits.wholePollMs;
    try {
      if (this.#waitedMs >= limits.flushWholeWaitMs) replica.writeOrphans();
      commit();
    } catch (cause) {
      this.report(cause);
    }
  }

  async #flush(): Promise<void> {
    const { keeper, isPersistent } = this.#options;
    let [decliner, declines] = ['', 0];
    // Who the manager is can change meanwhile: then the new one is asked, who may be this process.
    for (;;) {
      const present = this.#manager;
      // It sees somebody else, whom this process does not see.
      const isForsaken = present === decliner && declines >= limits.declinesMax;
      const manager = isPersistent && !this.isOurs && !isForsaken ? present : null;
      if (manager === null) {
        // Whatever keeps a peer from answering must not keep anything from the disk.
        const saving = isPersistent ? keeper.save(() => this.#manager === present) : true;
        const [delivered, saved] = await Promise.allSettled([this.deliver(null), saving]);
        for (const end of [delivered, saved]) if (end.status === 'rejected') throw end.reason;
        if (saved.status === 'fulfilled' && saved.value) return;
        continue;
      }
      const outcomes = await this.deliver(manager);
      const outcome = outcomes.find(({ peerId }) => peerId === manager)?.outcome;
      if (outcome?.kind === 'done') return;
      if (outcome?.kind === 'failed') throw new CacheError('ERR_CLUSTER_CACHE_STORAGE', outcome.problem);
      // It is gone, or another one is the manager; but the news of that may be behind.
      if (outcome?.kind === 'declined') {
        declines = manager === decliner ? declines + 1 : 1;
        decliner = manager;
        await delay(limits.wholePollMs);
      } else await nextTurn();
    }
  }

  /**
   * A peer takes this process for the manager, and wants to know when all it has sent is on disk; `isAsking` tells
   * whether it still does.
   */
  saveFor(answer: (answer: FlushAnswer) => void, isAsking: () => boolean): void {
    if (!this.#options.isPersistent) {
      answer({ kind: 'failed', problem: 'The process that was asked keeps no file.' });
      return;
    }
    this.#saveFor(isAsking).then(
      (isSaved) => {
        answer({ kind: isSaved ? 'done' : 'declined' });
      },
      (error: unknown) => {
        // Who leaves owes no answer: the peer will ask whoever is the manager then.
        if (this.#options.keeper.isEnded) return;
        answer({ kind: 'failed', problem: error instanceof Error ? error.message : String(error) });
      },
    );
  }

  async #saveFor(isAsking: () => boolean): Promise<boolean> {
    // One of the two may be behind the news.
    for (let waitedMs = 0; !this.isOurs && waitedMs < limits.officeWaitMs; waitedMs += limits.wholePollMs) {
      await delay(limits.wholePollMs);
    }
    // Who does not have the office, or has lost it, sends the peer to who has: to write a file that is another's
    // takes it from that one, who takes it back.
    return this.isOurs && this.#options.keeper.save(() => this.isOurs && isAsking());
  }

  /** What the timer asks of whoever holds the office; of the others only that they remember who is there. */
  serve(): void {
    const { replica, peers, keeper } = this.#options;
    if (replica.isTurningOver) return;
    this.tend();
    if (!this.isOurs) return;
    if (replica.needsEpoch(peers.count)) this.#beginEpoch();
    if (this.keepsFile) void keeper.maintain();
  }

  /** Looks after what is left of the gone, as the manager does; not before it has the files, or while it reads them. */
  tend(): void {
    const { replica, peers, keeper } = this.#options;
    // What is added to a segment map after it was deleted is gone.
    const mayAdopt = this.isOurs && (keeper.hasRead || !this.keepsFile);
    replica.tend(peers.replicaIds(), mayAdopt, peers.heardReplicaIds());
  }

  /** An error that nobody waits for. */
  report(cause: unknown): void {
    this.#options.onError(storageError(cause));
  }

  #beginEpoch(): void {
    const { replica, peers, commit } = this.#options;
    replica.beginEpoch();
    peers.restartAll();
    commit();
  }
}
