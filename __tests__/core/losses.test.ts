/**
 * Losses: nothing leaves the document before what takes its place is in it, however long the outbox is. So whoever reads
 * the updates so far, as after a crash of all, finds the old value or the new one.
 */
import fc from 'fast-check';
import { Document } from '../../lib/core/document';
import { parseKey } from '../../lib/core/path';
import { limits } from '../../lib/limits';
import { surveyUpdate } from '../../lib/core/update';
import { expectedView, type Write } from '../simulation/oracle';
import { Bench, placesOf, RETENTION_MS } from './replicas';
import type { Replica, ReplicaOptions } from '../../lib/core/replica';

const LARGE = 'x'.repeat(limits.lostValueBytesMax);

/** A replica with its log: all updates that its document has taken in, made here or received. */
class Logged {
  readonly updates: Uint8Array[] = [];
  readonly bench = new Bench();
  readonly replica: Replica;
  /** Each write that is in the log, by its stamp. */
  readonly #writes = new Map<string, Write>();
  readonly #reader = new Document({ epoch: { number: 0, founder: '' }, replicaId: 'reader', clientId: 1e9 });
  #read = 0;

  constructor(options: Partial<ReplicaOptions> = {}) {
    this.replica = this.bench.create({ segmentWritesMax: 5, movesMax: 2, onUpdate: (update) => void this.updates.push(update), ...options });
  }

  set(keys: readonly string[], value: unknown): void {
    for (const key of keys) this.replica.set(key, value);
  }

  commitAll(countMax = Infinity): void {
    while (this.replica.hasUncommitted) this.replica.commit(countMax);
  }

  /** What a process shows that has the document as it is now and nothing else, as after a snapshot and a crash of all. */
  restored(): unknown {
    const fresh = this.bench.create();
    fresh.receive([this.replica.encodeState()]);
    return fresh.get([]);
  }

