/** A conversation of two sessions over a link that the test controls, written down as a script. */
import type { FlushAnswer } from '../../lib/core/flushes';
import type { Message } from '../../lib/core/message';
import type { Replica, ReplicaOptions } from '../../lib/core/replica';
import { Session } from '../../lib/core/session';
import { Bench } from './replicas';

export type Side = 'A' | 'B';
const otherSide = { A: 'B', B: 'A' } as const;

/** Two processes with a link between them; each may have the cache open. The script is what was delivered and seen. */
export class Talk {
  readonly bench = new Bench();
  readonly replicas: Record<Side, Replica>;
  readonly sessions: Partial<Record<Side, Session>> = {};
  readonly script: string[] = [];
  /** How many messages fit on the way to a side. */
  readonly room: Record<Side, number> = { A: Infinity, B: Infinity };
  /** How many messages to a side were not even taken. */
  readonly dropped: Record<Side, number> = { A: 0, B: 0 };
  /** Answers to flushes that the host of a side holds back. */
  readonly held: ((answer: FlushAnswer) => void)[] = [];
  isHolding = false;
  /** Whether a side is busy with another peer, and is not to ask this one until later. */
  readonly isWaiting: Record<Side, boolean> = { A: false, B: false };
  /** How often a side was told so, and how often that nothing it has asked for is on its way. */
  readonly waits: Record<Side, number> = { A: 0, B: 0 };
  readonly caughtUp: Record<Side, number> = { A: 0, B: 0 };
  /** From where on the tokens of a side's next session count. */
  readonly tokenBase: Record<Side, number> = { A: 0, B: 0 };
  /** Whether the links have no room for more than a slice of a large state at a time. */
  isBusy = false;
  readonly #paused = new Set<Session>();
  readonly #towards: Record<Side, Message[]> = { A: [], B: [] };
  readonly #hasDropped: Record<Side, boolean> = { A: false, B: false };

  constructor(options: Partial<ReplicaOptions> = {}) {
    this.replicas = { A: this.bench.create({ ...options, id: 'a' }), B: this.bench.create({ ...options, id: 'b' }) };
  }

  open(...sides: Side[]): this {
    for (const side of sides) {
      const session: Session = new Session(
        this.replicas[side],
        {
          send: (message) => this.#send(otherSide[side], message),
          onInformed: () => this.script.push(`${side}: informed`),
          isInformed: () => false,
          onAnswer: (token) => this.script.push(`${side}: answered ${token}`),
          onPresence: () => this.script.push(`${side}: peer ${session.isPresent ? 'present' : 'gone'}`),
          hasRoom: () => !this.isBusy,
          goOnLater: () => this.#paused.add(session),
          takesTurn: () => {
            if (this.isWaiting[side]) this.waits[side]++;
            return !this.isWaiting[side];
          },
          onCaughtUp: () => {
            this.caughtUp[side]++;
          },
          onEpoch: () => {
            this.script.push(`${side}: epoch ${this.replicas[side].epoch.number}`);
            session.restart(true);
          },
          onFlush: (isDurable, answer) => {
            if (isDurable && this.isHolding) this.held.push(answer);
            else answer({ kind: 'done' });
          },
        },
        { isPersistent: side === 'A', tokenBase: this.tokenBase[side] },
      );
      this.sessions[side] = session;
      session.begin();
    }
    return this;
  }

  close(side: Side): this {
    this.sessions[side]!.leave();
    delete this.sessions[side];
    return this;
  }

  set(side: Side, path: string): this {
    this.replicas[side].set(path, 1);
    const update = this.replicas[side].commit()!;
    this.sessions[side]?.push(update);
    return this;
  }

  flush(side: Side, name: string, isDurable = false): this {
    this.sessions[side]!.flush(isDurable, (outcome) => {
      this.script.push(`${side}: flush ${name} ${outcome.kind === 'failed' ? outcome.problem : outcome.kind}`);
    });
    return this;
  }

  /** Delivers what is under way to `side`, one message at a time, at most `count`. */
  deliver(side: Side, count = Infinity): this {
    for (let i = 0; i < count && this.#towards[side].length > 0; i++) {
      const message = this.#towards[side].shift()!;
      this.script.push(`${otherSide[side]} > ${side} ${describeMessage(message)}`);
      const session = this.sessions[side];
      if (session !== undefined) session.receive([message]);
      else if (message.type === 'state') this.#send(otherSide[side], { type: 'none', token: message.token });
    }
    if (this.#hasDropped[side] && this.#towards[side].length === 0) {
      this.#hasDropped[side] = false;
      this.sessions[otherSide[side]]?.restart();
    }
    return this;
  }

  /** A later turn: sessions that have paused within a large state go on. */
  goOn(): this {
    const paused = [...this.#paused];
    this.#paused.clear();
    for (const session of paused) session.goOn();
    return this;
  }

  /** Delivers until nobody has anything to say; returns what was said and seen since the last time. */
  settle(): string[] {
    while (this.#towards.A.length + this.#towards.B.length > 0) this.deliver('B', 1).deliver('A', 1);
    return this.script.splice(0);
  }

  /** Loses what is under way to `side`. */
  lose(side: Side): this {
    this.#towards[side].length = 0;
    return this;
  }

  expectSame(keys: string[]): void {
    for (const replica of [this.replicas.A, this.replicas.B]) {
      expect(Object.keys(replica.get([]) as object).sort()).toEqual(keys);
      expect(replica.gapCount).toBe(0);
    }
  }

  #send(to: Side, message: Message): boolean {
    if (this.#hasDropped[to] || this.#towards[to].length >= this.room[to]) {
      this.#hasDropped[to] = true;
      this.dropped[to]++;
      return false;
    }
    this.#towards[to].push(message);
    return true;
  }
}

function describeMessage(message: Message): string {
  switch (message.type) {
    case 'state':
      return `state ${message.token}${message.isMirrored ? ' mirrored' : ''}${message.isDeferred ? ' deferred' : ''}`;
    case 'flush':
      return `flush${message.isDurable ? ' durable' : ''} ${message.token}`;
    case 'sync':
    case 'none':
    case 'flushed':
    case 'declined':
      return `${message.type} ${message.token}`;
    default:
      return message.type;
  }
}

/** Both have the cache open and have nothing more to say. */
export function openTalk(): Talk {
  const talk = new Talk().open('A', 'B');
  talk.settle();
  return talk;
}
