/**
 * Soundness: whether a flush of the peer may be confirmed. Not after something that it sent was passed over, before it has
 * answered again; nor after something that it sent is dead here, since its owner was taken for gone, before it has heard of
 * that and answered again. The peer repeats its flushes after each answer.
 *
 * What is dead may have come from anybody: by the time its writer sends it, it is known.
 */
export class Soundness {
  /** Token of the state that has to be answered; 0 is any, Infinity one that is not sent yet, -1 none. */
  #token = -1;
  /** How much was dead here when the peer was last to be told. */
  #deadCount = 0;

  get isSound(): boolean {
    return this.#token < 0;
  }

  /** Whether the peer may have to be told of what is gone, now that so much is dead here. */
  isBehind(deadCount: number): boolean {
    return deadCount !== this.#deadCount;
  }

  /** Something that the peer sent was passed over. */
  passOver(): void {
    this.#token = Math.max(this.#token, 0);
  }

  /** Something that it sent is dead here, and it is to be told what is gone; false if it was to be told already. */
  bury(deadCount: number): boolean {
    this.#deadCount = deadCount;
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