  /** All writes that were ever in the document, whatever was removed since. */
  written(): Write[] {
    for (; this.#read < this.updates.length; this.#read++) {
      for (const { register } of this.#reader.apply([surveyUpdate(this.updates[this.#read]!)]).added) {
        const { key, value, time, writer, expiresAt } = register;
        const stamp = `${time} ${writer}`;
        // The tombstone of an expired value is the same write. If it is all that was written, the value does not matter any more.
        const written = value === undefined && expiresAt !== 0 ? null : value;
        if (!this.#writes.has(stamp)) this.#writes.set(stamp, { path: parseKey(key)!, value: written, time, writer, expiresAt });
      }
    }
    return [...this.#writes.values()];
  }

  /** What lodash makes of them. */
  expected(): unknown {
    return expectedView(this.written(), this.bench.nowMs);
  }
}

const keysOf = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
const all = (keys: readonly string[], value: unknown): Record<string, unknown> => Object.fromEntries(keys.map((key) => [key, value]));

describe('what was overwritten stays until its successor is written', () => {
  const keys = keysOf('k', 10);
  const others = keysOf('o', 20);

  /** Commits a few at a time, and looks each time whether all `keys` show one of `values`, the last of them in the end. */
  function expectKept(log: Logged, values: readonly unknown[], countMax = 3): void {
    const shown = new Set<unknown>();
    while (log.replica.hasUncommitted) {
      log.replica.commit(countMax);
      const restored = log.restored() as Record<string, unknown>;
      for (const key of keys) {
        expect(values).toContainEqual(restored[key]);
        shown.add(restored[key]);
      }
      expect(restored).toEqual(log.expected());
    }
    expect(shown.size).toBe(values.length);
    expect(log.restored()).toEqual(log.replica.get([]));
  }

  test.each([
    ['a value that is removed by itself', LARGE, {}],
    ['a segment map in which nothing lives', 'old', { segmentWritesMax: 10, movesMax: 100 }],
    ['the sparsest segment map', 'old', { segmentWritesMax: 4, movesMax: 100 }],
  ])('in %s', (_name, value, options) => {
    const log = new Logged(options);
    log.set(keys, value);
    log.commitAll();
    log.set(others, 1);
    log.set(keys, 'new');
    expectKept(log, [value, 'new']);
  });

  test('in a segment map of others that is taken over', () => {
    const log = new Logged();
    const gone = log.bench.create({ id: 'gone' });
    for (const key of keys) gone.set(key, 'old');
    log.replica.receive([gone.commit()!]);
    log.replica.tend(new Set(), true);
    log.bench.nowMs += RETENTION_MS;
    log.set(others, 1);
    log.set(keys, 'new');
    log.replica.tend(new Set(), true);
    expectKept(log, ['old', 'new']);
    expect(placesOf(log.replica).some((place) => place.startsWith('gone'))).toBe(false);
  });
});

test('what a set above hides stays until that is written', () => {
  for (const value of ['old', LARGE]) {
    const log = new Logged({ segmentWritesMax: 3, movesMax: 50 });
    const keys = keysOf('x.k', 6);
    log.set(keys, value);
    log.commitAll();
    log.set(keysOf('o', 12), 1);
    log.replica.set('x', 'all');
    for (const expected of [...Array<unknown>(3).fill(all(keysOf('k', 6), value)), 'all']) {
      log.replica.commit(4);
      expect((log.restored() as { x: unknown }).x).toEqual(expected);
    }
    log.commitAll();
    expect(placesOf(log.replica).filter((place) => place.includes(' x'))).toHaveLength(1);
  }
});

test('what was overwritten by what is hidden before it was written waits for what hides that', () => {
  const log = new Logged({ segmentWritesMax: 3, movesMax: 50 });
  const keys = keysOf('x.k', 6);
  log.set(keys, LARGE);
  log.commitAll();
  log.set(keys, 'never written');
  log.set(keysOf('o', 12), 1);
  log.replica.set('x', 'all');
  for (const expected of [...Array<unknown>(3).fill(all(keysOf('k', 6), LARGE)), 'all']) {
    log.replica.commit(4);
    expect((log.restored() as { x: unknown }).x).toEqual(expected);
  }
  log.commitAll();
  expect(placesOf(log.replica).filter((place) => place.includes(' x'))).toHaveLength(1);
});

test('what a delete hides is not swept before that is written, and is with the same commit', () => {
  const log = new Logged({ segmentWritesMax: 100 });
  const keys = keysOf('x.k', 6);
  log.set(keys, 'old');
  log.commitAll();
  log.set(keysOf('o', 12), 1);
  log.replica.set('x.k0', 'new');
  log.replica.delete('x');
  log.replica.sweep();
  for (let i = 0; i < 3; i++) {
    log.replica.commit(4);
    expect(log.restored()).toMatchObject({ x: all(keysOf('k', 6), 'old') });
  }
  log.replica.commit(10);
  expect(log.restored()).toEqual(all(keysOf('o', 12), 1));
  expect([log.replica.hasUncommitted, placesOf(log.replica).filter((place) => place.includes(' x'))]).toEqual([false, ['r0.1 x']]);
});

test('an expired value in a segment map of others goes with the commit that writes its tombstone, not before', () => {
  const log = new Logged({ movesMax: 1 });
  const gone = log.bench.create({ id: 'gone' });
  // More than is moved meanwhile.
  for (const key of keysOf('kept', 30)) gone.set(key, 1);
  gone.set('x.y', 'earlier');
  log.replica.receive([gone.commit()!]);
  log.bench.nowMs++;
  gone.set('x', { z: 1 }, RETENTION_MS);
  log.replica.receive([gone.commit()!]);
  log.replica.tend(new Set(), true);
  log.bench.nowMs += RETENTION_MS;
  log.replica.tend(new Set(), true);
  log.set(keysOf('o', 6), 1);
  log.replica.sweep();
  for (let i = 0; i < 3; i++) {
    log.replica.commit(2);
    expect(log.restored()).toEqual(log.expected());
    expect(log.restored()).not.toHaveProperty('x');
  }
  log.commitAll();
  expect(placesOf(log.replica).filter((place) => place.endsWith(' x'))).toEqual([expect.stringMatching(/^r0/)]);
});

describe('what has come into the place of an entry that waited is not lost in its stead', () => {
  test('where it was written before what hides that entry', () => {
    const log = new Logged();
    log.replica.set('x.k', LARGE);
    log.replica.commit();
    log.replica.delete('x');
    log.replica.set('x.k', 'new');
    // What is carried is written the last first.
    log.replica.carryUnwritten();
    log.commitAll(1);
    expect(placesOf(log.replica)).toEqual(['r0.1 x', 'r0.1 x.k']);
    expect(log.restored()).toEqual({ x: { k: 'new' } });
  });

  test('where that was swept as well, and had not come to be removed', () => {
    const log = new Logged({ segmentWritesMax: 10 });
    log.set([...keysOf('y.k', 10), 'x.k'], LARGE);
    log.commitAll();
    log.replica.delete('x');
    log.replica.set('x.k', 'new');
    log.replica.sweep();
    log.replica.delete('y');
    log.replica.carryUnwritten();
    log.commitAll(1);
    expect(log.restored()).toEqual({ x: { k: 'new' } });
  });

  test.each(['before', 'after'])('where its owner has written it, %s that was taken for gone', (when) => {
    const log = new Logged();
    const gone = log.bench.create({ id: 'gone' });
    const adopt = (): void => {
      log.replica.tend(new Set(), true);
      log.bench.nowMs += RETENTION_MS;
      log.replica.tend(new Set(), true);
    };
    gone.set('k', LARGE);
    log.replica.receive([gone.commit()!]);
    log.replica.set('k', 'overwritten');
    if (when === 'after') adopt();
    log.bench.nowMs++;
    gone.set('k', 'new');
    log.replica.receive([gone.commit()!]);
    if (when === 'before') adopt();
    log.commitAll(1);
    expect(placesOf(log.replica)).toEqual(['r0.1 k']);
    expect(log.restored()).toEqual({ k: 'new' });
  });
});

test('what has won again, since all that hid it was forgotten before it was written, has not lost', () => {
  const log = new Logged();
  const [peer, silent] = [log.bench.create({ id: 'peer', segmentWritesMax: 1 }), log.bench.create({ id: 'silent' })];
  const receive = (to: Replica, from: Replica): void => void to.receive([from.commit()!]);
  log.replica.set('k', LARGE);
  log.replica.commit();
  log.replica.set('k', 'never written');
  log.bench.nowMs++;
  peer.set('k', 'replaced');
  receive(log.replica, peer);
  log.bench.nowMs++;
  silent.set('k', 'not heard of');
  receive(peer, silent);
  receive(log.replica, peer);
  for (let i = 0; i < 2; i++) {
    log.replica.tend(new Set(['peer']), false);
    log.bench.nowMs += RETENTION_MS;
  }
  expect(log.replica.get('k')).toBe(LARGE);
  log.commitAll();
  expect(log.restored()).toEqual({ k: LARGE });
});

test('what waits for what was hidden by a write of the same commit has lost with that', () => {
  const log = new Logged();
  log.replica.set('x', 1);
  log.replica.set('x.k', LARGE);
  log.replica.carryUnwritten();
  log.replica.commit(1);
  expect(placesOf(log.replica)).toEqual(['r0.1 x.k']);
  log.replica.set('x.k', 'hidden');
  log.replica.set('x', 2);
  log.commitAll(10);
  expect(placesOf(log.replica)).toEqual(['r0.1 x']);
});

describe('of very much that loses at once', () => {
  const keys = keysOf('k', 2 * limits.lossesMax + 500);

  test('a part counts with each commit, until all does', () => {
    const log = new Logged({ segmentWritesMax: Infinity });
    const lose = jest.spyOn(Document.prototype, 'lose');
    try {
      log.set(keys, 1);
      log.commitAll();
      log.replica.delete([]);
      expect(lose).not.toHaveBeenCalled();
      const counts: number[] = [];
      while (log.replica.hasUncommitted) {
        log.replica.commit();
        counts.push(lose.mock.calls.length);
        lose.mockClear();
      }
      expect(counts).toEqual([limits.lossesMax + 1, limits.lossesMax, 499]);
    } finally {
      lose.mockRestore();
    }
  });

  test('what is met before it counts is not written for again', () => {
    const log = new Logged({ segmentWritesMax: 1 });
    const gone = log.bench.create({ id: 'gone', segmentWritesMax: Infinity });
    for (const key of keys) gone.set(key, 1);
    log.replica.receive([gone.commit()!]);
    log.replica.tend(new Set(), true);
    log.bench.nowMs += RETENTION_MS;
    log.replica.delete([]);
    log.replica.tend(new Set(), true);
    log.commitAll();
    expect(placesOf(log.replica)).toEqual(['r0.1 ']);
  });
});

test('what is written before its turn, in the place of an entry to be moved, is what all else waited for that it hides', () => {
  const log = new Logged();
  const gone = log.bench.create({ id: 'gone' });
  gone.set('x.k', 'old');
  log.replica.receive([gone.commit()!]);
  log.replica.tend(new Set(), true);
  log.bench.nowMs += RETENTION_MS;
  log.set(['x.own'], LARGE);
  log.commitAll();
  log.replica.set('first', 1);
  log.replica.set('x', 'all');
  log.replica.tend(new Set(), true);
  log.replica.commit(1);
  expect([log.restored(), log.replica.hasUnwritten]).toEqual([{ first: 1, x: 'all' }, false]);
  log.commitAll();
  expect(placesOf(log.replica)).toEqual(['r0.1 first', 'r0.1 x']);
});

test('what loses to a write that is in the document does not wait for another', () => {
  const log = new Logged();
  const gone = log.bench.create({ id: 'gone', segmentWritesMax: 1 });
  gone.set('here', 1);
  log.replica.receive([gone.commit()!]);
  log.replica.tend(new Set(), true);
  gone.set('x.k', LARGE);
  log.bench.nowMs += RETENTION_MS;
  log.replica.tend(new Set(), true);
  log.replica.set('x', {});
  log.commitAll();
  log.set(keysOf('o', 12), 1);
  log.replica.set('x.k', 'new');
  gone.set('here', 2);
  log.replica.receive([gone.commit()!]);
  log.replica.tend(new Set(), true);
  log.replica.commit(1);
  log.replica.commit(1);
  expect(log.replica.encodeState().length).toBeLessThan(1000);
  expect(log.restored()).toEqual({ here: 2, o0: 1, o1: 1, x: {} });
});

test('a key that is written again in every turn keeps nothing dead for longer than a commit takes to come to it', () => {
  const log = new Logged({ segmentWritesMax: 10 });
  const keys = keysOf('k', 10);
  for (let round = 0; round < 60; round++) {
    log.set(keys, `${round} ${LARGE}`);
    log.replica.set('above.below', round);
    if (round % 3 === 0) log.replica.set('above', {});
    log.replica.commit(4);
    expect(log.restored()).toEqual(log.expected());
    // Of each path one, what waits for its removal, and what has lost with the segment map that holds it.
    expect(placesOf(log.replica).length).toBeLessThanOrEqual(2 * 12 + 2 * 10);
    expect(log.replica.encodeState().length).toBeLessThan(12 * LARGE.length);
  }
});

test('compaction keeps in step while the outbox is never empty', () => {
  const log = new Logged({ segmentWritesMax: 20, movesMax: 4 });
  const keys = keysOf('k', 400);
  for (let round = 0; round < 300; round++) {
    for (let i = 0; i < 40; i++) log.replica.set(keys[(i * 7919 + round * 104_729) % 400]!, round);
    log.replica.commit(25);
    const { entries, live } = log.replica.census();
    expect(entries).toBeLessThanOrEqual(2 * live + 2 * 20);
  }
  expect(log.replica.hasUnwritten).toBe(true);
  expect(log.restored()).toEqual(log.expected());
});

const name = fc.constantFrom('a', 'b', 'c');
const path = fc.array(name, { minLength: 1, maxLength: 3 });
const who = fc.constantFrom('writer' as const, 'writer' as const, 'other' as const);
const value = fc.constantFrom<unknown>(1, 2, {}, { a: 1 }, { b: { c: 2 } }, LARGE);
const write = { path, who };
const step = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('set' as const), value, ttl: fc.constantFrom(0, 0, 0, 3), ...write }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), ...write }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const), who }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('commit' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('sweep' as const), who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('carry' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('hear' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('tell' as const), count: fc.integer({ min: 1, max: 4 }) }) },
);

