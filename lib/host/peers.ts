/**
 * The peers of one open cache: a session per link, and what is asked of all of them at once.
 */
import type { Message } from '../core/message';
import type { Replica } from '../core/replica';
import type { FlushAnswer, FlushOutcome } from '../core/flushes';
import { Session } from '../core/session';
import { CacheError } from '../errors';
import { limits } from '../limits';
import type { Candidate, Hello } from '../mesh/hello';
import type { Link } from '../mesh/link';
import { CatchUp } from './catch-up';
import { Informants } from './informants';
import { turn } from './turn';
import { settleAll, settlesWithin, Waits, type Wait } from './waits';

/** Sessions of this process so far: what is still under way to one that is over must not answer the next on its link. */
let sessionCount = 0;
const TOKENS_PER_SESSION = 2 ** 20;

export interface PeersOptions {
  readonly replica: Replica;
  /** Whether this process may keep the file copy. */
  readonly isPersistent: boolean;
  /** Queues a message; false if it was dropped. */
  readonly send: (link: Link, message: Message) => boolean;
  /** A peer has opened the cache, or closed it, or is gone. */
  readonly onPresence: (peer: Hello, isPresent: boolean) => void;
  /** A peer wants to know when all it sent is on disk. `isAsking` tells whether it still does. */
  readonly onSave: (answer: (answer: FlushAnswer) => void, isAsking: () => boolean) => void;
  /** Whether this process knows all of that. */
  readonly isInformed: () => boolean;
  readonly onError: (error: CacheError) => void;
}

/** What came of a flush at one peer. */
export interface PeerOutcome {
  readonly peerId: string;
  readonly outcome: FlushOutcome;
}

/** What went over the links of one cache. */
export interface Traffic {
  readonly updates: { readonly in: number; readonly out: number };
  readonly bytesOnLinks: { readonly in: number; readonly out: number };
  readonly syncs: number;
}

