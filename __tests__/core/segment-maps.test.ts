/** Segment maps under compaction in slices: whatever is written between two of them, nothing that lives is dropped. */
import fc from 'fast-check';
import { Document } from '../../lib/core/document';
import { firstEpoch } from '../../lib/core/epoch';
import { isSameWrite, type Register } from '../../lib/core/register';
import { surveyUpdate } from '../../lib/core/update';
import { Bench, send } from './replicas';

let clients = 0;
const create = (replicaId: string, segmentWritesMax: number): Document =>
  new Document({ epoch: firstEpoch, replicaId, clientId: ++clients, segmentWritesMax });

/** What its owner knows of a document, as the tree would: the winners and where they stand. */
class Owner {
  readonly winners = new Map<string, Register>();
  /** `from key time` of every move there was. */
  readonly moves: string[] = [];
  readonly document: Document;
  readonly #peer = create('peer', 1);
  #time = 0;

  constructor(segmentWritesMax: number) {
    this.document = create('r0', segmentWritesMax);
  }

  /** Writes `keys` and takes back `lost`, moving `movesMax` entries at most, and two for each that is written. */
  commit(keys: readonly string[], lost: readonly string[], movesMax: number): void {
    for (const key of [...keys, ...lost]) {
      const loser = this.winners.get(key);
      if (loser !== undefined) this.document.lose(loser);
      this.winners.delete(key);
    }
    const movedBefore = this.moves.length;
    const registers = [...new Set(keys)].map((key): Register => ({
      key, time: ++this.#time, writer: 'r0', value: this.#time, expiresAt: 0, bytes: 8, home: null,
    }));
    const { update, entries } = this.document.commit({
      ...{ outrun: [], onOutrun: () => undefined },
      removals: [],
      onRemoved: () => undefined,
      tombstones: [],
      movesMax,
      survivor: (key, segmentId, read) => {
        const winner = this.winners.get(key);
        expect(read()).toMatchObject({ key, home: segmentId });
        return winner?.home === segmentId ? winner : null;
      },
      onMoved: ({ key }, from, { segmentId }) => {
        const winner = this.winners.get(key)!;
        this.moves.push(`${from} ${key} ${winner.time}`);
        winner.home = segmentId;
      },
      registers,
    });
    registers.forEach((register, i) => {
      register.home = entries[i]!.segmentId;
      this.winners.set(register.key, register);
    });
    if (update !== null) this.#peer.apply([surveyUpdate(update)]);
    // In step with what is written.
    expect(this.moves.length - movedBefore).toBeLessThanOrEqual(movesMax + 2 * registers.length);
  }

  /** Checks that each winner is where it should be, here and at a peer that heard of every commit. */
  check(): void {
    for (const document of [this.document, this.#peer]) {
      for (const [key, winner] of this.winners) {
        const copies = document.registersAt(key).filter((one) => isSameWrite(one, winner));
        expect(copies.map(({ home }) => home)).toContain(winner.home);
      }
    }
    // From where it was once moved an entry is not moved again: that one is dead.
    expect(new Set(this.moves).size).toBe(this.moves.length);
  }
}

// A few are written all the time, the others now and then: so segment maps become sparse.
const key = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('k0', 'k1', 'k2') },
  { weight: 1, arbitrary: fc.integer({ min: 3, max: 9 }).map((n) => `k${n}`) },
);
const step = fc.record({
  keys: fc.array(key, { maxLength: 5 }),
  lost: fc.array(key, { maxLength: 1 }),
  movesMax: fc.integer({ min: 1, max: 4 }),
});

test('every commit keeps what lives, moves it no more often than it must, and ends with bounded dead', () => {
  let moves = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 30, maxLength: 80 }), fc.integer({ min: 2, max: 6 }), (steps, segmentWritesMax) => {
      const owner = new Owner(segmentWritesMax);
      for (const { keys, lost, movesMax } of steps) {
        owner.commit(keys, lost.filter((each) => !keys.includes(each)), movesMax);
        owner.check();
      }
      for (let rest = 0; owner.document.needsCompaction; rest++) {
        expect(rest).toBeLessThan(200);
        owner.commit([], [], 1);
        owner.check();
      }
      const live = owner.winners.size;
      const entries = Array.from({ length: 10 }, (_, i) => owner.document.registersAt(`k${i}`).length);
      expect(entries.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(2 * live + segmentWritesMax);
      moves += owner.moves.length;
    }),
    { numRuns: 60 },
  );
  expect(moves).toBeGreaterThan(100);
});

test('moves that fill the current segment map go on in the next, within one commit', () => {
  const owner = new Owner(3);
  // Twelve segment maps, of each of which one entry is left: the dead are more than those and one segment map.
  const all = Array.from({ length: 12 }, (_, i) => i);
  for (const i of all) owner.commit([`k${i}`, `x${i}`, `y${i}`], [], 1);
  expect(owner.document.needsCompaction).toBe(false);
  owner.commit([], all.flatMap((i) => [`x${i}`, `y${i}`]), 100);
  owner.check();
  expect(owner.moves.map((move) => move.split(' ', 2).join(' '))).toEqual([0, 1, 2, 3, 4].map((i) => `r0.${i + 1} k${i}`));
  expect(all.map((i) => owner.winners.get(`k${i}`)!.home)).toEqual([
    'r0.13', 'r0.13', 'r0.13', 'r0.14', 'r0.14', 'r0.6', 'r0.7', 'r0.8', 'r0.9', 'r0.10', 'r0.11', 'r0.12',
  ]);
  expect([owner.document.segmentCount, owner.document.needsCompaction]).toEqual([9, false]);
});

test('what was replaced in a segment map leaves nothing behind when that goes, in any process', () => {
  const bench = new Bench();
  const [a, b] = [bench.create({ retentionMs: () => 1_000 }), bench.create({ retentionMs: () => 1_000 })];
  const structs: number[] = [];
  for (let second = 0; second < 40; second++) {
    for (let i = 0; i < 100; i++) a.set(`k${second}.${i}`, 'gone in a second', 1_000);
    send(a, b);
    bench.nowMs += 1_000;
    for (const replica of [a, b]) replica.sweep();
    while (a.hasUncommitted) send(a, b);
    structs.push(a.census().structs, b.census().structs);
  }
  // What lives, what is remembered, and the names of segment maps; else each expired entry would stay one.
  expect(Math.max(...structs)).toBeLessThan(600);
});
