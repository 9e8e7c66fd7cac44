/**
 * The replica: this process's copy of one cache, tree and document kept in step.
 *
 * Pure: time and ids come in through its options, updates go in and out as bytes. It does not know who its
 * peers are (session.ts does), nor when its turn ends (the host does).
 */
import { Attendance } from './attendance';
import type { Change } from './change';
import { Document } from './document';
import type { DocumentState } from './document-state';
import { compareEpochs, EPOCH_NUMBER_MAX, firstEpoch, isFarAhead, type Epoch } from './epoch';
import { Evictor, type Eviction } from './evictor';
import { Intake, isForged, type ReceiveResult } from './intake';
import { Ledger } from './ledger';
import type { TreeNode } from './node';
import type { Path } from './path';
import type { Salvage } from './salvage';
import { HybridClock } from './stamp';
import { Tree } from './tree';
import { Turnover } from './turnover';
import { Upkeep } from './upkeep';
import { takeCensus, type Census } from './tally';
import type { JsonValue } from './value';
import { Writer } from './writer';
import { limits } from '../limits';

export interface ReplicaOptions {
  /** Of this replica alone, never used before: 1 to 32 of `0-9a-z`. */
  readonly id: string;
  /** Milliseconds since 1970; may run backwards. */
  readonly now: () => number;
  /** Gives a fresh random Yjs client id, an integer below 2^53. */
  readonly nextClientId: () => number;
  /** Hears of every change; called outside Yjs, after the fact. */
  readonly onChange?: (change: Change) => void;
  /** Hears of every update that the document of this epoch has taken in, made here or received. */
  readonly onUpdate?: (update: Uint8Array) => void;
  /** Whether the document is copied elsewhere as it changes: then what others remove of it stays until what takes its place has come. */
  readonly isCopied?: () => boolean;
  /** How long what was removed is remembered, in ms. Partitions longer than that may bring back what was deleted. */
  readonly retentionMs: () => number;
  /** How long a replica that is there has, in any case, to write again what another has removed of its entries, in ms. */
  readonly orphanMsMin?: number;
  readonly valueBytesMax?: number;
  /** Values, and estimated bytes of them, past which `evict` removes some. */
  readonly maxEntries?: number;
  readonly maxBytes?: number;
  readonly segmentWritesMax?: number;
  /** Entries that compaction moves in one commit, at most. */
  readonly movesMax?: number;
  /** Yjs structs in one slice of a state, and looked at for one, at most. */
  readonly stateStructsMax?: number;
  readonly stateLooksMax?: number;
}

export class Replica {
  readonly id: string;
  readonly #options: ReplicaOptions;
  readonly #clock = new HybridClock();
  readonly #tree: Tree;
  readonly #ledger: Ledger;
  readonly #turnover: Turnover;
  readonly #upkeep: Upkeep;
  readonly #writer: Writer;
  readonly #evictor: Evictor;
  readonly #intake: Intake;
  readonly #attendance: Attendance;

