/** How far the states that a session has sent are answered. Each has a token, which counts up. */
export class Asking {
  #asked = 0;
  #answered = 0;
  /** Invariant: `#answered` <= `#caughtUp` <= `#asked`. */
  #caughtUp = 0;

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
}
