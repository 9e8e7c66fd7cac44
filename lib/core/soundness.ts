/**
 * Soundness: whether a flush of the peer may be confirmed. Not after something that it sent was passed over, before it has
 * answered again; nor after something that it sent is dead here, since its owner was taken for gone, before it has heard of
 * that and answered again. The peer repeats its flushes after each answer.
 */
export class Soundness {
  /** Token of the state that has to be answered; 0 is any, Infinity one that is not sent yet, -1 none. */
  #token = -1;

  get isSound(): boolean {
    return this.#token < 0;
  }

  /** Something that the peer sent was passed over. */
  passOver(): void {
    this.#token = Math.max(this.#token, 0);
  }

  /** Something that it sent is dead here, and it is to be told what is gone; false if it was to be told already. */
  bury(): boolean {
    if (this.#token === Infinity) return false;
    this.#token = Infinity;
    return true;
  }

  /** The peer was sent all that is gone; `ask` sends it a state, and gives its token, if it has to answer once more. */
  tell(ask: () => number): void {
    if (this.#token === Infinity) this.#token = ask();
  }

  /** The peer has answered the state of `token`. */
  hear(token: number): void {
    if (token >= this.#token) this.#token = -1;
  }
}
