/** What waits for the answers of peers, each to a state of a certain token. */
import { limits } from '../limits';
import { startPatience } from '../mesh/patience';

export interface Wait {
  /** Of the state; Infinity until that is sent. */
  token: number;
  /** Some of what it waits for has come since this was last looked at. */
  hasMoved: boolean;
  isOver: boolean;
  readonly over: Promise<void>;
  readonly end: () => void;
}

/** By peer, of whatever kind. */
export class Waits<Peer> {
  readonly #waits = new Map<Peer, Wait[]>();

  get isEmpty(): boolean {
    return this.#waits.size === 0;
  }

  /** Waits for the answer to the state of that token, or, for Infinity, to the next one. */
  add(peer: Peer, token: number): Wait {
    let end: () => void = () => undefined;
    const over = new Promise<void>((resolve) => (end = resolve));
    const wait: Wait = { token, hasMoved: false, isOver: false, over, end };
    const waiting = this.#waits.get(peer);
    if (waiting === undefined) this.#waits.set(peer, [wait]);
    else waiting.push(wait);
    return wait;
  }

  /** A state of that token was sent. */
  setToken(peer: Peer, token: number): void {
    for (const wait of this.#waits.get(peer) ?? []) wait.token = Math.min(wait.token, token);
  }

  /** The peer has sent something. */
  noteMove(peer: Peer): void {
    for (const wait of this.#waits.get(peer) ?? []) wait.hasMoved = true;
  }

  /** All states up to `token` are answered. */
  end(peer: Peer, token: number): void {
    const waiting = this.#waits.get(peer);
    if (waiting === undefined) return;
    const left = waiting.filter((wait) => wait.token > token);
    if (left.length === 0) this.#waits.delete(peer);
    else this.#waits.set(peer, left);
    for (const wait of waiting) {
      if (wait.token > token) continue;
      wait.isOver = true;
      wait.end();
    }
  }

  /** No answer will come any more. */
  endAll(): void {
    for (const peer of [...this.#waits.keys()]) this.end(peer, Infinity);
  }
}

/** Resolves when all are over, or for a while nothing has come of what those that are not wait for. */
export async function settleAll(waits: readonly Wait[]): Promise<void> {
  await settlesWithin(limits.answerWaitMs, Promise.all(waits.map(({ over }) => over)), () => {
    const hasMoved = waits.some((wait) => wait.hasMoved && !wait.isOver);
    for (const wait of waits) wait.hasMoved = false;
    return hasMoved;
  });
}

/** Whether `promise`, which never rejects, settles within `ms` of this process's running time, or of the last move. */
export function settlesWithin(ms: number, promise: Promise<unknown>, hasMoved?: () => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const giveUp = (): void => {
      resolve(false);
    };
    const cancel = startPatience(ms, giveUp, hasMoved);
    void promise.then(() => {
      cancel();
      resolve(true);
    });
  });
}
