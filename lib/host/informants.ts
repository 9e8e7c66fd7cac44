/**
 * Informants: whether the peers have told this process all that was confirmed to be on disk (decision 14).
 *
 * An answer counts if who gave it knew all of that, and it was asked for after the last peer was lost that owed one.
 */
export class Informants<Peer> {
  #count = 0;
  /** How many there had been when a peer was lost. */
  #countAtLoss = 0;
  /** Tokens of the last states that were sent before that. */
  readonly #floors = new Map<Peer, number>();

  /** To be handed to `isInformedSince`. */
  get mark(): number {
    return this.#count;
  }

  /** Whether an answer that counts has come since `mark`. */
  isInformedSince(mark: number): boolean {
    return this.#count > Math.max(mark, this.#countAtLoss);
  }

  /** A peer that knows has answered the state of that token. */
  note(peer: Peer, token: number): void {
    if (token > (this.#floors.get(peer) ?? -1)) this.#count++;
  }

  /** A peer was lost; `tokens` are of the last states that were sent to the others. */
  noteLoss(tokens: Iterable<readonly [Peer, number]>): void {
    this.#countAtLoss = this.#count;
    this.#floors.clear();
    for (const [peer, token] of tokens) this.#floors.set(peer, token);
  }
}
