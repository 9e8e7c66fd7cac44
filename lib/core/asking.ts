/** Asking: how far the states that a session has sent are answered. Each has a token, which counts up. */
import { compareEpochs, type Epoch } from './epoch';

export class Asking {
  readonly #base: number;
  #asked: number;
  #answered: number;
  /** Invariant: `#answered` <= `#caughtUp` <= `#asked`. */
  #caughtUp: number;
  /** The last sync that came: its epoch, and whether all that the peer then had has come as well. */
  #heard: { readonly epoch: Epoch; readonly token: number; readonly isAll: boolean } | null = null;

  /** Tokens count from `base`. What answers another session on the same link, which is over, must have others. */
  constructor(base: number) {
    this.#base = base;
    this.#asked = base;
    this.#answered = base;
    this.#caughtUp = base;
  }

  /** Token of the last state that was sent. */
  get last(): number {
    return this.#asked;
  }

  /** Whether the last one has not been answered. */
  get isOpen(): boolean {
    return this.#answered < this.#asked;
  }

  /** Whether what the peer had committed when it got the last one has not come. */
  get isCatchingUp(): boolean {
    return this.#caughtUp < this.#asked;
  }

  /** The token of a state that is about to be sent. */
  next(): number {
    return ++this.#asked;
  }

  /** All up to `token` are answered; whether that is news, and not a lie. */
  answer(token: number): boolean {
    if (token <= this.#answered || token > this.#asked) return false;
    this.#answered = token;
    return true;
  }

  /** What the peer had committed when it got the state of `token` has come; whether nothing is on its way any more. */
  catchUp(token: number): boolean {
    if (token <= this.#caughtUp || token > this.#asked) return false;
    this.#caughtUp = token;
    return !this.isCatchingUp;
  }

  /** The peer has sent what it had committed; `isAll` unless it had more to write into this epoch. */
  hear(epoch: Epoch, token: number, isAll: boolean): void {
    // Another session, before this one, had asked for less.
    if (token <= this.#base || token > this.#asked) return;
    this.#heard = { epoch, token, isAll: isAll || this.hasHeardAll(epoch) };
  }

  /** What was left then has come. */
  hearRest(token: number): void {
    if (this.#heard?.token === token) this.#heard = { ...this.#heard, isAll: true };
  }

  /** Whether all has come that the peer had to write into `epoch` when it entered it. */
  hasHeardAll(epoch: Epoch): boolean {
    return this.#heard !== null && this.#heard.isAll && compareEpochs(this.#heard.epoch, epoch) === 0;
  }

  /** The peer, as it was, is gone. */
  forget(): void {
    this.#heard = null;
  }
}