export class Peers {
  readonly #options: PeersOptions;
  readonly #sessions = new Map<Link, Session>();
  readonly #catchUp: CatchUp;
  /** Whether they have told what is on disk. */
  readonly informants = new Informants<Link>();
  /** Merges that wait for the answer to a state. */
  readonly #waits = new Waits<Link>();
  /** Those that have sent entries which were refused; it is told of once for each. */
  readonly #refused = new WeakSet<Link>();
  readonly #updates = { in: 0, out: 0 };
  readonly #bytes = { in: 0, out: 0 };
  #syncs = 0;
  /** Peers that have gone while they owed an answer. */
  #losses = 0;
  /** Until when slices of states may go out in this turn of the event loop. */
  #turnEnd = 0;

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#catchUp = new CatchUp((link) => {
      this.#ask(link);
    });
  }

  /** Begins a session. What waits in the outbox must have been committed: a state vector tells of nothing else. */
  add(link: Link): void {
    const { peer } = link;
    if (this.#sessions.has(link) || peer === undefined) return;
    const { replica, isPersistent, send, onPresence, onSave, isInformed } = this.#options;
    const session: Session = new Session(
      replica,
      {
        send: (message) => {
          const isSent = send(link, message);
          if (isSent) this.#count(message, 'out');
          return isSent;
        },
        onAnswer: (token) => {
          this.#waits.end(link, token);
        },
        onCaughtUp: () => {
          this.#catchUp.noteCaughtUp(link);
        },
        onInformed: (token) => {
          this.informants.note(link, token);
        },
        isInformed,
        onPresence: () => {
          onPresence(peer, session.isPresent);
        },
        hasRoom: () => !link.isBusy && performance.now() < this.#turnEnd,
        goOnLater: () => {
          this.#goOnLater(link);
        },
        takesTurn: () => this.#catchUp.takesTurn(link),
        onEpoch: () => {
          this.restartAll();
        },
        onFlush: (isDurable, answer) => {
          if (isDurable) onSave(answer, () => session.isPresent);
          else answer({ kind: 'done' });
        },
      },
      { isPersistent, tokenBase: sessionCount++ * TOKENS_PER_SESSION },
    );
    this.#sessions.set(link, session);
    session.begin();
  }

  remove(link: Link): void {
    const session = this.#sessions.get(link);
    if (session === undefined) return;
    const isOwing = this.#owesAnswer(link, session);
    this.#sessions.delete(link);
    // Before the others are asked in its place: so each is asked once.
    if (isOwing) this.#noteLoss();
    session.end();
    this.#waits.end(link, Infinity);
    this.#catchUp.remove(link);
  }

  /** Takes in messages of one read; false if there is no session with the peer. Throws as the session does. */
  receive(link: Link, messages: readonly Message[]): boolean {
    const session = this.#sessions.get(link);
    if (session === undefined) return false;
    for (const message of messages) this.#count(message, 'in');
    if (session.asking.isCatchingUp) {
      this.#catchUp.noteMessages(link);
      this.#waits.noteMove(link);
    }
    this.#turnEnd = turn.share('state');
    const refused = this.#options.replica.refused;
    if (this.#owesAnswer(link, session) && messages.some(({ type }) => type === 'leave')) this.#noteLoss(link);
    session.receive(messages);
    if (this.#options.replica.refused > refused) this.#reportRefusal(link);
    return true;
  }

  /** The link has drained after messages were dropped. */
  restart(link: Link): void {
    this.#sessions.get(link)?.restart();
  }

  /** The replica has entered another epoch. */
  restartAll(): void {
    for (const session of this.#sessions.values()) session.restart(true);
  }

  push(update: Uint8Array): void {
    for (const session of this.#sessions.values()) session.push(update);
  }

  compare(): void {
    for (const session of this.#sessions.values()) session.compare();
  }

  /** All that this process has is written and pushed. */
  complete(): void {
    for (const session of this.#sessions.values()) session.complete();
  }

  /** The replicas of the peers that have the cache open. */
  replicaIds(): Set<string> {
    return new Set(Array.from(this.#sessions.values(), (session) => session.peerReplicaId));
  }

  /** Those of them that have told all that they had to write into this epoch. */
  heardReplicaIds(): Set<string> {
    return new Set([...this.#sessions.values()].filter(({ hasHeardAll }) => hasHeardAll).map(({ peerReplicaId }) => peerReplicaId));
  }

  /** Leaves every peer. */
  leave(): void {
    this.#catchUp.stop();
    for (const session of this.#sessions.values()) session.leave();
    this.#sessions.clear();
    this.#waits.endAll();
  }

  /** How many peers have the cache open. */
  get count(): number {
    let count = 0;
    for (const session of this.#sessions.values()) if (session.isPresent) count++;
    return count;
  }

  /** Updates and their bytes that went each way since the cache was opened, and syncs, which both ways have. */
  traffic(): Traffic {
    return { updates: { ...this.#updates }, bytesOnLinks: { ...this.#bytes }, syncs: this.#syncs };
  }

  /** Peers that have the cache open. */
  present(): (Candidate & Hello)[] {
    return [...this.#sessions].filter(([, session]) => session.isPresent).map(([link]) => link.peer!);
  }

  /** Peers that may keep the file copy. */
  candidates(): (Candidate & Hello)[] {
    return [...this.#sessions].filter(([, session]) => session.isPersistent).map(([link]) => link.peer!);
  }

  /**
   * Resolves when what every peer has at this moment is merged. Who has sent nothing of it for a while is unreachable,
   * and so is who has sent all that it had committed, but goes on writing without ever being done.
   */
  async merge(): Promise<void> {
    const links = [...this.#sessions.keys()];
    const waits = links.map((link) => this.#waits.add(link, Infinity));
    for (const link of links) if (this.#catchUp.takesTurn(link)) this.#ask(link);
    await this.#settle(waits);
    // Who was loading its file and has opened the cache meanwhile has been asked, or will be.
    await this.answers(links.filter((_, i) => !waits[i]!.isOver));
  }

  /** Resolves, as `merge` does, when all have answered who were asked, or are to be, before; but for some. */
  async answers(passedOver: readonly Link[] = []): Promise<void> {
    for (let losses = -1; losses !== this.#losses; ) {
      losses = this.#losses;
      const asked = [...this.#sessions].filter(([link, session]) => this.#owesAnswer(link, session) && !passedOver.includes(link));
      await this.#settle(asked.map(([link, session]) => this.#waits.add(link, this.#catchUp.isWaiting(link) ? Infinity : session.asking.last)));
    }
  }

  /**
   * Asks all who have answered, or are about to, once more: somebody may be gone whom nobody can ask any more, and what
   * others had from that one may have come to them after they had given their answers. These no longer count as informed.
   */
  askAgain(leaving?: Link): void {
    this.informants.noteLoss(this.#tokens());
    for (const [link, session] of this.#sessions) {
      if (link !== leaving && (session.isPresent || session.asking.isOpen)) this.#catchUp.askAgain(link);
    }
  }

  /**
   * Resolves when every peer has merged what was pushed before, and peer `managerId` has it on disk.
   * Rejects with ERR_CLUSTER_CACHE_TIMEOUT if one does not answer.
   */
  async deliver(managerId: string | null): Promise<PeerOutcome[]> {
    const outcomes = [...this.#sessions].map(
      ([link, session]) =>
        new Promise<PeerOutcome>((resolve) => {
          session.flush(link.id === managerId, (outcome) => {
            resolve({ peerId: link.id, outcome });
          });
        }),
    );
    const all = Promise.all(outcomes);
    if (await settlesWithin(limits.flushWaitMs, all)) return all;
    throw new CacheError(
      'ERR_CLUSTER_CACHE_TIMEOUT',
      `A connected process has not confirmed within ${limits.flushWaitMs} ms that it has what was set.`,
    );
  }

  #owesAnswer(link: Link, session: Session): boolean {
    return session.asking.isOpen || this.#catchUp.isWaiting(link);
  }

  async #settle(waits: readonly Wait[]): Promise<void> {
    await settleAll(waits);
    // As good as lost.
    if (!waits.every(({ isOver }) => isOver)) this.informants.noteLoss(this.#tokens());
  }

  /** Of the last states that were sent. */
  #tokens(): (readonly [Link, number])[] {
    return Array.from(this.#sessions, ([link, session]) => [link, session.asking.last] as const);
  }

  /** A peer has gone, or goes now, and owes an answer. Where somebody waits for answers, the others are asked again. */
  #noteLoss(leaving?: Link): void {
    this.#losses++;
    if (this.#waits.isEmpty) this.informants.noteLoss(this.#tokens());
    else this.askAgain(leaving);
  }

  /** A large state goes out bit by bit, as fast as this process and the peer can do without holding up others. */
  #goOnLater(link: Link): void {
    const goOn = (): void => {
      this.#turnEnd = turn.share('state');
      const session = this.#sessions.get(link);
      if (link.isBusy && session?.isPresent === true) this.#goOnLater(link);
      else session?.goOn();
    };
    if (link.isBusy) setTimeout(goOn, limits.busyPollMs);
    else setImmediate(goOn);
  }

  #ask(link: Link): void {
    const token = this.#sessions.get(link)?.ask();
    if (token !== undefined) this.#waits.setToken(link, token);
  }

  #reportRefusal(link: Link): void {
    if (this.#refused.has(link)) return;
    this.#refused.add(link);
    this.#options.onError(
      new CacheError(
        'ERR_CLUSTER_CACHE_UPDATE',
        `Process ${link.peer?.pid ?? 0} sent entries that are passed over: they are none, or more than a day ahead of the clock.`,
      ),
    );
  }

  #count(message: Message, way: 'in' | 'out'): void {
    if (message.type !== 'update' && message.type !== 'sync') return;
    if (message.type === 'sync') this.#syncs++;
    else this.#updates[way]++;
    this.#bytes[way] += message.update.length;
  }
}
