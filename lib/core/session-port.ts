/** The port of a session: what it asks of its owner, who has the link and knows of the other sessions. */
import type { FlushAnswer } from './flushes';
import type { Message } from './message';

export interface SessionPort {
  /** Queues a message for the peer; false if it was dropped, as all others are until `restart`. */
  readonly send: (message: Message) => boolean;
  /** All states up to `token` have been answered: what the peer had when they were sent is merged. */
  readonly onAnswer: (token: number) => void;
  /** The peer has answered the state of that token in full, and knew all that was confirmed to be on disk. */
  readonly onInformed: (token: number) => void;
  /** Whether this process does. */
  readonly isInformed: () => boolean;
  /** The peer opened or closed the cache. */
  readonly onPresence: () => void;
  /** Whether a slice of a large state may go out now, or rather in a later turn. */
  readonly hasRoom: () => boolean;
  /** Has `goOn` called in a later turn: more of a large state is to go out. */
  readonly goOnLater: () => void;
  /** Whether the peer may be asked at once for what it has. If not, `ask` is called once it may. */
  readonly takesTurn: () => boolean;
  /** What the peer had committed when it got the last state that was sent is here, or will not come. */
  readonly onCaughtUp: () => void;
  /** The replica has entered another epoch: all its sessions, this one included, must restart in it. */
  readonly onEpoch: () => void;
  /**
   * The peer wants to know when all that it sent before is merged, which it is now, and, if `isDurable`, on
   * disk.
   */
  readonly onFlush: (isDurable: boolean, answer: (answer: FlushAnswer) => void) => void;
}
