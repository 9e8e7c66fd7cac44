/** Expiry: exact on read, nothing left behind, no set lost. */
import { Bench, code, mergeAll, send, START_MS } from './replicas';
import type { Replica } from '../../lib/core/replica';

let bench: Bench;
let replica: Replica;
let peer: Replica;

beforeEach(() => {
  bench = new Bench();
  replica = bench.create();
  peer = bench.create();
});

const pass = (ms: number): void => void (bench.nowMs += ms);

test('an expired value is not returned, from its very millisecond on, by itself or inside a parent', () => {
  replica.set('a.b', 1, 100);
  replica.set('a.c', 2);
  pass(99);
  expect(replica.get('a')).toEqual({ b: 1, c: 2 });
  expect(replica.get('a.b')).toBe(1);
  pass(1);
  expect(replica.get('a.b')).toBeUndefined();
  expect(replica.get('a')).toEqual({ c: 2 });
  expect(replica.get([])).toEqual({ a: { c: 2 } });
  expect(replica.has('a.b')).toBe(false);
  expect(replica.delete('a.b')).toBe(false);
});

test('an expired child disappears from a parent that was read a moment before, without a sweep', () => {
  replica.set('deep.er', { list: [1, 2] });
  replica.set('deep.er.list[1]', 'x', 50);
  expect(replica.get([])).toEqual({ deep: { er: { list: [1, 'x'] } } });
  pass(50);
  expect(replica.get([])).toEqual({ deep: { er: { list: [1, null] } } });
  expect(replica.get('deep.er.list')).toEqual([1, null]);
});

test('an implied container goes with its last expired child', () => {
  replica.set('a.b.c', 1, 10);
  expect(replica.has('a')).toBe(true);
  pass(10);
  expect(replica.has('a')).toBe(false);
  expect(replica.get([])).toEqual({});
});

test('an expired parent takes along what was set below it before, whatever ttl that had', () => {
  replica.set('a', { b: 1 }, 100);
  replica.set('a.c', 2);
  replica.set('a.d', 3, 1000);
  pass(100);
  for (const path of ['a', 'a.b', 'a.c', 'a.d']) expect(replica.get(path)).toBeUndefined();
  expect(replica.get([])).toEqual({});
});

test('a set below an expired parent is not lost, in its very millisecond or later', () => {
  for (const ms of [100, 101]) {
    replica.set('a', { b: 1 }, 100);
    pass(ms);
    replica.set('a.c', 2);
    expect(replica.get([])).toEqual({ a: { c: 2 } });
    replica.sweep();
    expect(replica.get([])).toEqual({ a: { c: 2 } });
    replica.commit();
  }
});

test('a set of an expired path is not lost, swept or not', () => {
  replica.set('a', 1, 100);
  pass(100);
  replica.set('a', 2);
  replica.sweep();
  expect(replica.get('a')).toBe(2);
  replica.set('a', 3, 50);
  pass(50);
  replica.sweep();
  replica.set('a', 4);
  replica.sweep();
  expect(replica.get('a')).toBe(4);
});

test('a set without ttl forgets the old one', () => {
  replica.set('a', 1, 100);
  replica.set('a', 2);
  pass(1000);
  expect(replica.sweep()).toBe(false);
  expect(replica.get('a')).toBe(2);
  expect(bench.told()).toEqual(['r0! set a', 'r0! set a']);
});

test('a set of a parent forgets the ttl of its children', () => {
  replica.set('a.b', 1, 100);
  replica.set('a', { b: 2 });
  pass(1000);
  expect(replica.get('a')).toEqual({ b: 2 });
  expect(replica.sweep()).toBe(false);
});

test('a child with a ttl gives its parent none, and shows nothing of the old value when it expires', () => {
  replica.set('a', { b: 'old', c: 1 });
  replica.set('a.b', 'new', 100);
  pass(100);
  expect(replica.get('a')).toEqual({ c: 1 });
  pass(1e9);
  expect(replica.get('a')).toEqual({ c: 1 });
});

test('a container that replaced an expiring value does not expire', () => {
  replica.set('a', 5, 100);
  replica.set('a.b', 1);
  pass(100);
  expect(replica.get([])).toEqual({ a: { b: 1 } });
});

test('a ttl of 0 or of -0 is none', () => {
  replica.set('a', 1, 0);
  replica.set('b', 1, -0);
  pass(1e12);
  expect(replica.get([])).toEqual({ a: 1, b: 1 });
});

test('a ttl of years works, and the largest number is one', () => {
  const year = 365 * 86_400_000;
  replica.set('a', 1, 50 * year);
  replica.set('b', 1, Number.MAX_VALUE);
  pass(50 * year - 1);
  expect(replica.get([])).toEqual({ a: 1, b: 1 });
  pass(1);
  expect(replica.get([])).toEqual({ b: 1 });
});

