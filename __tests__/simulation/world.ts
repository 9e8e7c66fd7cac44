/**
 * The simulated world: replicas with skewed clocks, links that break, users, processes that come and go or crash,
 * managers, and a disk.
 *
 * A history is a function of its seed. The checkers stand beside it, in checkers.ts.
 */
import type { Change } from '../../lib/core/change';
import { Replica } from '../../lib/core/replica';
import { parseKey } from '../../lib/core/path';
import type { Epoch } from '../../lib/core/epoch';
import type { Session } from '../../lib/core/session';
import { FlushLog } from './flushes';
import { connect, type Link } from './network';
import { randomAction } from './user';
import type { Write } from './oracle';
import { Random } from './random';

const START_MS = Date.UTC(2026, 0, 1);
const SKEW_MS = 2000;
/** Small, so that commits come in slices. */
const COMMIT_MAX = 5;
/** Likewise for what compaction moves. */
const MOVES_MAX = 3;
/** Longer than any partition, delay or difference of clocks, so that nothing that was forgotten comes back. */
export const RETENTION_MS = 12_000;
/** No link is down, and no message on its way, for much longer than this. */
const PARTITION_MS = 3000;
/** What one has, all have after this time at the latest. Invariant: below the retention by all that clocks differ. */
const MEETING_MS = 6000;

/** Up to where, of one, each kind of event goes, in the order of `step`; what is left is crashes. */
const CALM_SHARES = [0.3, 0.5, 0.8, 0.88, 0.92, 0.95, 0.953, 0.96, 0.97, 0.975, 0.983, 0.987, 0.99];
/** Links break more often, more is flushed and saved, and epochs begin all the time. */
const RESTLESS_SHARES = [0.25, 0.4, 0.7, 0.78, 0.86, 0.88, 0.895, 0.93, 0.945, 0.95, 0.983, 0.987, 0.99];

export interface Node {
  readonly replica: Replica;
  /** How far its clock is off, in ms. */
  skewMs: number;
  /** Whether it keeps a copy on disk as it goes. */
  readonly isCopied: boolean;
}

export interface WorldOptions {
  /** Replicas may crash and come back empty, or with what is on disk. */
  readonly hasCrashes: boolean;
}

export class World {
  readonly random: Random;
  readonly nodes: Node[] = [];
  /** Every write that ever was, in the order in which it was made. */
  readonly writes: Write[] = [];
  readonly flushes = new FlushLog(this.writes);
  /** From what when on a value is expired, by its mark, for the checker of reads. */
  readonly expiries = new Map<number, number>();
  nowMs = START_MS;
  readonly #links = new Map<string, Link>();
  /** Since when links are down. */
  readonly #downSince = new Map<string, number>();
  readonly #options: WorldOptions;
  /** Writes after which a replica begins a new segment map. */
  readonly segmentWritesMax: number;
  /** Values that the cache may hold. */
  readonly maxEntries: number;
  /** The shares of events. */
  readonly #shares: readonly number[];
  /** The share of waits that are long. */
  readonly #longWaits: number;
  /** That of replicas that keep a copy. */
  readonly #copiedShare: number;
  /** When all had last heard of everything. */
  #metAt = START_MS;
  #disk: { readonly epoch: Epoch; readonly update: Uint8Array } | null = null;
  #marks = 0;
  #ids = 0;
  #isHealed = false;