test('the document alone shows at any moment what lodash makes of every write that was ever in it', () => {
  const options = fc.record({ segmentWritesMax: fc.integer({ min: 1, max: 6 }), movesMax: fc.integer({ min: 1, max: 3 }) });
  fc.assert(
    fc.property(options, fc.array(step, { maxLength: 60, size: 'max' }), (sizes, steps) => {
      const log = new Logged(sizes);
      const other = log.bench.create({ ...sizes, id: 'other' });
      const replicas = { writer: log.replica, other };
      let told = 0;
      for (const one of steps) {
        if (one.kind === 'set') replicas[one.who].set(one.path, one.value, one.ttl);
        else if (one.kind === 'delete') replicas[one.who].delete(one.path);
        else if (one.kind === 'clear') replicas[one.who].delete([]);
        else if (one.kind === 'sweep') replicas[one.who].sweep();
        else if (one.kind === 'wait') log.bench.nowMs += one.ms;
        else if (one.kind === 'commit') log.replica.commit(one.count);
        else if (one.kind === 'carry') log.replica.carryUnwritten();
        else if (one.kind === 'tell') {
          const update = other.commit(one.count);
          if (update !== null) expect(log.replica.receive([update])).toBe('applied');
        } else {
          other.receive(log.updates.slice(told));
          told = log.updates.length;
        }
        if (one.kind === 'commit' || one.kind === 'tell') expect(log.restored()).toEqual(log.expected());
      }
      log.commitAll(2);
      expect(log.restored()).toEqual(log.expected());
      expect(log.restored()).toEqual(log.replica.get([]));
      // Nothing waits any more: of what is its own, no more is dead than alive, and one segment map.
      const { live, tombstones } = log.replica.census();
      const own = placesOf(log.replica).filter((place) => place.startsWith(`${log.replica.id}.`));
      expect(own.length).toBeLessThanOrEqual(2 * (live + tombstones) + sizes.segmentWritesMax);
    }),
    { numRuns: 800 },
  );
});
