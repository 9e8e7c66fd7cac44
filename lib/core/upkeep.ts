/**
 * Upkeep: what a replica does now and then so that neither memory nor disk grows with history. Rules and
 * reasons are in docs/architecture.md.
 */
import type { Ledger } from './ledger';
import type { TreeNode } from './node';
import { hasExpired } from './register';
import { isStill, type Orphan } from './orphans';
import type { Tree } from './tree';
import { isVisible } from './walk';
import { limits } from '../limits';

export interface UpkeepOptions {
  readonly replicaId: string;
  readonly tree: Tree;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly retentionMs: () => number;
  /** How long an owner that is there has, in any case, to write again what somebody else has removed, in ms. */
  readonly orphanMsMin: number;
  /** The value of the winner at `node` has expired and is gone. */
  readonly onExpired: (node: TreeNode) => void;
}

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #tree: Tree;
  readonly #ledger: Ledger;
  /** Since when replicas with entries in the document have been away, by id, in ms since 1970. */
  readonly #absentSince = new Map<string, number>();
  /** The moment of the sweep that goes on, or null. */
  #sweepMs: number | null = null;
  /** Orphans that the sweep is to forget: too many for one piece of work, since each is looked for in all segment maps. */
  #forgettable: Orphan[] = [];
  /** When this epoch began here, in ms since 1970. */
  #epochSince = -Infinity;

  constructor(options: UpkeepOptions, ledger: Ledger) {
    this.#options = options;
    this.#tree = options.tree;
    this.#ledger = ledger;
  }

  /** Turns at most `countMax` expired values, and forgets as many old tombstones; whether some are left. */
  sweep(countMax: number): boolean {
    // One moment for the whole sweep, however many calls it takes: else it might never end.
    this.#sweepMs ??= this.#options.now();
    for (let count = 0; count < countMax; count++) {
      if (this.#expireOne(this.#sweepMs) || this.#ledger.clearNext() || this.#retireOne(this.#sweepMs)) continue;
      if (this.#forgetNext() || this.#tree.trim()) continue;
      this.#sweepMs = null;
      return false;
    }
    return true;
  }

  /**
   * Looks after what is left of others. `connected` are the replicas that this one has links to, `heard` those of
   * them that have told all that they had to write into this epoch. The manager adopts the segment maps of those
   * that have been away for longer than the retention.
   */
  tend(connected: ReadonlySet<string>, isManager: boolean, heard: ReadonlySet<string>): void {
    const { now, retentionMs } = this.#options;
    const owners = this.#ledger.document.owners();
    const isGone = (owner: string): boolean => isManager && !connected.has(owner) && owners.has(owner);
    this.#ledger.releaseUnless(isGone);
    this.#noteAbsent(new Set([...owners, ...this.#tree.orphans.owners()]), connected);
    for (const owner of owners) {
      const since = this.#absentSince.get(owner);
      if (since !== undefined && isGone(owner) && now() - since >= retentionMs()) this.#ledger.adopt(owner);
    }
    this.#tendOrphans(connected, isManager, heard);
  }

  /** Whether the document lacks values that some other replica ought to have written into it by now, or cannot any more. */
  get awaitsOthers(): boolean {
    return this.#tree.orphans.some((orphan) => {
      const { register } = orphan.node;
      return this.#isAwaited(orphan) && register?.value !== undefined && !hasExpired(register, this.#options.now());
    });
  }

  /** A new epoch has begun. */
  noteEpoch(): void {
    // All that the document lacks are orphans anew.
    this.#forgettable = [];
    this.#epochSince = this.#options.now();
  }

  /**
   * Writes all orphans that others may have yet to write, or ought to write again, with those that they have removed after
   * `since`, in ms since 1970; or only the latter.
   */
  writeOrphans(which: 'all' | 'removed', since: number): void {
    const { replicaId } = this.#options;
    // Whatever is awaited: whoever asks for all waits until nothing is.
    const isMeant = (orphan: Orphan): boolean =>
      which === 'all' ? this.#isAwaited(orphan) || orphan.since > since : orphan.isRemoved && orphan.since > since;
    const due = this.#tree.orphans.take((orphan) => orphan.owner !== replicaId && isMeant(orphan) && this.#isWanted(orphan));
    for (const { node } of due) this.#ledger[which === 'all' ? 'carry' : 'retain'](node);
  }

  #isAwaited(orphan: Orphan): boolean {
    return !orphan.isRemoved || (this.#absentSince.has(orphan.owner) && this.#isWanted(orphan));
  }

  /** Not where only an expiry hides it: what that was may be forgotten anywhere by now, and it would be seen again. */
  #isWanted({ isRemoved, node }: Orphan): boolean {
    return !isRemoved || (node.register !== null && isVisible(node, node.register, this.#options.now()));
  }

  #noteAbsent(owners: ReadonlySet<string>, connected: ReadonlySet<string>): void {
    for (const owner of this.#absentSince.keys()) if (!owners.has(owner)) this.#absentSince.delete(owner);
    for (const owner of owners) {
      if (owner === this.#options.replicaId || connected.has(owner)) this.#absentSince.delete(owner);
      else if (!this.#absentSince.has(owner)) this.#absentSince.set(owner, this.#options.now());
    }
  }

  #expireOne(nowMs: number): boolean {
    const node = this.#tree.expireNext(nowMs);
    if (node === null) return false;
    this.#ledger.expire(node);
    this.#options.onExpired(node);
    return true;
  }

  #retireOne(nowMs: number): boolean {
    const node = this.#tree.retireNext(nowMs);
    if (node === null) return false;
    this.#tree.buryExpired(node, (below) => {
      // Not only counted as lost: others will see it again if the expiry turns out to be hidden itself.
      if (this.#ledger.hasCopy(below)) this.#ledger.buryAll(below);
      else if (below.register?.home !== null) return false;
      return true;
    });
    // Others may have yet to write into this epoch what the tombstone hides.
    if (this.#options.now() - this.#epochSince < this.#options.retentionMs()) return true;
    // Of several copies each is removed by whoever looks after it.
    if (!this.#ledger.hasCopy(node) || !this.#ledger.hasCopiesOnly(node)) return true;
    if (this.#tree.isLastTrace(node, node.entries)) this.#ledger.buryAll(node);
    return true;
  }

  /**
   * What an owner who has told all did not write, or has removed, is gone on purpose, and is forgotten after the
   * retention, but not before the owner can have heard that somebody took it for gone. Where it is gone, who removed
   * the entry may not have heard of it: the manager writes it again, or, after the retention, whoever has it. So it
   * is, later by as long as a present owner has, where the owner is there, but has not told all.
   */
  #tendOrphans(connected: ReadonlySet<string>, isManager: boolean, heard: ReadonlySet<string>): void {
    const { replicaId, now, retentionMs, orphanMsMin } = this.#options;
    const isTold = (owner: string): boolean => owner === replicaId || heard.has(owner);
    const waitOf = (owner: string): number => {
      const ownersMs = Math.max(retentionMs(), orphanMsMin);
      if (isTold(owner)) return ownersMs;
      return (isManager ? 0 : retentionMs()) + (connected.has(owner) ? ownersMs : 0);
    };
    const { orphans } = this.#tree;
    const nowMs = now();
    const forgettable: Orphan[] = [];
    for (const owner of orphans.owners()) {
      for (const orphan of orphans.takeUntil(owner, nowMs - waitOf(owner))) {
        if (isTold(owner) || !this.#isWanted(orphan)) forgettable.push(orphan);
        else this.#ledger.carry(orphan.node);
      }
    }
    // Taken from the end, the oldest first.
    this.#forgettable = [...forgettable.reverse(), ...this.#forgettable];
    for (let count = 0; count < limits.sweepMax && this.#forgetNext(); count++);
  }

  #forgetNext(): boolean {
    const orphan = this.#forgettable.pop();
    if (orphan === undefined) return false;
    if (!isStill(orphan)) return true;
    for (const key of this.#tree.forget(orphan.node)) {
      for (const register of this.#ledger.document.registersAt(key)) this.#tree.addEntry(register, true);
    }
    return true;
  }
}
