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
import { startPatience } from '../mesh/patience';
import { CatchUp } from './catch-up';

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

/** For the answer to a state. */
interface Wait {
  /** Of the state; Infinity until that is sent. */
  token: number;
  /** Some of what it waits for has come since this was last looked at. */
  hasMoved: boolean;
  isOver: boolean;
  readonly over: Promise<void>;
  readonly end: () => void;
}

export class Peers {
  readonly #options: PeersOptions;
  readonly #sessions = new Map<Link, Session>();
  readonly #catchUp: CatchUp;
  /** Merges that wait for the answer to a state. */
  readonly #waits = new Map<Link, Wait[]>();
  /** Those that have sent entries which were refused; it is told of once for each. */
  readonly #refused = new WeakSet<Link>();
  readonly #updates = { in: 0, out: 0 };
  readonly #bytes = { in: 0, out: 0 };
  #syncs = 0;
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
    const { replica, isPersistent, send, onPresence, onSave } = this.#options;
    const session: Session = new Session(
      replica,
      {
        send: (message) => {
          const isSent = send(link, message);
          if (isSent) this.#count(message, 'out');
          return isSent;
        },
        onAnswer: (token) => {
          this.#answer(link, token);
        },
        onCaughtUp: () => {
          this.#catchUp.noteCaughtUp(link);
        },
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
    this.#sessions.delete(link);
    session?.end();
    this.#answer(link, Infinity);
    this.#catchUp.remove(link);
  }

  /** Takes in messages of one read; false if there is no session with the peer. Throws as the session does. */
  receive(link: Link, messages: readonly Message[]): boolean {
    const session = this.#sessions.get(link);
    if (session === undefined) return false;
    for (const message of messages) this.#count(message, 'in');
    if (session.asking.isCatchingUp) {
      this.#catchUp.noteMessages(link);
      for (const wait of this.#waits.get(link) ?? []) wait.hasMoved = true;
    }
    this.#turnEnd = performance.now() + limits.turnMs;
    const refused = this.#options.replica.refused;
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
    for (const link of [...this.#waits.keys()]) this.#answer(link, Infinity);
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
    const waits = links.map((link) => this.#waitFor(link, Infinity));
    for (const link of links) if (this.#catchUp.takesTurn(link)) this.#ask(link);
    await settleAll(waits);
    // Who was loading its file and has opened the cache meanwhile has been asked, or will be.
    await this.answers(links.filter((_, i) => !waits[i]!.isOver));
  }

  /** Resolves, as `merge` does, when all have answered who were asked, or are to be, before; but for some. */
  async answers(passedOver: readonly Link[] = []): Promise<void> {
    const isOpen = (link: Link, session: Session): boolean => session.asking.isOpen || this.#catchUp.isWaiting(link);
    const asked = [...this.#sessions].filter(([link, session]) => isOpen(link, session) && !passedOver.includes(link));
    await settleAll(asked.map(([link, session]) => this.#waitFor(link, this.#catchUp.isWaiting(link) ? Infinity : session.asking.last)));
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

  /** A large state goes out bit by bit, as fast as this process and the peer can do without holding up others. */
  #goOnLater(link: Link): void {
    const goOn = (): void => {
      this.#turnEnd = performance.now() + limits.turnMs;
      const session = this.#sessions.get(link);
      if (link.isBusy && session?.isPresent === true) this.#goOnLater(link);
      else session?.goOn();
    };
    if (link.isBusy) setTimeout(goOn, limits.busyPollMs);
    else setImmediate(goOn);
  }

  /** Waits for the answer to the state of that token, or, for Infinity, to the next one. */
  #waitFor(link: Link, token: number): Wait {
    let end: () => void = () => undefined;
    const over = new Promise<void>((resolve) => (end = resolve));
    const wait: Wait = { token, hasMoved: false, isOver: false, over, end };
    const waiting = this.#waits.get(link);
    if (waiting === undefined) this.#waits.set(link, [wait]);
    else waiting.push(wait);
    return wait;
  }

  #ask(link: Link): void {
    const token = this.#sessions.get(link)?.ask();
    if (token === undefined) return;
    for (const wait of this.#waits.get(link) ?? []) wait.token = Math.min(wait.token, token);
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

  #answer(link: Link, token: number): void {
    const waiting = this.#waits.get(link);
    if (waiting === undefined) return;
    const left = waiting.filter((wait) => wait.token > token);
    if (left.length === 0) this.#waits.delete(link);
    else this.#waits.set(link, left);
    for (const wait of waiting) {
      if (wait.token > token) continue;
      wait.isOver = true;
      wait.end();
    }
  }
}

/** Resolves when all are over, or for a while nothing has come of what those that are not wait for. */
async function settleAll(waits: readonly Wait[]): Promise<void> {
  await settlesWithin(limits.answerWaitMs, Promise.all(waits.map(({ over }) => over)), () => {
    const hasMoved = waits.some((wait) => wait.hasMoved && !wait.isOver);
    for (const wait of waits) wait.hasMoved = false;
    return hasMoved;
  });
}

/** Whether `promise`, which never rejects, settles within `ms` of this process's running time, or of the last move. */
function settlesWithin(ms: number, promise: Promise<unknown>, hasMoved?: () => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const giveUp = (): void => {
      resolve(false);
    };
    const cancel = startPatience(ms, giveUp, hasMoved);
    void promise.then(() => {
      cancel();
      resolve(true);
    });
  });
}
