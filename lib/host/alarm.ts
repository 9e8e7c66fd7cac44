/** An alarm: a timer that is set once until it goes off, and keeps no process alive. */
export class Alarm {
  #timer: NodeJS.Timeout | null = null;

  get isSet(): boolean {
    return this.#timer !== null;
  }

  /** Calls `ring` after `ms`, unless it is set already. */
  set(ms: number, ring: () => void): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      ring();
    }, ms).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
