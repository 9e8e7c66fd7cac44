/**
 * The flushes that one replica has asked of a peer, and that the peer has not answered.
 *
 * The first that goes out in an epoch asks for more than what this replica has to say in it: what it had set before may
 * have lost to what a third one writes into the new epoch. So it waits until all of that is known here, and tells what the
 * peer must have. Once is enough: a peer that lacks it answers nothing before it has been sent all that is here.
 */
import { compareEpochs, type Epoch } from './epoch';
import type { DeclinedMessage, FlushedMessage, FlushMessage } from './message';
import type { Replica } from './replica';

/** What a peer answers to a flush: it has done it, it could not and says why, or somebody else is to be asked. */
export type FlushAnswer =
  { readonly kind: 'done' } | { readonly kind: 'failed'; readonly problem: string } | { readonly kind: 'declined' };

/** What came of a flush: what the peer has answered, or it is gone. */
export type FlushOutcome = FlushAnswer | { readonly kind: 'gone' };

interface PendingFlush {
  readonly isDurable: boolean;
  readonly onOutcome: (outcome: FlushOutcome) => void;
}

const NO_VECTOR = new Uint8Array();

export class Flushes {
  readonly #replica: Pick<Replica, 'epoch' | 'isWhole' | 'stateVector'>;
  /** By token. */
  readonly #pending = new Map<number, PendingFlush>();
  /** Those of them that the peer has not been sent since its last state. */
  readonly #unsent = new Set<number>();
  /** The epoch in which the peer was last told what it must have. */
  #toldIn: Epoch | null = null;
  #lastToken = 0;

  constructor(replica: Pick<Replica, 'epoch' | 'isWhole' | 'stateVector'>) {
    this.#replica = replica;
  }

  add(isDurable: boolean, onOutcome: (outcome: FlushOutcome) => void): void {
    const token = ++this.#lastToken;
    this.#pending.set(token, { isDurable, onOutcome });
    this.#unsent.add(token);
  }

  /** What was sent before may have been dropped. */
  resend(): void {
    for (const token of this.#pending.keys()) this.#unsent.add(token);
  }

  /** Sends what is unsent, once it may; `send` returns false for what was dropped, and then no more is sent. */
  send(send: (message: FlushMessage) => boolean): void {
    const { epoch } = this.#replica;
    for (const token of this.#unsent) {
      const isFirst = this.#toldIn === null || compareEpochs(this.#toldIn, epoch) !== 0;
      if (isFirst && !this.#replica.isWhole) return;
      this.#unsent.delete(token);
      const pending = this.#pending.get(token);
      if (pending === undefined) continue;
      this.#toldIn = epoch;
      if (!send({ type: 'flush', token, isDurable: pending.isDurable, vector: isFirst ? this.#replica.stateVector() : NO_VECTOR })) return;
    }
  }

  /** The peer has answered. */
  settle(message: FlushedMessage | DeclinedMessage): void {
    const pending = this.#pending.get(message.token);
    this.#pending.delete(message.token);
    pending?.onOutcome(answerOf(message));
  }

  /** The peer is gone. */
  abandon(): void {
    const abandoned = [...this.#pending.values()];
    this.#pending.clear();
    this.#unsent.clear();
    for (const { onOutcome } of abandoned) onOutcome({ kind: 'gone' });
  }
}

/** The message that says `answer` to the flush with `token`. */
export function flushedMessage(token: number, answer: FlushAnswer): FlushedMessage | DeclinedMessage {
  if (answer.kind === 'declined') return { type: 'declined', token };
  return { type: 'flushed', token, problem: answer.kind === 'done' ? '' : answer.problem };
}

function answerOf(message: FlushedMessage | DeclinedMessage): FlushAnswer {
  if (message.type === 'declined') return { kind: 'declined' };
  return message.problem === '' ? { kind: 'done' } : { kind: 'failed', problem: message.problem };
}
