/** Orphans: what the document no longer has stays visible until it is known what became of it. */
import { Bench, placesOf, RETENTION_MS, send, settle } from './replicas';
import type { Replica } from '../../lib/core/replica';

let bench: Bench;
let a: Replica;
let b: Replica;
let c: Replica;

beforeEach(() => {
  bench = new Bench();
  [a, b, c] = [create('a'), create('b'), create('c')];
});

/** A replica that gives an entry back as soon as it has lost: it was all that its segment map had. */
const create = (id: string): Replica => bench.create({ id, segmentWritesMax: 1 });

const all = new Set(['a', 'b', 'c']);

/** `a` writes x, and removes it when it hears that `b` has written it too; `c` hears of the removal only. */
function orphan(write: () => void): Uint8Array {
  a.set('x', 'old');
  send(a, b, c);
  bench.nowMs++;
  write();
  const later = b.commit()!;
  a.receive([later]);
  send(a, c);
  expect(placesOf(c)).toEqual([]);
  return later;
}

test('is visible until the later write arrives: neither a miss nor an older value in between', () => {
  const later = orphan(() => b.set('x', 'new'));
  expect([c.get('x'), c.has('x'), c.get([])]).toEqual(['old', true, { x: 'old' }]);
  bench.told();
  c.receive([later]);
  expect(c.get('x')).toBe('new');
  expect(bench.told()).toEqual(['c set x']);
  bench.nowMs += 2 * RETENTION_MS;
  c.tend(all, false);
  expect(c.get('x')).toBe('new');
});

test.each([
  ['a delete', () => b.delete('x'), {}],
  ['a set above', () => b.set([ 'x' ], { y: 1 }), { x: { y: 1 } }],
  ['a clear', () => b.delete([]), {}],
])('is over with %s', (_name, write, shown) => {
  c.receive([orphan(write)]);
  expect(c.get([])).toEqual(shown);
});

test('is forgotten after the retention if nothing came, and not before', () => {
  orphan(() => b.set('x', 'new'));
  bench.nowMs += RETENTION_MS - 1;
  c.tend(all, true);
  expect(c.get('x')).toBe('old');
  bench.nowMs += 1;
  c.tend(all, true);
  expect(c.get([])).toEqual({});
  expect(c.census()).toMatchObject({ live: 0, bytes: 0, tombstones: 0, entries: 0 });
  expect(c.commit()).toBeNull();
});

test('is written again by nobody when its owner, who is there, removed it on purpose', () => {
  orphan(() => b.set('x', 'new'));
  bench.nowMs += RETENTION_MS;
  c.tend(all, true);
  expect([c.commit(), c.has('x')]).toEqual([null, false]);
});

test('is written again when its owner is gone: by the manager, or after the retention by whoever has it', () => {
  orphan(() => b.set('x', 'new'));
  const d = create('d');
  d.load(c.epoch, [c.encodeState()]);
  c.tend(new Set(['b']), false);
  bench.nowMs += RETENTION_MS - 1;
  c.tend(new Set(['b']), false);
  expect([c.commit(), c.get('x')]).toEqual([null, 'old']);
  bench.nowMs += 1;
  c.tend(new Set(['b']), false);
  expect(c.isWhole).toBe(false);
  c.commit();
  expect([placesOf(c), c.get('x'), c.isWhole]).toEqual([['c.1 x'], 'old', true]);
});

test('can be written over, deleted and hidden like everything else', () => {
  orphan(() => b.set('x', 'new'));
  bench.nowMs++;
  c.set('x', 'mine');
  settle(a, b, c);
  for (const one of [a, b, c]) expect([one.get('x'), placesOf(one)]).toEqual(['mine', ['c.1 x']]);
});

test('expires on time', () => {
  a.set('x', 'old', 100);
  send(a, b, c);
  bench.nowMs++;
  b.set('x', 'new');
  a.receive([b.commit()!]);
  send(a, c);
  bench.nowMs += 99;
  expect(c.has('x')).toBe(false);
  bench.told();
  c.sweep();
  expect(bench.told()).toEqual(['c! expire x']);
  bench.nowMs += RETENTION_MS;
  c.tend(all, false);
  expect(c.census()).toMatchObject({ live: 0, tombstones: 0 });
});

