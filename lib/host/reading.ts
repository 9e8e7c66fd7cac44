/**
 * Reading: how what the store has loaded comes into the replica.
 *
 * That takes several turns of the event loop. From when a file counts as read until all of it is in the replica,
 * nothing may take its place that does not have it.
 */
import type { Replica } from '../core/replica';
import type { LoadResult } from '../storage/inventory';
import type { Intake } from './intake';

export interface ReadingOptions {
  readonly replica: Replica;
  readonly intake: Intake;
  /** Commits what waits in the outbox, and tells the peers. */
  readonly commit: () => void;
  /** What was loaded last could not be taken in: the files count as unread. */
  readonly forget: (cause: unknown) => void;
}

export class Reading {
  readonly #options: ReadingOptions;
  #readings = 0;
  /** Settles, and never rejects, when the last piece of exclusive work has ended. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: ReadingOptions) {
    this.#options = options;
  }

  /** Whether something that was loaded may not be in the replica yet. */
  get isGoingOn(): boolean {
    return this.#readings > 0;
  }

  /** Loads and takes in; whether the replica had nothing before, and now has exactly what no crash can take away. */
  async read(load: () => Promise<LoadResult>): Promise<boolean> {
    const { replica, intake, commit, forget } = this.#options;
    this.#readings++;
    try {
      const loaded = await load();
      try {
        // What was set meanwhile is in no file.
        commit();
        const isPristine = replica.revision === 0;
        return (await intake.take(loaded)) && isPristine && loaded.isSynced;
      } catch (error) {
        forget(error);
        throw error;
      }
    } finally {
      this.#readings--;
    }
  }

  /** As `read`, in an 'exit' handler. */
  readSync(load: () => LoadResult): void {
    this.#options.intake.takeSync(load());
  }

  /** Reads or writes the files when all such work that was asked for before has ended. */
  exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
