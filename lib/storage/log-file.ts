/**
 * An open log: what is added to it is written in the order of the calls, and synced when asked.
 *
 * Invariant: only the store that made the file writes into it. Whoever else wants to write a log takes this one
 * away by giving it another name, and makes a new one in its place; so what was synced while the log still had its
 * name will be read by whoever took it.
 */
import { CacheError } from '../errors';
import { limits } from '../limits';
import { perform, runSteps, runStepsSync } from './disk';
import type { Disk, FileIdentity, Steps } from './disk';
import { beginLog } from './log';
import type { FileEncoder, FileHeader, StoredUpdate } from './records';
import { SharedRuns } from './shared-runs';

export interface LogFileOptions {
  readonly disk: Disk;
  readonly header: FileHeader;
  readonly descriptor: number;
  readonly identity: FileIdentity;
  /** Whether the log still has its name, and the snapshot that it continues is in its place. */
  readonly isCurrent: (log: LogFile) => Steps<boolean>;
}

export class LogFile {
  readonly header: FileHeader;
  /** Inode. */
  readonly ino: bigint;
  readonly #options: LogFileOptions;
  readonly #encoder: FileEncoder;
  readonly #writes: SharedRuns<void>;
  readonly #syncs: SharedRuns<boolean>;
  /** Bytes that are known to be written. */
  #position = 0;
  /** What comes after them. */
  #unwritten: Uint8Array[] = [];
  #unwrittenBytes = 0;
  /** Bytes that are known to be synced. Invariant: at most `#position`. */
  #synced = 0;
  /** What first went wrong. Invariant: once it is set, nothing is written or synced any more. */
  #failure: CacheError | null = null;

  constructor(options: LogFileOptions) {
    this.#options = options;
    this.header = options.header;
    this.ino = options.identity.ino;
    this.#encoder = beginLog(options.header);
    this.#push(this.#encoder.header);
    this.#writes = new SharedRuns(() => this.#run(this.#writing()));
    this.#syncs = new SharedRuns(async () => {
      await this.write();
      return this.#run(this.#syncing());
    });
  }

  /** Bytes, with those that wait to be written. */
  get length(): number {
    return this.#position + this.#unwrittenBytes;
  }

  /** Whether nothing was added. */
  get isEmpty(): boolean {
    return this.length === this.#encoder.header.length;
  }

  get isSynced(): boolean {
    return this.#synced === this.length;
  }

  /** Whether something went wrong: it cannot be used any more. */
  get hasFailed(): boolean {
    return this.#failure !== null;
  }

  /** Whether it failed before anything was known to be written, let alone promised: nobody needs it. */
  get isVoid(): boolean {
    return this.hasFailed && this.#position === 0;
  }

  /** To be written next. */
  add(update: StoredUpdate): void {
    if (this.#failure !== null) return;
    this.#push(this.#encoder.encode(update));
    if (this.#unwrittenBytes > limits.logBufferBytesMax || this.length > limits.logBytesMax) {
      this.#failure = logError('the disk does not take the log as fast as it grows, or at all');
      this.#unwritten = [];
      this.#unwrittenBytes = 0;
    }
  }

  /** Resolves when all that was added is with the system. Rejects with ERR_CLUSTER_CACHE_STORAGE. */
  write(): Promise<void> {
    return this.#writes.run();
  }

  /**
   * Resolves when all that was added is on disk: true; or false if somebody else has taken the log away, and it
   * may be nowhere. Calls that come while a sync is going on share the next. Rejects as `write` does.
   */
  sync(): Promise<boolean> {
    return this.#syncs.run();
  }

  /** As `sync`, in an 'exit' handler. What is being written meanwhile is written once more, to the same place. */
  syncSync(): boolean {
    const { disk } = this.#options;
    runStepsSync(this.#guarded(this.#writing()), disk);
    return runStepsSync(this.#guarded(this.#syncing()), disk);
  }

  /** Ends when all that was added is written; nothing can be added any more. */
  async close(): Promise<void> {
    // What it has taken shall be in it, but nobody waits for that.
    await this.write().catch(() => undefined);
    await Promise.all([this.#writes.settle(), this.#syncs.settle()]);
    this.#failure ??= logError('the log is closed');
    try {
      await this.#options.disk.async.close(this.#options.descriptor);
    } catch {
      // What matters was synced, and what was not is reported by whoever waits for it.
    }
  }

  #push(bytes: Uint8Array): void {
    this.#unwritten.push(bytes);
    this.#unwrittenBytes += bytes.length;
  }

  #run<Result>(steps: Steps<Result>): Promise<Result> {
    return runSteps(this.#guarded(steps), this.#options.disk);
  }

  /** The first failure is the last: after it nobody knows what the file holds, nor what the next sync would sync. */
  *#guarded<Result>(steps: Steps<Result>): Steps<Result> {
    if (this.#failure !== null) throw this.#failure;
    try {
      return yield* steps;
    } catch (error) {
      this.#failure ??= logError('the log cannot be written', error);
      throw this.#failure;
    }
  }

  *#writing(): Steps<void> {
    const count = this.#unwritten.length;
    const bytes = Buffer.concat(this.#unwritten);
    const begin = this.#position;
    for (let done = 0; done < bytes.length; ) {
      const written = yield* perform('write', this.#options.descriptor, bytes.subarray(done), begin + done);
      if (written === 0) throw new Error('the disk took nothing');
      done += written;
    }
    // An exiting process may have written them once more in between, and what came after them.
    if (this.#position !== begin) return;
    this.#unwritten.splice(0, count);
    this.#unwrittenBytes -= bytes.length;
    this.#position += bytes.length;
  }

  *#syncing(): Steps<boolean> {
    const position = this.#position;
    yield* perform('sync', this.#options.descriptor);
    this.#synced = Math.max(this.#synced, position);
    return yield* this.#options.isCurrent(this);
  }
}

function logError(message: string, cause?: unknown): CacheError {
  return new CacheError('ERR_CLUSTER_CACHE_STORAGE', message, cause === undefined ? undefined : { cause });
}
