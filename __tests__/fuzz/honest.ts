/**
 * Two honest replicas over an honest link, one of which has a neighbour that is not: what it is fed, and whether the
 * two still show the same afterwards, by no other means than the protocol.
 */
import * as Y from 'yjs';
import type { Epoch } from '../../lib/core/epoch';
import { Replica } from '../../lib/core/replica';
import { connect, type Link } from '../simulation/network';
import type { Random } from '../simulation/random';
import { check } from './target';

const START_MS = Date.UTC(2026, 0, 1);
const RETENTION_MS = 60_000;
/** Two bring a loss to light, three more a lie that shows when that is made good, and in the last the new epoch is filled. */
const COMPARISONS = 6;
const PATHS = ['a', 'a.b', 'a.b.c', 'list', 'list[0]', 'list[1].x', 'x["y.z"]', 'constructor'];
const VALUES = [1, 'text', null, [1, 2, { a: 1 }], { b: { c: 2 } }, true];

export class Honest {
  /** How often two did not show the same before all was written again. */
  static disagreements = 0;
  readonly a: Replica;
  /** What the two have said, for others to damage. */
  readonly said: Uint8Array[] = [];
  readonly #random: Random;
  readonly b: Replica;
  #link: Link;
  #linkCount = 0;
  #nowMs = START_MS;
  #clients = 100;

  constructor(random: Random) {
    this.#random = random;
    this.a = this.#create('a');
    this.b = this.#create('b');
    this.#link = this.#connect();
    this.#deliver();
    for (let i = 0; i < 12; i++) this.write();
    this.#deliver();
    this.said.push(this.a.encodeState());
  }

  /** Feeds the first with updates that its neighbour has sent. */
  take(updates: readonly Uint8Array[]): void {
    try {
      this.a.receive(updates);
    } catch {
      // That link ends.
    }
  }

  /** Has both load what the file that they share holds. */
  load(epoch: Epoch, updates: readonly Uint8Array[]): void {
    this.#replicas.forEach((replica, i) => {
      const before = replica.epoch;
      try {
        replica.load(epoch, updates);
      } catch {
        // The file is kept aside.
      }
      if (replica.epoch !== before) this.restart(i as 0 | 1);
    });
  }

  /** The replica of that side has entered another epoch. */
  restart(side: 0 | 1): void {
    this.#link.towards[side === 0 ? 1 : 0].session.restart(true);
  }

  /** Clocks of the clients that the first knows. */
  clocks(): ReadonlyMap<number, number> {
    const clocks = Y.decodeStateVector(this.a.stateVector());
    return clocks.size > 0 ? clocks : new Map([[1, 0]]);
  }

  /** One of the two writes. */
  write(): void {
    this.#nowMs += 10;
    const replica = this.#random.pick([this.a, this.b]);
    const path = this.#random.pick(PATHS);
    try {
      if (this.#random.chance(0.2)) replica.delete(path);
      else replica.set(path, this.#random.pick(VALUES), this.#random.chance(0.1) ? 1000 : 0);
    } catch (error) {
      // A name below an array, as any user may meet it.
      if ((error as { readonly code?: unknown }).code !== 'ERR_CLUSTER_CACHE_PATH') throw error;
    }
    this.#commit();
    if (this.#random.chance(0.5)) this.#deliver();
  }

  /**
   * Throws unless each hears what the other writes, and both show the same. What a liar has written with the stamp of
   * another's write may be shown by one and not by the other until that place is written again: those are counted.
   */
  checkConvergence(): void {
    this.#converse();
    this.#nowMs += 2 * 24 * 3_600_000;
    this.#replicas.forEach((replica, i) => replica.set(`probe${i}`, 'heard'));
    this.#converse();
    this.#checkHeard();
    this.#settle();
    if (!this.#isAgreed()) Honest.disagreements++;
    this.#nowMs += 1;
    this.a.delete([]);
    this.#converse();
    this.#replicas.forEach((replica, i) => replica.set(`probe${i}`, 'heard'));
    this.#settle();
    this.#checkHeard();
    check(this.#isAgreed(), `both show the same: ${this.#replicas.map((replica) => JSON.stringify(replica.get([]))).join(' and ')}`);
    for (const replica of this.#replicas) check(!replica.hasUncommitted, `${replica.id} comes to rest`);
  }

  #checkHeard(): void {
    for (const replica of this.#replicas) {
      for (const i of [0, 1]) check(replica.get(`probe${i}`) === 'heard', `${replica.id} has heard what ${'ab'[i]} has written`);
    }
  }

  #isAgreed(): boolean {
    const [one, other] = this.#replicas.map((replica) => JSON.stringify(replica.get([])));
    return one === other;
  }

  /** Lets what the gone have left be adopted or forgotten, as it is after the retention. */
  #settle(): void {
    for (let round = 0; round < 4; round++) {
      this.#nowMs += RETENTION_MS;
      this.#replicas.forEach((replica, i) => {
        replica.tend(new Set(['a', 'b']), i === 0);
        replica.sweep();
      });
      this.#converse();
    }
  }

  get #replicas(): readonly [Replica, Replica] {
    return [this.a, this.b];
  }

  #converse(): void {
    for (let round = 0; round < COMPARISONS; round++) {
      this.#commit();
      this.#deliver();
      for (const { session } of this.#link.towards) session.compare();
      this.#deliver();
    }
  }

  #commit(): void {
    this.#replicas.forEach((replica, i) => {
      const { session } = this.#link.towards[i === 0 ? 1 : 0];
      for (let update = replica.commit(); update !== null; update = replica.commit()) {
        this.said.push(update);
        session.push(update);
      }
      session.complete();
    });
  }

  #deliver(): void {
    const [toA, toB] = this.#link.towards;
    for (let turn = 0; toA.pending + toB.pending > 0; turn++) {
      check(turn < 1000, 'the two come to an end of talking');
      try {
        // What is sent to one is received by the session of that one, which sends to the other.
        toB.session.receive(toA.take(Infinity));
        toA.session.receive(toB.take(Infinity));
      } catch (error) {
        // One has been told something in the other's name, and passes it on in good faith.
        if ((error as { readonly code?: unknown }).code !== 'ERR_CLUSTER_CACHE_UPDATE') throw error;
        for (const { session } of this.#link.towards) session.end();
        this.#link = this.#connect();
        this.#deliver();
        return;
      }
      this.#commit();
    }
  }

  #connect(): Link {
    check(++this.#linkCount < 10, 'the two stay linked');
    const isTurn = (): boolean => this.#random.chance(0.8);
    return connect([0, 1], [this.a, this.b], 1000, () => this.#nowMs, isTurn, (side) => this.restart(side));
  }

  #create(id: string): Replica {
    return new Replica({
      id,
      now: () => this.#nowMs,
      nextClientId: () => ++this.#clients,
      retentionMs: () => RETENTION_MS,
      segmentWritesMax: 6,
      movesMax: 4,
    });
  }
}
