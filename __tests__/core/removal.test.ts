/** Removal: an owner takes back what has lost, with its next commit, and never what is not its own. */
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
  test('is removed by its owner with the commit after it heard of the later write, and not by others', () => {
    share(a, 'x');
    b.set('x', 2);
    send(b, a);
    expect(placesOf(b)).toEqual(['a.1 x', 'b.1 x']);
    expect(a.hasUncommitted).toBe(true);
    send(a, b);
    for (const one of [a, b]) expect(placesOf(one)).toEqual(['b.1 x']);
    expect([a.hasUncommitted, b.hasUncommitted]).toEqual([false, false]);
  });

  test('that comes late and has lost already is removed by its owner, whoever has won', () => {
    a.set('x', 'earlier');
    bench.nowMs++;
    b.set('x', 'later');
    settle(a, b);
    for (const one of [a, b]) expect([placesOf(one), one.get('x')]).toEqual([['b.1 x'], 'later']);
  });

  test('is removed in the same transaction as its successor is written: no peer sees neither', () => {
    const small = bench.create({ id: 'c', segmentWritesMax: 1 });
    small.set('x', 1);
    send(small, b);
    small.set('x', 2);
    const update = small.commit()!;
    expect(placesOf(small)).toEqual(['c.2 x']);
    b.receive([update]);
    expect([placesOf(b), b.get('x')]).toEqual([['c.2 x'], 2]);
  });
});

describe('rule (b): an entry hidden by an ancestor\'s stamp', () => {
  test.each([
    ['a set', () => b.set('x', {})],
    ['a delete', () => b.delete('x')],
    ['a clear', () => b.delete([])],
  ])('is removed after %s above it, at every depth, and nothing beside it', (_name, write) => {
    share(a, 'x.y');
    share(a, 'x.y.z');
    share(b, 'x.own');
    write();
    const winner = placesOf(a).length;
    expect(winner).toBe(3);
    settle(a, b);
    for (const one of [a, b]) expect(placesOf(one)).toHaveLength(1);
    expect(placesOf(a)[0]).toMatch(/^b\./);
  });

  test('is removed also when it comes after the write that hides it', () => {
    a.set('x.y', 1);
    a.commit();
    bench.nowMs++;
    share(b, 'x', {});
    expect(placesOf(b)).toEqual(['b.1 x']);
  });

  test('is not removed when what was written above is earlier', () => {
    b.set('x', {});
    bench.nowMs++;
    a.set('x.y', 1);
    settle(a, b);
    expect(placesOf(a)).toEqual(['a.1 x.y', 'b.1 x']);
    expect(a.get([])).toEqual({ x: { y: 1 } });
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
  expect(placesOf(a)).toEqual(['a.1 x', 'a.1 z']);
});
