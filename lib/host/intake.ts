/**
 * The intake: how what a file holds comes into the replica, and to the peers.
 *
 * A large file comes in over several turns of the event loop, so that loading it holds nobody up.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { compareEpochs, type Epoch } from '../core/epoch';
import type { Replica } from '../core/replica';
import { CacheError } from '../errors';
import { limits } from '../limits';
import type { LoadResult } from '../storage/inventory';
import type { StoredUpdate } from '../storage/records';
import type { Peers } from './peers';
import { turn } from './turn';

export interface IntakeOptions {
  readonly replica: Replica;
  readonly peers: Peers;
  /** Commits what waits in the outbox, and tells the peers. */
  readonly commit: () => void;
  readonly onError: (error: CacheError) => void;
}

export class Intake {
  readonly #options: IntakeOptions;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Takes in what was read; whether that was good, and nothing else has changed the replica meanwhile. */
  async take({ updates, problems }: LoadResult): Promise<boolean> {
    const { onError } = this.#options;
    for (const problem of problems) onError(problem);
    const share = this.#beginSharing();
    try {
      return (await this.#takeAll(updates)) && problems.length === 0;
    } catch (cause) {
      onError(faultyContent(cause));
      return false;
    } finally {
      share();
    }
  }

  /** As `take`, in an 'exit' handler. */
  takeSync({ updates, problems }: LoadResult): void {
    const { onError } = this.#options;
    for (const problem of problems) onError(problem);
    try {
      for (const { epoch, run } of runsOf(updates)) this.#load(epoch, run);
    } catch (cause) {
      onError(faultyContent(cause));
    }
  }

  async #takeAll(updates: readonly StoredUpdate[]): Promise<boolean> {
    const { replica } = this.#options;
    let isUndisturbed = true;
    for (const { epoch, run } of runsOf(updates)) {
      // Enters the epoch, if it is one to enter.
      this.#load(epoch, []);
      for (let done = 0; done < run.length; ) {
        // What is of another epoch makes sense as a whole only.
        const isOther = compareEpochs(epoch, replica.epoch) !== 0;
        const part = isOther ? run : partOf(run, done);
        const isAlone = isOther ? await this.#salvage(epoch, run) : this.#load(epoch, part);
        done = isOther ? run.length : done + part.length;
        isUndisturbed = (await this.#isLeftAlone()) && isAlone && isUndisturbed;
      }
    }
    return isUndisturbed;
  }

  /** Whether nothing has changed the replica meanwhile, and nothing in it had to be written. */
  async #salvage(epoch: Epoch, updates: readonly Uint8Array[]): Promise<boolean> {
    const salvage = this.#options.replica.salvage(epoch, updates);
    for (let isUndisturbed = true; ; isUndisturbed = (await this.#isLeftAlone()) && isUndisturbed) {
      const end = turn.share('load');
      const hasMore = salvage.goOn(() => performance.now() < end);
      isUndisturbed &&= this.#commit();
      if (!hasMore) return isUndisturbed;
    }
  }

  /** Lets a turn pass, and commits what it brought; whether that was nothing. */
  async #isLeftAlone(): Promise<boolean> {
    const { replica, commit } = this.#options;
    const { revision } = replica;
    await nextTurn();
    commit();
    return replica.revision === revision;
  }

  /** Whether that made nobody here write anything. */
  #load(epoch: Epoch, updates: readonly Uint8Array[]): boolean {
    const { replica, peers, commit } = this.#options;
    commit();
    const previous = replica.epoch;
    replica.load(epoch, updates);
    if (compareEpochs(previous, replica.epoch) !== 0) peers.restartAll();
    return this.#commit();
  }

  /** Commits; whether there was nothing to write. A listener to changes may have set something, and a salvage finds what no file of this epoch has. */
  #commit(): boolean {
    const { replica, commit } = this.#options;
    const isIdle = !replica.hasUnwritten;
    commit();
    return isIdle;
  }

  /** What comes in from now on goes to the peers when the result is called. */
  #beginSharing(): () => void {
    const { replica, peers } = this.#options;
    const { epoch } = replica;
    const vector = replica.stateVector();
    return () => {
      // In another epoch, all peers are sent all of it.
      if (peers.count > 0 && compareEpochs(epoch, replica.epoch) === 0) peers.push(replica.encodeState(vector));
    };
  }
}

/** Updates of one epoch after another. */
function runsOf(updates: readonly StoredUpdate[]): { readonly epoch: Epoch; readonly run: Uint8Array[] }[] {
  const runs: { readonly epoch: Epoch; readonly run: Uint8Array[] }[] = [];
  for (const { epoch, update } of updates) {
    const last = runs.at(-1);
    if (last !== undefined && compareEpochs(last.epoch, epoch) === 0) last.run.push(update);
    else runs.push({ epoch, run: [update] });
  }
  return runs;
}

/** As many updates as one turn takes, at least one. */
function partOf(run: readonly Uint8Array[], from: number): readonly Uint8Array[] {
  let bytes = 0;
  let to = from;
  while (to < run.length && to - from < limits.loadUpdatesMax && bytes < limits.stateBytesMax) bytes += run[to++]!.length;
  return run.slice(from, to);
}

function faultyContent(cause: unknown): CacheError {
  return new CacheError('ERR_CLUSTER_CACHE_SNAPSHOT', 'The file holds what is no update.', { cause });
}
