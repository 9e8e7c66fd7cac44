/** Answering: the state of the document that a session sends its peer, in slices, for as long as that takes. */
import type { DocumentState } from './document-state';
import type { Replica } from './replica';
import type { SessionPort } from './session-port';

export class Answering {
  readonly #replica: Pick<Replica, 'beginState' | 'epoch'>;
  readonly #port: Pick<SessionPort, 'send' | 'hasRoom' | 'goOnLater'>;
  /** Of which slices are to go out still. */
  #state: DocumentState | null = null;
  #token = 0;

  constructor(replica: Pick<Replica, 'beginState' | 'epoch'>, port: Pick<SessionPort, 'send' | 'hasRoom' | 'goOnLater'>) {
    this.#replica = replica;
    this.#port = port;
  }

  /** The peer has sent its state, with that token; what is left to answer an earlier one is part of the answer to this. */
  begin(vector: Uint8Array, token: number): void {
    this.#state = this.#state?.beginAgain(vector) ?? this.#replica.beginState(vector);
    this.#token = token;
  }

  abandon(): void {
    this.#state?.abandon();
    this.#state = null;
  }

  /** Sends the next slices. Returns the last update, which ends the answer and is not sent; null if it has not come to that. */
  goOn(): { readonly token: number; readonly update: Uint8Array } | null {
    while (this.#state !== null) {
      const update = this.#state.next(this.#port.hasRoom)!;
      if (this.#state.isOver) {
        this.#state = null;
        return { token: this.#token, update };
      }
      if (update.length > 0 && !this.#port.send({ type: 'update', epoch: this.#replica.epoch, update })) {
        // It begins anew once there is room.
        this.abandon();
      } else if (!this.#port.hasRoom()) {
        this.#port.goOnLater();
        return null;
      }
    }
    return null;
  }
}
