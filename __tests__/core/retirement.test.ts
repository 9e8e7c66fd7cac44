/** Retirement, rule (d): a tombstone is forgotten when nothing would change if it had never been. */
import { Bench, mergeAll, placesOf, RETENTION_MS, settle } from './replicas';
import type { Replica } from '../../lib/core/replica';

let bench: Bench;
let a: Replica;
let b: Replica;

beforeEach(() => {
  bench = new Bench();
  a = bench.create({ id: 'a' });
  b = bench.create({ id: 'b' });
});

/** What the timers of all do, `b` being the manager, and the turns after it. */
function upkeep(...replicas: Replica[]): void {
  const connected = new Set(replicas.map(({ id }) => id));
  for (const one of replicas) {
    one.tend(connected, one === b);
    one.sweep();
  }
  settle(...replicas);
}

function pass(ms: number, ...replicas: Replica[]): void {
  bench.nowMs += ms;
  upkeep(...(replicas.length === 0 ? [a, b] : replicas));
}

const counts = (replica: Replica): number[] => {
  const { live, tombstones, entries } = replica.census();
  return [live, tombstones, entries];
};

test.each([
  ['a delete', () => a.delete('x')],
  ['a delete of what was never there', () => a.delete('no.where')],
  ['a clear', () => a.delete([])],
])('%s is remembered for the retention, and then by nobody', (_name, write) => {
  a.set('x', 1);
  settle(a, b);
  write();
  settle(a, b);
  pass(RETENTION_MS - 1);
  expect([counts(a)[1], counts(b)[1]]).toEqual([1, 1]);
  pass(1);
  const left = a.has('x') ? 1 : 0;
  for (const one of [a, b]) expect(counts(one)).toEqual([left, 0, left]);
  bench.told();
  pass(RETENTION_MS);
  expect(bench.told()).toEqual([]);
});

test('an expired value is remembered for the retention after it expired, not after it was set', () => {
  a.set('x', 1, 5000);
  settle(a, b);
  pass(5000);
  expect(counts(a)).toEqual([0, 1, 1]);
  pass(RETENTION_MS - 1);
  expect(counts(a)).toEqual([0, 1, 1]);
  pass(1);
  for (const one of [a, b]) expect(counts(one)).toEqual([0, 0, 0]);
});

test('while it is remembered it keeps away what was written before it and comes after it', () => {
  const late = bench.create({ id: 'c' });
  late.set('x', 'late');
  late.set('x.y', 'late');
  bench.nowMs++;
  a.delete('x');
  pass(RETENTION_MS - 1);
  settle(a, b, late);
  for (const one of [a, b, late]) expect(one.get([])).toEqual({});
});

describe('not while something above shows through', () => {
  test('a property of a set above, until that is set anew without it', () => {
    a.set('x', { y: 1, z: 2 });
    a.delete('x.y');
    settle(a, b);
    pass(3 * RETENTION_MS);
    pass(3 * RETENTION_MS);
    for (const one of [a, b]) expect([one.get([]), counts(one)]).toEqual([{ x: { z: 2 } }, [1, 1, 2]]);
    b.set('x.z', 3);
    pass(3 * RETENTION_MS);
    for (const one of [a, b]) expect([one.get([]), counts(one)]).toEqual([{ x: { z: 3 } }, [2, 1, 3]]);
    b.set('x', { z: 4 });
    settle(a, b);
    // Three have lost to it, the tombstone among them, and wait for their segment maps.
    for (const one of [a, b]) expect([one.get([]), counts(one)]).toEqual([{ x: { z: 4 } }, [1, 0, 4]]);
    b.delete('x');
    for (let i = 0; i < 3; i++) pass(RETENTION_MS);
    for (const one of [a, b]) expect([one.get([]), counts(one)]).toEqual([{}, [0, 0, 0]]);
  });

  test('an expired child over an older value of its parent', () => {
    a.set('x', { y: 'old' });
    b.set('x.y', 'new', 10);
    settle(a, b);
    for (let i = 0; i < 4; i++) pass(RETENTION_MS);
    for (const one of [a, b]) expect([one.get([]), counts(one)]).toEqual([{ x: {} }, [1, 1, 2]]);
  });

  test('but when what is above has no such property, it goes', () => {
    a.set('x', { z: 2 });
    a.set('x.y', 1);
    a.delete('x.y');
    settle(a, b);
    pass(RETENTION_MS);
    for (const one of [a, b]) expect([one.get([]), counts(one)]).toEqual([{ x: { z: 2 } }, [1, 0, 1]]);
  });
});