  constructor(seed: number, options: WorldOptions) {
    this.random = new Random(seed);
    this.#options = options;
    // By itself: what else happens stays the same for a seed.
    this.#shares = new Random(seed + 1).chance(0.25) ? RESTLESS_SHARES : CALM_SHARES;
    // Fewer writes than one commit moves, or more.
    this.segmentWritesMax = this.random.pick([2, 4, 12]);
    this.maxEntries = this.random.chance(0.25) ? 3 + this.random.int(8) : Infinity;
    this.#longWaits = this.random.pick([0.15, 0.15, 0.7]);
    this.#copiedShare = this.random.pick([0, 0.3, 0.3, 0.8]);
    const count = 2 + this.random.int(6);
    for (let i = 0; i < count; i++) this.nodes.push(this.#createNode());
    this.#eachPair((key, a, b) => this.#connect(key, a, b));
  }

  /** One random event. */
  step(): void {
    const { random } = this;
    const roll = random.next();
    const event = this.#shares.findIndex((share) => roll < share);
    if (event === 0) this.#act(random.pick(this.nodes));
    else if (event === 1) this.endTurn(random.pick(this.nodes));
    else if (event === 2) this.#deliverSome();
    else if (event === 3) this.#wait(1 + random.int(random.chance(this.#longWaits) ? PARTITION_MS : 120));
    else if (event === 4) this.#flipLink();
    else if (event === 5) this.upkeep(random.int(this.nodes.length), random.chance(0.4));
    else if (event === 6) this.#beginEpoch(random.pick(this.nodes));
    else if (event === 7) this.#flush(random.int(this.nodes.length));
    else if (event === 8) this.#compareAll();
    else if (event === 9) this.#evict(random.pick(this.nodes), 1 + random.int(4));
    else if (event === 10) this.#save(random.pick(this.nodes));
    else if (event === 11) this.#leave(random.int(this.nodes.length));
    else if (event === 12) this.#rest();
    else if (this.#options.hasCrashes) this.#replace(random.int(this.nodes.length));
  }

  /** Ends all faults, and lets the nodes talk until nothing is left to say. */
  heal(): void {
    this.#isHealed = true;
    // The clocks are put right without any of them going back.
    this.nowMs += SKEW_MS;
    for (const node of this.nodes) node.skewMs = 0;
    this.#meet();
  }

  /** What the timer of a node does; its link to the node `unseen` is down whenever it looks. */
  upkeep(index: number, isManager: boolean, unseen: number | null = null): void {
    const node = this.nodes[index]!;
    this.#tend(index, isManager, unseen);
    node.replica.sweep();
    if (isManager) this.#evict(node, Infinity);
  }

  #tend(index: number, isManager: boolean, unseen: number | null = null): void {
    const { replica } = this.nodes[index]!;
    const sessions = this.#sessionsOf(this.nodes[index]!);
    const unseenId = unseen === null ? null : this.nodes[unseen]!.replica.id;
    const seen = sessions.filter(({ peerReplicaId }) => peerReplicaId !== unseenId);
    const heard = seen.filter(({ hasHeardAll }) => hasHeardAll);
    const idsOf = (some: readonly Session[]): Set<string> => new Set(some.map(({ peerReplicaId }) => peerReplicaId));
    replica.tend(idsOf(seen), isManager, idsOf(heard));
  }

  /** All talk until nobody has anything left to say. */
  settle(): void {
    this.#deliverAll([...this.#links]);
  }

  /** The end of a turn of the event loop: the outbox is committed and goes out. */
  endTurn(node: Node): void {
    const update = node.replica.commit(COMMIT_MAX);
    for (const session of this.#sessionsOf(node)) {
      if (update !== null) session.push(update);
      if (!node.replica.hasUnwritten) session.complete();
    }
  }

  /** Somebody asks all that are linked whether they have what was set here. */
  #flush(index: number): void {
    const { replica, isCopied } = this.nodes[index]!;
    for (const { ends, towards } of this.#links.values()) {
      const side = ends.indexOf(index);
      if (side !== -1) this.flushes.ask(replica, towards[1 - side]!.session, this.nodes[ends[1 - side]!]!.replica, isCopied);
    }
  }

