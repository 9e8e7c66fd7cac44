/**
 * The recorder: what the log is to have next.
 *
 * An owner removes what it knows to be overwritten, and the news of that may come before the write itself. A log that
 * ended between the two would have neither. So nothing goes to the log before what was removed in this way is written again,
 * or what has taken its place is there.
 */
import type { Replica } from '../core/replica';
import type { LogFile } from '../storage/log-file';

export interface RecorderOptions {
  readonly replica: Replica;
  /** Commits what waits in the outbox, and tells the peers. */
  readonly commit: () => void;
  /** The turn of the event loop in which something was added ends. */
  readonly onDue: () => void;
}

type Recorded = Parameters<LogFile['add']>[0];

export class Recorder {
  readonly #options: RecorderOptions;
  #held: Recorded[] = [];
  /** What they are for; where another log has followed it, a snapshot has them. */
  #log: LogFile | null = null;
  #isDue = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** The document has taken in an update, which `log` is to have. */
  add(log: LogFile, update: Uint8Array): void {
    if (log !== this.#log) this.#held = [];
    this.#log = log;
    this.#held.push({ epoch: this.#options.replica.epoch, update });
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.#options.onDue();
    });
  }

  /** Gives `log` all that it is to have; or nothing, where too much is to be written first for one turn: what of it was is due in the next. */
  handTo(log: LogFile): boolean {
    const { replica, commit } = this.#options;
    if (replica.isRetaining) commit();
    if (replica.isRetaining) return false;
    if (log !== this.#log) return true;
    for (const recorded of this.#held) log.add(recorded);
    this.#held = [];
    return true;
  }
}