describe('not while anything is left', () => {
  test('at its path: the entry of who has not removed it yet', () => {
    const silent = bench.create({ id: 'c' });
    silent.set('x', 1);
    mergeAll(silent, a, b);
    bench.nowMs++;
    a.delete('x');
    settle(a, b);
    const connected = new Set(['a', 'b', 'c']);
    for (let i = 0; i < 4; i++) {
      bench.nowMs += RETENTION_MS;
      for (const one of [a, b]) {
        one.tend(connected, one === b);
        one.sweep();
      }
      settle(a, b);
    }
    expect(placesOf(a)).toEqual(['a.1 x', 'c.1 x']);
    pass(0, a, b, silent);
    pass(RETENTION_MS, a, b, silent);
    for (const one of [a, b, silent]) expect(placesOf(one)).toEqual(['a.1 x']);
    pass(RETENTION_MS, a, b, silent);
    for (const one of [a, b, silent]) expect([one.get([]), counts(one)]).toEqual([{}, [0, 0, 0]]);
  });

  test('below it: also where that is newer and stays for ever', () => {
    a.delete('x');
    b.set('x.y.z', 1);
    settle(a, b);
    for (let i = 0; i < 3; i++) pass(RETENTION_MS);
    for (const one of [a, b]) expect([one.get([]), counts(one)]).toEqual([{ x: { y: { z: 1 } } }, [1, 1, 2]]);
    b.delete('x.y.z');
    for (let i = 0; i < 3; i++) pass(RETENTION_MS);
    for (const one of [a, b]) expect(counts(one)).toEqual([0, 0, 0]);
  });

  test('a chain of tombstones goes from the bottom up', () => {
    for (const path of ['x', 'x.y', 'x.y.z']) a.delete(path);
    settle(a, b);
    for (let i = 0; i < 4; i++) pass(RETENTION_MS);
    for (const one of [a, b]) expect(counts(one)).toEqual([0, 0, 0]);
  });
});

describe('in a new epoch', () => {
  test('nothing is forgotten before the retention has passed in it', () => {
    a.delete('x');
    settle(a, b);
    bench.nowMs += 10 * RETENTION_MS;
    const epoch = { number: 1, founder: 'b' };
    for (const one of [a, b]) one.enterEpoch(epoch);
    settle(a, b);
    pass(RETENTION_MS - 1);
    expect(placesOf(b)).toEqual(['a.1 x']);
    pass(1);
    pass(RETENTION_MS);
    for (const one of [a, b]) expect(counts(one)).toEqual([0, 0, 0]);
  });

  test('what a tombstone hides stays hidden though its owner writes it again late', () => {
    const late = bench.create({ id: 'c' });
    late.set('x.y', 1);
    mergeAll(late, a, b);
    bench.nowMs++;
    a.delete('x');
    settle(a, b);
    bench.nowMs += 10 * RETENTION_MS;
    // `c` has not heard of the delete when it enters, so that it writes what it still shows.
    for (const one of [a, b, late]) one.enterEpoch({ number: 1, founder: 'b' });
    for (const one of [a, b]) one.sweep();
    settle(a, b);
    bench.nowMs += RETENTION_MS - 1;
    for (const one of [a, b]) one.sweep();
    settle(a, b, late);
    for (const one of [a, b, late]) expect(one.get([])).toEqual({});
  });
});

test('the retention is asked for anew each time: a longer one holds at once for what comes up', () => {
  let retentionMs = 1000;
  const replica = bench.create({ retentionMs: () => retentionMs });
  replica.delete('x');
  replica.commit();
  retentionMs = 5000;
  bench.nowMs += 999;
  replica.sweep();
  expect(replica.commit()).toBeNull();
  bench.nowMs += 1;
  replica.sweep();
  replica.commit();
  expect(counts(replica)[1]).toBe(0);
});

test('a sweep forgets no more tombstones than it may, and says that some are left', () => {
  for (let i = 0; i < 10; i++) a.delete(`x${i}`);
  a.commit();
  bench.nowMs += RETENTION_MS;
  expect(a.sweep(4)).toBe(true);
  a.commit();
  expect(counts(a)[1]).toBe(6);
  expect(a.sweep(100)).toBe(false);
  a.commit();
  expect(counts(a)).toEqual([0, 0, 0]);
});

test('an expiry that is itself hidden hides nothing, in the sweep as in reads', () => {
  a.set('x', {}, 10);
  a.set('x.y', {}, 30);
  bench.nowMs += 20;
  a.set('x.y.z', 1);
  a.commit();
  for (const ms of [20, RETENTION_MS, RETENTION_MS, RETENTION_MS]) {
    pass(ms, a);
    expect(a.get([])).toEqual({ x: { y: { z: 1 } } });
    expect(placesOf(a).some((place) => place.endsWith(' x.y.z'))).toBe(true);
  }
});