  #sessionsOf(node: Node): Session[] {
    const index = this.nodes.indexOf(node);
    const sessions: Session[] = [];
    for (const link of this.#links.values()) {
      const side = sideOf(link, index);
      if (side !== null) sessions.push(link.towards[1 - side]!.session);
    }
    return sessions;
  }

  #enterEpoch(node: Node): void {
    for (const session of this.#sessionsOf(node)) session.restart(true);
  }

  #beginEpoch(node: Node): void {
    if (this.#isHealed) return;
    node.replica.beginEpoch();
    this.#enterEpoch(node);
  }

  /** Connects all, and lets them talk until each has what any of them has. */
  #meet(): void {
    this.#eachPair((key, a, b) => {
      if (!this.#links.has(key)) this.#connect(key, a, b);
    });
    this.settle();
    // What a process that is gone sent to some only is found by comparing, once seen and once confirmed; what that
    // brings may bring more to light.
    for (let round = 0; round < 4; round++) {
      this.#compareAll();
      this.settle();
    }
    // What of the gone was in the epoch before is written again by a manager that has it, whichever that is.
    for (const index of this.nodes.keys()) {
      this.#tend(index, true);
      this.settle();
    }
    this.#noteMeeting();
  }

  /** All have what any of them has. */
  #noteMeeting(): void {
    this.#metAt = this.nowMs;
    // A file that does not know what all have known might bring back what they forget.
    this.#disk = null;
    this.#save(this.random.pick(this.nodes));
  }

  /**
   * A time longer than the retention in which nothing happens, but for upkeep before and after it. Managers may
   * take a node for gone that was there.
   */
  #rest(): void {
    this.#meet();
    const unseen = this.random.chance(0.4) ? this.random.int(this.nodes.length) : null;
    this.#upkeepSome(unseen);
    // All are there meanwhile.
    for (const ms of [RETENTION_MS / 2, RETENTION_MS / 2 + this.random.int(PARTITION_MS)]) {
      this.nowMs += ms;
      for (const node of this.nodes) this.endTurn(node);
    }
    this.settle();
    this.#noteMeeting();
    this.#upkeepSome(unseen);
  }

  #upkeepSome(unseen: number | null): void {
    for (const index of this.nodes.keys()) {
      if (this.random.chance(0.6)) this.upkeep(index, this.random.chance(0.3), unseen);
    }
  }

  /** What a manager does when the cache holds too much. */
  #evict({ replica }: Node, countMax: number): void {
    if (!replica.isOverLimits) return;
    replica.sweep();
    for (let left = countMax; left > 0; ) {
      const { evicted, hasMore } = replica.evict(left);
      if (!hasMore) return;
      left -= evicted;
    }
  }

  /** Lets time pass, but nothing wait longer than a partition may last. */
  #wait(ms: number): void {
    if (this.nowMs + ms - this.#metAt > MEETING_MS) this.#meet();
    this.nowMs += ms;
    const before = this.nowMs - PARTITION_MS;
    for (const node of this.nodes) this.endTurn(node);
    for (const [key, since] of [...this.#downSince]) if (since < before) this.#connect(key, ...indicesOf(key));
    for (const [key, link] of this.#links) {
      for (const side of [0, 1] as const) if (link.towards[side].oldest < before) this.#deliver(key, side, Infinity);
    }
  }

  clockOf(node: Node): number {
    return this.nowMs + node.skewMs;
  }

  #createNode(): Node {
    const { random } = this;
    const skewMs = this.#isHealed ? 0 : random.int(2 * SKEW_MS) - SKEW_MS;
    const id = `r${(this.#ids++).toString(36)}${random.int(36 ** 4).toString(36)}`;
    const isCopied = random.chance(this.#copiedShare);
    const node: Node = {
      skewMs,
      isCopied,
      replica: new Replica({
        id,
        now: () => this.clockOf(node),
        nextClientId: () => random.int(2 ** 32),
        isCopied: () => isCopied,
        onChange: (change) => this.#note(change),
        segmentWritesMax: this.segmentWritesMax,
        maxEntries: this.maxEntries,
        movesMax: MOVES_MAX,
        stateStructsMax: 6,
        stateLooksMax: 9,
        retentionMs: () => RETENTION_MS,
        orphanMsMin: 0,
      }),
    };
    return node;
  }

  #note({ register, reason, isLocal }: Change): void {
    if (!isLocal || reason === 'expire') return;
    const { key, value, time, writer, expiresAt } = register;
    this.writes.push({ path: parseKey(key)!, value, time, writer, expiresAt });
  }

  #act(node: Node): void {
    // Users go on while a new epoch begins.
    if (node.replica.isTurningOver) node.replica.turnOver(this.random.int(6));
    const mark = ++this.#marks;
    const { kind, path, value, ttl } = randomAction(this.random, mark);
    if (kind !== 'set') {
      node.replica.delete(path);
      return;
    }
    if (ttl !== 0) this.expiries.set(mark, this.clockOf(node) + ttl);
    try {
      node.replica.set(path, value, ttl);
    } catch (error) {
      // An array refuses what it could not show: then nothing was written, and nothing is expected.
      if ((error as { readonly code?: unknown }).code !== 'ERR_CLUSTER_CACHE_PATH') throw error;
    }
  }

  #deliverSome(): void {
    const busy = [...this.#links].flatMap(([key, link]) =>
      ([0, 1] as const).filter((side) => link.towards[side].pending > 0).map((side) => ({ key, side })),
    );
    if (busy.length === 0) return;
    const { key, side } = this.random.pick(busy);
    this.#deliver(key, side, 1 + this.random.int(4));
  }

  #deliver(key: string, side: 0 | 1, countMax: number): void {
    const link = this.#links.get(key)!;
    const node = this.nodes[link.ends[side]]!;
    const messages = link.towards[side].take(countMax);
    if (this.random.chance(0.5)) this.endTurn(node);
    link.towards[side === 0 ? 1 : 0].session.receive(messages);
  }

  #compareAll(): void {
    for (const link of this.#links.values()) for (const endpoint of link.towards) endpoint.session.compare();
  }

  #flipLink(): void {
    const a = this.random.int(this.nodes.length);
    const b = this.random.int(this.nodes.length);
    if (a === b) return;
    const key = keyOf(Math.min(a, b), Math.max(a, b));
    if (this.#links.delete(key)) this.#downSince.set(key, this.nowMs);
    else this.#connect(key, ...indicesOf(key));
  }

  #connect(key: string, a: number, b: number): void {
    // As the host does: a state vector tells only of what is committed.
    this.endTurn(this.nodes[a]!);
    this.endTurn(this.nodes[b]!);
    // A short queue overflows often, and must not while everything settles.
    const queueMax = this.#isHealed || this.random.chance(0.7) ? Infinity : 8;
    this.#downSince.delete(key);
    const [first, second] = [this.nodes[a]!, this.nodes[b]!];
    const link = connect([a, b], [first.replica, second.replica], queueMax, () => this.nowMs, () => this.random.chance(0.7), (side) => {
      this.#enterEpoch(side === 0 ? first : second);
    });
    this.#links.set(key, link);
  }

  #save(node: Node): void {
    // As the keeper does; who is in office has written these as they were removed.
    if (!node.isCopied) node.replica.writeOrphans('removed');
    while (node.replica.hasUncommitted) this.endTurn(node);
    // A state that lacks what others have yet to write again does not replace one that has it.
    if (!node.replica.isWhole) return;
    this.flushes.checkCopy(node.replica);
    this.#disk = { epoch: node.replica.epoch, update: node.replica.encodeState() };
  }

  /** A process ends as it should, once all that it has is with each peer that it is linked to. */
  #leave(index: number): void {
    const node = this.nodes[index]!;
    const other = this.random.int(this.nodes.length);
    const key = keyOf(Math.min(index, other), Math.max(index, other));
    if (other !== index && !this.#links.has(key)) this.#connect(key, ...indicesOf(key));
    const links = [...this.#links].filter(([, link]) => sideOf(link, index) !== null);
    if (links.length === 0) return;
    this.#deliverAll(links);
    // As the manager does: what others have yet to write into this epoch may be known to nobody else.
    node.replica.writeOrphans();
    for (const [, link] of links) link.towards[sideOf(link, index)!].session.ask();
    this.#deliverAll(links);
    if (this.random.chance(0.5)) this.#save(node);
    this.#replace(index);
  }

  /** Lets the two ends of each link talk until they have nothing left to say. */
  #deliverAll(links: readonly (readonly [string, Link])[]): void {
    const nodes = [...new Set(links.flatMap(([, { ends }]) => ends))].map((index) => this.nodes[index]!);
    for (;;) {
      for (const node of nodes) while (node.replica.hasUncommitted) this.endTurn(node);
      const busy = links.filter(([, link]) => link.towards.some((endpoint) => endpoint.pending > 0));
      if (busy.length === 0) return;
      for (const [key] of busy) for (const side of [0, 1] as const) this.#deliver(key, side, Infinity);
    }
  }

  /** The process is gone, and another takes its place, empty or with what is on disk. */
  #replace(index: number): void {
    for (const [key, link] of [...this.#links]) {
      if (sideOf(link, index) === null) continue;
      this.#links.delete(key);
      this.#downSince.set(key, this.nowMs);
    }
    const node = this.#createNode();
    this.nodes[index] = node;
    if (this.#disk !== null && this.random.chance(0.7)) node.replica.load(this.#disk.epoch, [this.#disk.update]);
  }

  #eachPair(visit: (key: string, a: number, b: number) => void): void {
    for (let a = 0; a < this.nodes.length; a++) {
      for (let b = a + 1; b < this.nodes.length; b++) visit(keyOf(a, b), a, b);
    }
  }
}

function keyOf(a: number, b: number): string {
  return `${a}-${b}`;
}

function indicesOf(key: string): [number, number] {
  const [a, b] = key.split('-').map(Number);
  return [a!, b!];
}

/** Which end of the link the node at `index` is, or null. */
function sideOf({ ends: [a, b] }: Link, index: number): 0 | 1 | null {
  return index === a ? 0 : index === b ? 1 : null;
}
