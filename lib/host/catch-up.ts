/**
 * Catching up: which peer is asked when for what this replica may lack.
 *
 * All peers have much the same, and it may be a lot. So one of them, the source, is asked first; the others once it
 * has answered, or has brought nothing for a while: what is left for them to tell is little.
 */
import { limits } from '../limits';
import type { Link } from '../mesh/link';
import { startPatience } from '../mesh/patience';

export class CatchUp {
  readonly #ask: (link: Link) => void;
  readonly #waiting = new Set<Link>();
  #source: Link | null = null;
  #hasMoved = false;
  #cancelPatience: () => void = () => undefined;

  /** `ask` is to ask the peer at the other end. */
  constructor(ask: (link: Link) => void) {
    this.#ask = ask;
  }

  /** Whether the peer may be asked at once. If not, `ask` is called when it may. */
  takesTurn(link: Link): boolean {
    if (this.#source === null) this.#begin(link);
    if (this.#source === link) return true;
    this.#waiting.add(link);
    return false;
  }

  /** Asks the peer, which may have answered before, or be about to; once the source has answered, if there is one. */
  askAgain(link: Link): void {
    if (this.#source === null) this.#ask(link);
    else this.#waiting.add(link);
  }

  /** Whether `ask` will be called for it. */
  isWaiting(link: Link): boolean {
    return this.#waiting.has(link);
  }

  /** The peer has sent something. */
  noteMessages(link: Link): void {
    if (link === this.#source) this.#hasMoved = true;
  }

  /** What the peer had when it was asked last is here, or will not come. */
  noteCaughtUp(link: Link): void {
    if (link === this.#source) this.#askOthers();
  }

  remove(link: Link): void {
    this.#waiting.delete(link);
    if (link === this.#source) this.#askOthers();
  }

  /** No peer is asked any more. */
  stop(): void {
    this.#waiting.clear();
    this.#askOthers();
  }

  #begin(link: Link): void {
    this.#source = link;
    this.#hasMoved = false;
    this.#cancelPatience = startPatience(
      limits.sourceWaitMs,
      () => {
        this.#askOthers();
      },
      () => {
        const hasMoved = this.#hasMoved;
        this.#hasMoved = false;
        return hasMoved;
      },
    );
  }

  #askOthers(): void {
    this.#cancelPatience();
    this.#source = null;
    const links = [...this.#waiting];
    this.#waiting.clear();
    for (const link of links) this.#ask(link);
  }
}