  constructor(options: ReplicaOptions) {
    const { id, now, retentionMs, nextClientId, onUpdate = () => undefined, movesMax = limits.compactionMovesMax } = options;
    const { valueBytesMax = limits.valueBytesMax, orphanMsMin = limits.orphanMsMin, maxEntries = Infinity, maxBytes = Infinity } = options;
    this.id = id;
    this.#options = options;
    this.#tree = new Tree({
      now,
      retentionMs,
      onDead: (register, node): void => this.#ledger.bury(register, node),
      onOutrun: (register) => {
        if (register.writer === id) this.#ledger.outrun(register);
      },
      onCleared: (node): void => this.#ledger.clearLater(node),
      findCopy: (register) => this.#ledger.findCopy(register),
    });
    this.#ledger = new Ledger({ replicaId: id, tree: this.#tree, document: this.#createDocument(firstEpoch), movesMax });
    const onChange = (change: Change): void => this.#options.onChange?.(change);
    const onExpired = ({ register }: TreeNode): void => onChange({ register: register!, reason: 'expire', isLocal: true });
    const [tree, ledger] = [this.#tree, this.#ledger];
    this.#turnover = new Turnover(tree, ledger);
    this.#upkeep = new Upkeep({ replicaId: id, tree, now, retentionMs, orphanMsMin, onExpired }, ledger);
    this.#writer = new Writer({ replicaId: id, now, clock: this.#clock, tree, ledger, valueBytesMax, onChange });
    this.#attendance = new Attendance({ now, awayMs: retentionMs, orphanMsMin });
    const isCopied = (): boolean => options.isCopied?.() === true && !this.#attendance.wasAway;
    this.#intake = new Intake({ replicaId: id, now, nextClientId, clock: this.#clock, tree, ledger, onChange, onUpdate, isCopied });
    const evict = (node: TreeNode): void => this.#writer.evict(node);
    this.#evictor = new Evictor({ root: tree.root, tally: tree.tally, maxEntries, maxBytes, evict });
  }

  /** The value at `path`, deeply frozen, or undefined where there is none. */
  get(path: Path): JsonValue | undefined {
    return this.#tree.get(path);
  }

  /** Whether there is a value at `path`. */
  has(path: Path): boolean {
    return this.#tree.get(path) !== undefined;
  }

  /**
   * Replaces what is at and below `path`; returns the value as stored. `ttlMs` of 0 is no expiry.
   * Throws ERR_CLUSTER_CACHE_PATH, _VALUE or _TTL before anything changes.
   */
  set(path: Path, input: unknown, ttlMs = 0): JsonValue {
    return this.#writer.set(path, input, ttlMs);
  }

  /** Removes what is at and below `path`, the whole cache for `[]`; whether something was visible there. */
  delete(path: Path): boolean {
    return this.#writer.delete(path);
  }

  /** Whether a commit would do something. */
  get hasUncommitted(): boolean {
    return this.#ledger.isBehind;
  }

  /** Whether a write waits that the document does not have. */
  get hasUnwritten(): boolean {
    return this.#ledger.hasUnwritten;
  }

  /** Writes for one commit, so that nobody is held up by it, here or at a peer: fewer where entries move as well. */
  get commitMax(): number {
    return this.#document.needsCompaction ? limits.commitMovingMax : limits.commitMax;
  }

  /**
   * Moves the outbox into the document, at most `countMax` writes of it, and compacts a little; the update for
   * the peers, or null if there was nothing to do. Throws what Yjs throws: all peers must hear of the new epoch then.
   */
  commit(countMax = Infinity): Uint8Array | null {
    this.turnOver();
    let update: Uint8Array | null;
    try {
      update = this.#ledger.commit(countMax);
    } catch (error) {
      // Whatever has come to be of the document, all that was in it is in the tree.
      this.beginEpoch();
      throw error;
    }
    if (update !== null) this.#options.onUpdate?.(update);
    return update;
  }

  /**
   * Applies updates of a peer, or of the file. A gap changes nothing: ask for a sync instead.
   * Throws at bytes that are no update, and at one that was made in the name of this replica.
   */
  receive(updates: readonly Uint8Array[]): ReceiveResult {
    if (updates.length > 0) this.turnOver();
    return this.#intake.receive(updates);
  }

  /** Whether some of what was received since this was last asked is dead here, and its sender does not know; see `Intake`. */
  takeDead(): boolean {
    return this.#intake.takeDead();
  }

  /** Counts up with all that may be dead here while who wrote it does not know; see `Intake`. */
  get deadCount(): number {
    return this.#intake.deadCount;
  }

  /** Turns expired values into tombstones and forgets old ones, at most `countMax`; whether some are left. */
  sweep(countMax = Infinity): boolean {
    this.turnOver();
    return this.#upkeep.sweep(countMax);
  }

  /**
   * Looks after what is left of others, given the replicas it has links to, whether it is the manager and may adopt,
   * and which of those replicas have told all that they had to write into this epoch; all of them, if not given.
   */
  tend(connected: ReadonlySet<string>, isManager: boolean, heard: ReadonlySet<string> = connected): void {
    this.turnOver();
    this.#upkeep.tend(connected, isManager, heard);
  }

  /** Whether the document has all that the epoch before had; not so for a while after a new one began. */
  get isWhole(): boolean {
    return !this.#ledger.isCarrying && !this.#upkeep.awaitsOthers;
  }

  /** Whether something that others have removed waits to be written again: until then the document lacks it. */
  get isRetaining(): boolean {
    return this.#ledger.isRetaining;
  }

  /** The document is not whole before all is written that waits for it now. */
  carryUnwritten(): void {
    this.#ledger.carryUnwritten();
  }

  /** Writes what others ought to have written into this epoch by now, or have removed, or only the latter. */
  writeOrphans(which: 'all' | 'removed' = 'all'): void {
    this.turnOver();
    this.#upkeep.writeOrphans(which, this.#attendance.awayUntil);
  }

  /**
   * Whether the document carries so much past that a new epoch should begin: Yjs pays for every client it ever
   * saw, and keeps the name of every segment map. `peerCount` are the clients that are there.
   */
  needsEpoch(peerCount: number): boolean {
    const { clientCount, segmentCount, segmentCountEver } = this.#document;
    return clientCount > limits.pastClientsMax + peerCount || segmentCountEver > limits.pastSegmentsMax + 8 * segmentCount;
  }

  /** Begins a new epoch: an empty document, into which everyone writes again what is theirs. */
  beginEpoch(): void {
    // After the last number there is none: the document carries its past on.
    if (this.epoch.number >= EPOCH_NUMBER_MAX) return;
    this.enterEpoch({ number: this.epoch.number + 1, founder: this.id });
  }

  /** Goes over to a later epoch that somebody began; an earlier one is ignored. Whether it did. */
  enterEpoch(epoch: Epoch): boolean {
    if (compareEpochs(epoch, this.epoch) <= 0 || epoch.number > EPOCH_NUMBER_MAX) return false;
    this.#ledger.replaceDocument(this.#createDocument(epoch));
    this.#turnover.begin();
    this.#upkeep.noteEpoch();
    return true;
  }

  /** Whether a new epoch has begun, and not all winners were looked at. What needs that done does it first, in one piece. */
  get isTurningOver(): boolean {
    return this.#turnover.isGoingOn;
  }

  /** Looks at `countMax` nodes of the tree, to see who is to write their winners into the new epoch; whether some are left. */
  turnOver(countMax = Infinity): boolean {
    // Whatever is done begins with this.
    this.#attendance.note();
    return this.isTurningOver && this.#turnover.goOn(countMax);
  }

  /** Merges updates of any epoch, as a file holds them; those of another one must be all there are. Throws at bytes that are none. */
  load(epoch: Epoch, updates: readonly Uint8Array[]): void {
    // Where that cannot be, peers would not follow. What the file holds goes into the epoch that is.
    if (!isFarAhead(epoch, this.epoch)) this.enterEpoch(epoch);
    if (updates.length > 0) this.turnOver();
    if (compareEpochs(epoch, this.epoch) === 0) this.#intake.load(updates);
    else this.salvage(epoch, updates).goOn();
  }

  /** As `load`, of updates of another epoch, but in parts: each call of `goOn` is one. */
  salvage(epoch: Epoch, updates: readonly Uint8Array[]): Salvage {
    return this.#intake.salvage(epoch, updates, () => void this.turnOver());
  }

  /** Whether a peer with this state vector has been told something in the name of this replica. */
  isForgedIn(vector: Uint8Array): boolean {
    return isForged(this.#document, this.#document.lacks(vector));
  }

  /** Counts up whenever the document has changed. */
  get revision(): number {
    return this.#ledger.revision;
  }

  get epoch(): Epoch {
    return this.#document.epoch;
  }

  get #document(): Document {
    return this.#ledger.document;
  }

  /** Yjs state vector of what has been committed. */
  stateVector(): Uint8Array {
    return this.#document.stateVector();
  }

  /** All that a replica with `vector` lacks of what has been committed, or everything. */
  encodeState(vector?: Uint8Array): Uint8Array {
    return this.#document.encodeState(vector);
  }

  /** The same in slices, for one turn of the event loop each. */
  beginState(vector?: Uint8Array): DocumentState {
    const { stateStructsMax: structsMax, stateLooksMax: looksMax } = this.#options;
    return this.#document.beginState(vector, { structsMax, looksMax });
  }

  /** Yjs clients of which a replica with `vector` has more than this one, with the clock it has. */
  lacks(vector: Uint8Array): Map<number, number> {
    return this.#document.lacks(vector);
  }

  /** Whether a replica with `vector` has heard of exactly the writes that this one has. */
  hasVector(vector: Uint8Array): boolean {
    return this.#document.hasVector(vector);
  }

  /** Whether one of `clocks`, by Yjs client, is beyond what this replica has. */
  isBehind(clocks: ReadonlyMap<number, number>): boolean {
    return this.#document.isBehind(clocks);
  }

  /** Updates that built on something unknown, though they did not seem to; the protocol excludes it. */
  get gapCount(): number {
    return this.#intake.gapCount;
  }

  /** Entries of the document, winners and others; the same in all who have heard of the same writes and removals. */
  get entryCount(): number {
    return this.#tree.tally.entries;
  }

  /** Whether the cache holds more than its limits allow. */
  get isOverLimits(): boolean {
    return this.#evictor.isOver();
  }

  /** Evicts while the cache is over its limits, at most `countMax` values, and passes at most `visitsMax` nodes. The manager's to do. */
  evict(countMax: number, visitsMax?: number): Eviction {
    return this.#evictor.run(countMax, visitsMax);
  }

  /** What the tree and the document hold; costs little. */
  census(): Census {
    return takeCensus(this.#tree.tally, this.#document);
  }

  /** Entries of peers that were passed over because they are no registers, or later than can be. */
  get refused(): number {
    return this.#intake.refused;
  }

  destroy(): void {
    this.#document.destroy();
  }

  #createDocument(epoch: Epoch): Document {
    const { nextClientId, segmentWritesMax } = this.#options;
    const ids = { epoch, replicaId: this.id, clientId: nextClientId() };
    return new Document({ ...ids, timeMax: () => this.#intake.timeMax(), ...(segmentWritesMax === undefined ? {} : { segmentWritesMax }) });
  }
}
