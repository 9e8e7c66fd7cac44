/**
 * Runs of one piece of work, one at a time: who asks while one is going on shares the next with all others who do.
 */
export class SharedRuns<Result> {
  readonly #work: () => Promise<Result>;
  #running: Promise<Result> | null = null;
  /** The run that begins when the running one has ended. */
  #next: Promise<Result> | null = null;

  constructor(work: () => Promise<Result>) {
    this.#work = work;
  }

  /** Settles as the first run does that begins after this call. */
  run(): Promise<Result> {
    if (this.#running === null) {
      this.#running = this.#work().finally(() => (this.#running = null));
      return this.#running;
    }
    this.#next ??= this.#running.then(ignore, ignore).then(() => {
      this.#next = null;
      return this.run();
    });
    return this.#next;
  }

  /** Settles as the running one does, or as `run` where there is none. */
  join(): Promise<Result> {
    return this.#running ?? this.run();
  }

  /** Resolves when nothing is running. */
  async settle(): Promise<void> {
    while (this.#running !== null) await (this.#next ?? this.#running).then(ignore, ignore);
  }
}

function ignore(): void {
  // Who asked for the run hears how it ended.
}