test('gives way, when it is forgotten, to what the document has below it, and at its path', () => {
  const slow = bench.create({ id: 's' });
  slow.set('x', 'older');
  slow.set('x.y', 'below');
  bench.nowMs++;
  a.set('x', 'old');
  send(a, b, c);
  send(slow, c);
  bench.nowMs++;
  b.set('x', 'new');
  a.receive([b.commit()!]);
  send(a, c);
  expect(c.get([])).toEqual({ x: 'old' });
  expect(placesOf(c)).toEqual(['s.1 x', 's.1 x.y']);
  bench.nowMs += RETENTION_MS;
  c.tend(all, false);
  expect(c.get([])).toEqual({ x: { y: 'below' } });
  const fresh = bench.create();
  fresh.receive([c.encodeState()]);
  expect(fresh.get([])).toEqual(c.get([]));
  expect(fresh.census()).toEqual(c.census());
});

test('found again in the document, as the copy of another adopter, is an orphan no more', () => {
  a.set('x', 'old');
  const adopters = [create('m'), create('n')] as const;
  send(a, ...adopters);
  for (const one of adopters) one.tend(new Set(), true);
  bench.nowMs += RETENTION_MS;
  for (const one of adopters) {
    one.tend(new Set(), true);
    one.commit();
  }
  const [m, n] = adopters;
  c.receive([m.encodeState()]);
  b.set('x', 'new');
  m.receive([b.commit()!]);
  send(m, c);
  expect([placesOf(c), c.get('x')]).toEqual([[], 'old']);
  c.receive([n.encodeState()]);
  bench.nowMs += RETENTION_MS;
  c.tend(all, false);
  expect([placesOf(c), c.get('x')]).toEqual([['n.1 x'], 'old']);
});

test('a tombstone that its owner has removed is no orphan where nothing would change', () => {
  a.delete('x');
  send(a, c);
  bench.nowMs += RETENTION_MS;
  a.sweep();
  send(a, c);
  expect(c.census()).toMatchObject({ tombstones: 0, entries: 0 });
});

test('a tombstone that its owner has removed is one where something would come to light', () => {
  a.delete('x.y');
  send(a, b, c);
  bench.nowMs += RETENTION_MS;
  a.sweep();
  const removal = a.commit()!;
  // `c` has heard of an older value above, and `a` has not.
  const early = bench.create({ id: 'e', now: () => bench.nowMs - 2 * RETENTION_MS });
  early.set('x', { y: 1, z: 2 });
  send(early, c);
  c.receive([removal]);
  expect(c.get([])).toEqual({ x: { z: 2 } });
});

test.each([
  ['after it', [0, 1]],
  ['before it', [1, 0]],
])('hidden by an expiry alone, stays hidden when the tombstone above goes %s', (_name, order) => {
  a.set('s', { user: 'ada' }, 10);
  settle(a, b, c);
  b.set('s.cart', 'tea');
  settle(a, b, c);
  bench.nowMs += 10;
  for (const one of [a, b]) one.sweep();
  settle(a, b, c);
  bench.nowMs += RETENTION_MS;
  b.sweep();
  const removals = [b.commit()!];
  a.receive(removals);
  // To `a` it is an orphan, too, until the retention is over.
  bench.nowMs += RETENTION_MS;
  a.tend(all, true);
  a.sweep();
  removals.push(a.commit()!);
  for (const index of order) {
    bench.nowMs++;
    c.receive([removals[index]!]);
    expect(c.get([])).toEqual({});
  }
  expect(placesOf(c)).toEqual([]);
  for (let round = 0; round < 2; round++) {
    bench.nowMs += RETENTION_MS - 1;
    c.tend(all, true);
    expect(c.get([])).toEqual({});
  }
  expect(c.census()).toMatchObject({ live: 0, tombstones: 0, entries: 0 });
});

describe('many that are to be forgotten at the same time', () => {
  const KEYS = Array.from({ length: 250 }, (_, i) => `x${i}`);
  const left = (): number => Object.keys(c.get([]) as object).length;

  beforeEach(() => {
    for (const key of KEYS) a.set(key, 'old');
    send(a, b, c);
    bench.nowMs++;
    for (const key of KEYS) b.set(key, 'new');
    a.receive([b.commit()!]);
    do send(a, c);
    while (a.hasUncommitted);
    bench.nowMs += RETENTION_MS;
    c.tend(all, true);
  });

  test('are so some at once, and the others bit by bit by the sweep', () => {
    expect(left()).toBe(150);
    c.sweep(60);
    expect(left()).toBe(90);
    while (c.sweep(60));
    expect(left()).toBe(0);
  });

  test('are not where a later write was made meanwhile, which no document has yet', () => {
    for (const key of KEYS) c.set(key, 'mine');
    while (c.sweep());
    expect([c.get('x249'), left()]).toEqual(['mine', 250]);
  });

  test('are not where a new epoch began meanwhile: it is their owner who knows', () => {
    c.beginEpoch();
    while (c.sweep());
    expect(left()).toBe(150);
  });
});
