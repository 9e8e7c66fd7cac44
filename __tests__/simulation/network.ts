/**
 * The network of the simulation: FIFO links between nodes that break, come back, and drop what does not fit.
 *
 * Messages cross it as bytes, so that their encoding takes part.
 */
import { decodeEnvelope, encodeEnvelope, type Message } from '../../lib/core/message';
import { Session } from '../../lib/core/session';
import type { Replica } from '../../lib/core/replica';

const CACHE = 'simulated';

/** One direction of a link, and what its sender knows of the other side. */
export class Endpoint {
  readonly session: Session;
  readonly #queue: { readonly bytes: Uint8Array; readonly sentAt: number }[] = [];
  readonly #queueMax: number;
  #hasDropped = false;
  /** Since when the next slice of a state waits for its turn. */
  #goOnSince: number | null = null;
  /** Since when the session has waited for its turn to ask. */
  #askSince: number | null = null;

  /** `isTurn` is asked whether the session may ask its peer at once, or when it is next looked after. */
  constructor(replica: Replica, queueMax: number, clock: () => number, isTurn: () => boolean, onEpoch: () => void) {
    this.#queueMax = queueMax;
    this.session = new Session(
      replica,
      {
        send: (message) => {
          if (this.#hasDropped || this.#queue.length >= this.#queueMax) {
            this.#hasDropped = true;
            return false;
          }
          this.#queue.push({ bytes: encodeEnvelope({ cache: CACHE, message }), sentAt: clock() });
          return true;
        },
        onInformed: () => undefined,
        isInformed: () => true,
        onAnswer: () => undefined,
        onPresence: () => undefined,
        hasRoom: () => false,
        goOnLater: () => (this.#goOnSince = clock()),
        onCaughtUp: () => undefined,
        takesTurn: () => {
          const isNow = isTurn();
          if (!isNow) this.#askSince ??= clock();
          return isNow;
        },
        onEpoch,
        onFlush: (_isDurable, answer) => answer({ kind: 'done' }),
      },
      { tokenBase: 0, isPersistent: true },
    );
  }

  get pending(): number {
    return this.#queue.length + (this.#goOnSince === null ? 0 : 1) + (this.#askSince === null ? 0 : 1);
  }

  /** When the oldest message that waits was sent, or Infinity. */
  get oldest(): number {
    return Math.min(this.#queue[0]?.sentAt ?? Infinity, this.#goOnSince ?? Infinity, this.#askSince ?? Infinity);
  }

  /** Takes up to `countMax` messages off the link, to which the next slice of a state is added; once it has drained after a drop, the session starts anew. */
  take(countMax: number): Message[] {
    if (this.#goOnSince !== null) {
      this.#goOnSince = null;
      this.session.goOn();
    }
    if (this.#askSince !== null) {
      this.#askSince = null;
      this.session.ask();
    }
    const messages = this.#queue.splice(0, countMax).map(({ bytes }) => decodeEnvelope(bytes).message);
    if (this.#hasDropped && this.#queue.length === 0) {
      this.#hasDropped = false;
      this.session.restart();
    }
    return messages;
  }
}

/** Both directions between two nodes; `towards[i]` holds what goes to the i-th of them. */
export interface Link {
  /** The two nodes, by index. */
  readonly ends: readonly [number, number];
  readonly towards: readonly [Endpoint, Endpoint];
}

/** Connects two replicas; what goes to the second is sent by the first. `onEpoch` hears which of them entered one. */
export function connect(
  ends: readonly [number, number],
  [first, second]: readonly [Replica, Replica],
  queueMax: number,
  clock: () => number,
  isTurn: () => boolean,
  onEpoch: (side: 0 | 1) => void,
): Link {
  const toFirst = new Endpoint(second, queueMax, clock, isTurn, () => onEpoch(1));
  const toSecond = new Endpoint(first, queueMax, clock, isTurn, () => onEpoch(0));
  toFirst.session.begin();
  toSecond.session.begin();
  return { ends, towards: [toFirst, toSecond] };
}
