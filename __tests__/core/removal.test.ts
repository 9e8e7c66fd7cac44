/** Removal: what of the lost its owner takes back one by one, and when, what waits for its segment map, and what is not its own. */
import { limits } from '../../lib/limits';
import { Bench, placesOf, RETENTION_MS, send, settle } from './replicas';
import type { Replica } from '../../lib/core/replica';

let bench: Bench;
let a: Replica;
let b: Replica;

beforeEach(() => {
  bench = new Bench();
  a = bench.create({ id: 'a' });
  b = bench.create({ id: 'b' });
});

/** A write that all have heard of. */
function share(writer: Replica, path: string, value: unknown = 1): void {
  writer.set(path, value);
  settle(a, b);
  bench.nowMs++;
}

describe('rule (a): an entry that has lost at its path', () => {
  test('stays in the segment map that its owner still fills, and nobody has anything to do', () => {
    share(a, 'x');
    b.set('x', 2);
    send(b, a);
    expect([a.hasUncommitted, b.hasUncommitted, a.commit()]).toEqual([false, false, null]);
    for (const one of [a, b]) expect([placesOf(one), one.get('x')]).toEqual([['a.1 x', 'b.1 x'], 2]);
  });

  test('that comes late and has lost already stays likewise, whoever has won', () => {
    a.set('x', 'earlier');
    bench.nowMs++;
    b.set('x', 'later');
    settle(a, b);
    for (const one of [a, b]) expect([placesOf(one), one.get('x')]).toEqual([['a.1 x', 'b.1 x'], 'later']);
  });

  test('goes with its segment map once nothing lives in that any more, by its owner\'s commit and nobody else\'s', () => {
    const owner = bench.create({ id: 'o', segmentWritesMax: 2 });
    for (const key of ['x', 'y']) owner.set(key, 'old');
    settle(a, b, owner);
    bench.nowMs++;
    b.set('x', 2);
    settle(a, b, owner);
    for (const one of [a, b, owner]) expect(placesOf(one)).toEqual(['b.1 x', 'o.1 x', 'o.1 y']);
    a.set('y', 2);
    send(a, b, owner);
    expect([a.hasUncommitted, b.hasUncommitted, owner.hasUncommitted]).toEqual([false, false, true]);
    settle(a, b, owner);
    for (const one of [a, b, owner]) {
      expect([placesOf(one), one.get([])]).toEqual([['a.1 y', 'b.1 x'], { x: 2, y: 2 }]);
      expect(one.census()).toMatchObject({ live: 2, entries: 2, segments: 2 });
    }
  });

  test('goes with the transaction that writes its successor, if it was the last: no peer sees neither', () => {
    const small = bench.create({ id: 'c', segmentWritesMax: 1 });
    small.set('x', 1);
    send(small, b);
    small.set('x', 2);
    const update = small.commit()!;
    expect(placesOf(small)).toEqual(['c.2 x']);
    b.receive([update]);
    expect([placesOf(b), b.get('x')]).toEqual([['c.2 x'], 2]);
  });

  test.each([
    ['stays if its value is small enough', limits.lostValueBytesMax, ['a.1 x', 'b.1 x']],
    ['is removed by itself, at once, if its value is larger', limits.lostValueBytesMax + 1, ['b.1 x']],
  ])('%s', (_name, bytes, places) => {
    // Two of the bytes are its quotes.
    share(a, 'x', 'v'.repeat(bytes - 2));
    expect(a.census().bytes).toBe(bytes);
    b.set('x', 2);
    send(b, a);
    expect(a.hasUncommitted).toBe(places.length === 1);
    settle(a, b);
    for (const one of [a, b]) expect([placesOf(one), one.get('x')]).toEqual([places, 2]);
  });
});

