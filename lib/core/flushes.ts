/** The flushes that one replica has asked of a peer, and that the peer has not answered. */

/** What came of a flush: the peer has done it, it could not and says why, or it is gone. */
export type FlushOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly problem: string }
  | { readonly kind: 'gone' };

interface PendingFlush {
  readonly isDurable: boolean;
  readonly onOutcome: (outcome: FlushOutcome) => void;
}

export class Flushes {
  /** By token. */
  readonly #pending = new Map<number, PendingFlush>();
  /** Those of them that the peer has not been sent since its last state. */
  readonly #unsent = new Set<number>();
  #lastToken = 0;

  add(isDurable: boolean, onOutcome: (outcome: FlushOutcome) => void): void {
    const token = ++this.#lastToken;
    this.#pending.set(token, { isDurable, onOutcome });
    this.#unsent.add(token);
  }

  /** What was sent before may have been dropped. */
  resend(): void {
    for (const token of this.#pending.keys()) this.#unsent.add(token);
  }

  /** Sends what is unsent; `send` returns false for what was dropped, and then no more is sent. */
  send(send: (token: number, isDurable: boolean) => boolean): void {
    for (const token of this.#unsent) {
      this.#unsent.delete(token);
      const pending = this.#pending.get(token);
      if (pending !== undefined && !send(token, pending.isDurable)) return;
    }
  }

  /** The peer has answered; `problem` is empty, or says why not. */
  settle(token: number, problem: string): void {
    const pending = this.#pending.get(token);
    this.#pending.delete(token);
    pending?.onOutcome(problem === '' ? { kind: 'done' } : { kind: 'failed', problem });
  }

  /** The peer is gone. */
  abandon(): void {
    const abandoned = [...this.#pending.values()];
    this.#pending.clear();
    this.#unsent.clear();
    for (const { onOutcome } of abandoned) onOutcome({ kind: 'gone' });
  }
}
