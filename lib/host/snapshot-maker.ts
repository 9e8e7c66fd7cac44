/**
 * Makes snapshots of a replica, slice by slice, so that a large one holds nobody up.
 */
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { compareEpochs, type Epoch } from '../core/epoch';
import type { Replica } from '../core/replica';
import { limits } from '../limits';
import { releaseSnapshot, SnapshotEncoder, type EncodedSnapshot } from '../storage/snapshot';
import type { Store } from '../storage/store';
import { turn } from './turn';

export interface SnapshotMakerOptions {
  readonly replica: Replica;
  /** Commits what waits in the outbox, and tells the peers. */
  readonly commit: () => void;
}

/** What of a snapshot is left when it is on disk. */
export interface SavedSnapshot {
  /** The revision of the replica that it has. */
  readonly revision: number;
  /** Bytes. */
  readonly length: number;
}

interface MadeSnapshot {
  readonly revision: number;
  readonly snapshot: EncodedSnapshot;
}

export class SnapshotMaker {
  readonly #options: SnapshotMakerOptions;
  /** Bytes of the last one. */
  #lengthBefore = 0;

  constructor(options: SnapshotMakerOptions) {
    this.#options = options;
  }

  /**
   * Saves all that the replica has when the snapshot is made; null if somebody else has written meanwhile (see
   * `Store.save`, also for how it rejects).
   */
  async save(store: Store): Promise<SavedSnapshot | null> {
    const { revision, snapshot } = await this.#make(store.generation);
    const { length } = snapshot.bytes;
    this.#lengthBefore = length;
    try {
      return (await store.save(snapshot)) ? { revision, length } : null;
    } finally {
      releaseSnapshot(snapshot);
    }
  }

  /** A snapshot at once, for an 'exit' handler. */
  makeSync(generation: number): EncodedSnapshot {
    const { replica, commit } = this.#options;
    // A commit may end in a new epoch.
    do {
      replica.writeOrphans();
      commit();
    } while (!replica.isWhole || replica.hasUnwritten);
    const encoder = new SnapshotEncoder(generation);
    const { epoch } = replica;
    const state = replica.beginState();
    // In slices, for whoever loads it.
    for (let update = state.next(); update !== null; update = state.next()) if (update.length > 0) encoder.add({ epoch, update });
    return encoder.finish();
  }

  async #make(generation: number): Promise<MadeSnapshot> {
    for (;;) {
      await this.#becomeWhole();
      const made = await this.#encode(generation);
      if (made !== null) return made;
    }
  }

  /** Null if the replica has gone over to another epoch meanwhile. */
  async #encode(generation: number): Promise<MadeSnapshot | null> {
    const { replica, commit } = this.#options;
    const { epoch } = replica;
    const encoder = new SnapshotEncoder(generation, this.#lengthBefore);
    const state = replica.beginState();
    let { revision } = replica;
    while (compareEpochs(epoch, replica.epoch) === 0) {
      // What is overwritten elsewhere, and removed already, must not be missing in the last slice.
      if (replica.isRetaining) commit();
      if (!replica.isRetaining && compareEpochs(epoch, replica.epoch) === 0) {
        const end = turn.share('snapshot');
        const update = state.next(() => performance.now() < end);
        if (update === null) return { revision, snapshot: await encoder.finishBetween(nextTurn) };
        if (update.length > 0) encoder.add({ epoch, update });
        revision = replica.revision;
      }
      await nextTurn();
    }
    return null;
  }

  /**
   * After a new epoch began, the document lacks for a moment what others have yet to write into it, and must not replace a
   * file that has it; nor while something that was overwritten
   * meanwhile, here or elsewhere, is in it neither as it was nor as it is.
   */
  async #becomeWhole(): Promise<void> {
    const { replica } = this.#options;
    for (let epoch: Epoch | null = null; epoch === null || compareEpochs(epoch, replica.epoch) !== 0; ) {
      await this.#awaitOthers();
      epoch = replica.epoch;
      replica.writeOrphans('removed');
      replica.carryUnwritten();
      await this.#awaitOthers();
    }
  }

  /** What they do not write in time is ours to write. */
  async #awaitOthers(): Promise<void> {
    const { replica, commit } = this.#options;
    for (let waitedMs = 0; ; waitedMs += limits.wholePollMs) {
      commit();
      if (replica.isWhole) return;
      if (waitedMs >= limits.wholeWaitMs) replica.writeOrphans();
      await delay(limits.wholePollMs);
    }
  }
}