describe('rule (b): an entry hidden by an ancestor\'s stamp', () => {
  beforeEach(() => {
    share(a, 'beside');
    share(a, 'x.y');
    share(a, 'x.y.z');
    share(b, 'x.own');
  });

  const all = ['a.1 beside', 'a.1 x.y', 'a.1 x.y.z', 'b.1 x.own'];
  const sweep = (...replicas: Replica[]): void => {
    for (const one of replicas) one.sweep();
    settle(a, b);
  };

  test.each([
    ['a delete', () => b.delete('x'), ['b.1 x'], ['a.1 beside', 'b.1 x'], { beside: 1 }],
    ['a clear', () => b.delete([]), ['b.1 '], ['b.1 '], {}],
  ])('is removed, after %s above it, with the next sweep of its owner, at every depth, and nothing beside it', (_name, write, added, left, shown) => {
    write();
    settle(a, b);
    for (const one of [a, b]) {
      expect(placesOf(one)).toEqual([...all, ...added].sort());
      expect([one.hasUncommitted, one.get([])]).toEqual([false, shown]);
    }
    sweep(a);
    for (const one of [a, b]) expect(placesOf(one)).toEqual([...left, 'b.1 x.own'].sort());
    sweep(b);
    for (const one of [a, b]) expect([placesOf(one), one.get([])]).toEqual([left, shown]);
  });

  test('stays after a set above it, whoever sweeps, until a tombstone takes the place of that', () => {
    b.set('x', {});
    settle(a, b);
    sweep(a, b);
    for (const one of [a, b]) expect([placesOf(one), one.get('x')]).toEqual([[...all, 'b.1 x'].sort(), {}]);
    bench.nowMs++;
    a.delete('x');
    settle(a, b);
    sweep(a, b);
    for (const one of [a, b]) expect([placesOf(one), one.get([])]).toEqual([['a.1 beside', 'a.1 x'], { beside: 1 }]);
  });

  test('is removed with the next sweep also when it comes after the tombstone that hides it', () => {
    a.set('x.late', 1);
    a.commit();
    bench.nowMs++;
    b.delete('x');
    settle(a, b);
    sweep(a, b);
    for (const one of [a, b]) expect([placesOf(one), one.get([])]).toEqual([['a.1 beside', 'b.1 x'], { beside: 1 }]);
  });

  test('is not removed when what was written above is earlier', () => {
    const late = bench.create({ id: 'l', now: () => bench.nowMs - 2 });
    late.delete('x');
    bench.nowMs++;
    settle(a, b, late);
    for (const one of [a, b, late]) one.sweep();
    settle(a, b, late);
    for (const one of [a, b, late]) {
      expect(placesOf(one)).toEqual(['a.1 beside', 'a.1 x.y.z', 'b.1 x.own', 'l.1 x']);
      expect(one.get('x')).toEqual({ y: { z: 1 }, own: 1 });
    }
  });

  test('of several owners is gone once each of them has swept, whatever lost there before', () => {
    const c = bench.create({ id: 'c' });
    const owners = [a, b, c];
    settle(...owners);
    // Each at the same paths: of every three one has won, and two have lost before the clear.
    for (const owner of owners) {
      for (const key of ['x.y', 'x.y.z', 'deep.er']) owner.set(key, owner.id);
      settle(...owners);
      bench.nowMs++;
    }
    const lost = (): string[] => placesOf(a).filter((place) => !place.endsWith(' '));
    expect(lost()).toHaveLength(4 + 7);
    c.delete([]);
    settle(...owners);
    for (const owner of owners) {
      expect(lost().some((place) => place.startsWith(owner.id))).toBe(true);
      owner.sweep();
      settle(...owners);
      expect(lost().some((place) => place.startsWith(owner.id))).toBe(false);
    }
    for (const one of owners) {
      expect(placesOf(one)).toEqual(['c.1 ']);
      expect(one.census()).toMatchObject({ live: 0, tombstones: 1, entries: 1 });
    }
  });
});

describe('rule (c): an entry hidden only by an ancestor\'s expiry', () => {
  beforeEach(() => {
    b.set('x', { z: 0 }, 1000);
    settle(a, b);
    bench.nowMs++;
    share(a, 'x.y');
    bench.nowMs += 1000;
  });

  const sweepAll = (): void => {
    for (const one of [a, b]) {
      one.tend(new Set(['a', 'b']), one === b);
      one.sweep();
    }
    settle(a, b);
  };

  test('stays until the expiry lies further back than the retention, though nobody sees it', () => {
    for (const ms of [0, RETENTION_MS - 100]) {
      bench.nowMs += ms;
      sweepAll();
      expect(a.get([])).toEqual({});
      expect(placesOf(a)).toContain('a.1 x.y');
    }
    bench.nowMs += 100;
    sweepAll();
    expect(placesOf(a)).not.toContain('a.1 x.y');
    expect(a.get([])).toEqual({});
  });

  test('is seen again when a write that was still on its way takes the expiry away', () => {
    const late = bench.create({ id: 'c', now: () => bench.nowMs - 1001 });
    // Between the set of x and the set of x.y, and without a ttl.
    bench.nowMs -= 1;
    late.set('x', { late: true });
    bench.nowMs += 1;
    sweepAll();
    const shown = a.get([]);
    expect(shown).toEqual({});
    settle(a, b, late);
    for (const one of [a, b, late]) expect(one.get([])).toEqual({ x: { late: true, y: 1 } });
  });

  test('goes with what hid it: after two more retentions nothing is left', () => {
    for (let i = 0; i < 3; i++) {
      bench.nowMs += RETENTION_MS;
      sweepAll();
    }
    for (const one of [a, b]) {
      expect(placesOf(one)).toEqual([]);
      expect(one.census()).toMatchObject({ live: 0, tombstones: 0, entries: 0 });
    }
  });
});

test('nothing of all this removes an entry of somebody who is there: only its owner does', () => {
  const silent = bench.create({ id: 's' });
  silent.set('x.y', 1);
  silent.set('z', 1);
  send(silent, a, b);
  bench.nowMs++;
  share(a, 'x', 2);
  a.delete('z');
  settle(a, b);
  for (let i = 0; i < 5; i++) {
    bench.nowMs += RETENTION_MS;
    for (const one of [a, b]) {
      one.tend(new Set(['a', 'b', 's']), one === a);
      one.sweep();
    }
    settle(a, b);
  }
  expect(placesOf(a)).toEqual(['a.1 x', 'a.1 z', 's.1 x.y', 's.1 z']);
  settle(a, b, silent);
  silent.sweep();
  settle(a, b, silent);
  // What lies under a set stays until its segment map goes.
  for (const one of [a, b, silent]) expect(placesOf(one)).toEqual(['a.1 x', 'a.1 z', 's.1 x.y']);
});