test('a fraction of a millisecond is rounded up', () => {
  replica.set('a', 1, 0.25);
  expect(replica.get('a')).toBe(1);
  pass(1);
  expect(replica.get('a')).toBeUndefined();
});

test.each([-1, -0.5, NaN, Infinity, -Infinity, '5', null, true, {}, 5n, new Date(0)])('a ttl of %p is refused', (ttl) => {
  replica.set('a', 1);
  expect(() => replica.set('a', 2, ttl as number)).toThrow(code('TTL'));
  expect(replica.get('a')).toBe(1);
});

test('a sweep takes what has expired at its very millisecond, soonest first, and nothing earlier', () => {
  replica.set('a', 1, 500);
  replica.set('b', 1, 100);
  bench.told();
  for (const [untilMs, told] of [[99, []], [100, ['r0! expire b']], [499, []], [500, ['r0! expire a']], [501, []]] as const) {
    bench.nowMs = START_MS + untilMs;
    expect(replica.sweep()).toBe(false);
    expect(bench.told()).toEqual(told);
  }
});

test('a sweep tells of each expired value once, and takes as many as it is allowed', () => {
  for (const name of ['a', 'b', 'c']) replica.set(name, 1, 10);
  bench.told();
  pass(10);
  expect(replica.sweep(2)).toBe(true);
  expect(bench.told()).toHaveLength(2);
  expect(replica.sweep(2)).toBe(false);
  expect(bench.told()).toHaveLength(1);
  replica.commit();
  expect(replica.sweep()).toBe(false);
  expect(bench.told()).toEqual([]);
});

test('an expiry is told once by each replica, whoever sweeps first', () => {
  replica.set('a', 1, 10);
  replica.set('b', 1, 10);
  send(replica, peer);
  pass(10);
  bench.told();
  peer.sweep();
  replica.sweep();
  send(replica, peer);
  send(peer, replica);
  peer.sweep();
  expect(bench.told().sort()).toEqual(['r0! expire a', 'r0! expire b', 'r1! expire a', 'r1! expire b']);
  replica.set('a', 2, 10);
  send(replica, peer);
  pass(10);
  bench.told();
  replica.sweep();
  send(replica, peer);
  peer.sweep();
  expect(bench.told()).toEqual(['r0! expire a', 'r1 expire a']);
});

test('a remote delete or set leaves no ghost ttl', () => {
  for (const write of [() => peer.delete('a'), () => peer.set('a', 'kept'), () => peer.delete([])]) {
    replica.set('a', 1, 100);
    send(replica, peer);
    write();
    send(peer, replica);
    const shown = replica.get('a');
    pass(1000);
    bench.told();
    expect(replica.sweep()).toBe(false);
    expect(peer.sweep()).toBe(false);
    expect(bench.told()).toEqual([]);
    expect(replica.get('a')).toEqual(shown);
  }
});

test('a swept value is a tombstone: it comes back at nobody, and hides what was set below it before', () => {
  const late = bench.create();
  late.set('a.late', 1);
  pass(1);
  replica.set('a', { b: 1 }, 100);
  send(replica, peer);
  pass(100);
  replica.sweep();
  mergeAll(replica, peer, late);
  for (const one of [replica, peer, late]) expect(one.get([])).toEqual({});
});

test('overwriting one expiring key over and over fills no memory', () => {
  for (let i = 0; i < 20_000; i++) {
    replica.set('a', i, 1000);
    if (i % 100 === 0) send(replica, peer);
  }
  pass(2000);
  bench.told();
  expect(replica.sweep()).toBe(false);
  expect(bench.told()).toEqual(['r0! expire a']);
});

test('a clock that runs backwards loses no write', () => {
  replica.set('a', 1);
  pass(-60_000);
  replica.set('a', 2);
  replica.set('a.b', 3);
  expect(replica.get('a')).toEqual({ b: 3 });
});

test('a sweep in parts ends, since it takes what had expired when it began', () => {
  for (let i = 1; i <= 20; i++) replica.set(`k${i}`, i, i);
  const values = bench.told().length;
  pass(10);
  // Each part takes as long as it is until one more expires.
  for (let parts = 0; replica.sweep(1); parts++) {
    expect(parts).toBeLessThan(values);
    pass(1);
  }
  expect(bench.told()).toEqual(Array.from({ length: 10 }, (_, i) => `r0! expire k${i + 1}`));
  replica.sweep();
  expect(bench.told()).toHaveLength(10);
});
