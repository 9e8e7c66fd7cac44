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

/** `o` writes x into a segment map of which `m`, who is the manager and cannot see `o`, knows no more than y; only `c` hears of x. */
function dropInIgnorance(): { readonly m: Replica; readonly o: Replica; readonly removal: Uint8Array } {
  const [m, o] = [bench.create({ id: 'm' }), bench.create({ id: 'o' })];
  o.set('y', 1);
  send(o, m, c);
  m.tend(new Set(['c']), true);
  bench.nowMs += RETENTION_MS;
  o.set('x', 'flushed');
  send(o, c);
  m.tend(new Set(['c']), true);
  const removal = m.commit()!;
  expect([placesOf(m), m.has('x')]).toEqual([['m.1 y'], false]);
  return { m, o, removal };
}

test.each([['the manager', true, 0], ['anybody', false, RETENTION_MS]])(
  'what somebody removed who had not heard of it, of an owner who is gone, is written again by %s',
  (_name, isManager, waitMs) => {
    const { m, removal } = dropInIgnorance();
    c.receive([removal]);
    expect([placesOf(c), c.get('x')]).toEqual([['m.1 y'], 'flushed']);
    c.tend(new Set(['m']), false);
    // A snapshot of now would lack it for good.
    expect(c.isWhole).toBe(false);
    bench.nowMs += waitMs;
    c.tend(new Set(['m']), isManager);
    settle(c, m);
    for (const one of [c, m]) expect([placesOf(one), one.get('x'), one.isWhole]).toEqual([['c.1 x', 'm.1 y'], 'flushed', true]);
  },
);

test('what somebody removed who had not heard of it is written again by its owner, if that one is there', () => {
  const { m, o, removal } = dropInIgnorance();
  for (const one of [c, o]) one.receive([removal]);
  bench.nowMs += 1;
  c.tend(new Set(['m', 'o']), true);
  expect(c.commit()).toBeNull();
  settle(o, c, m);
  for (const one of [o, c, m]) expect([placesOf(one), one.get('x')]).toEqual([['m.1 y', 'o.2 x'], 'flushed']);
});

test('what somebody removed who had not heard of it is written again before its owner is missed, by who ends', () => {
  const { m, removal } = dropInIgnorance();
  c.tend(new Set(['m', 'o']), false);
  c.receive([removal]);
  c.writeOrphans();
  settle(c, m);
  expect(m.get('x')).toBe('flushed');
});

test('an owner that is there is given time to hear of what was removed, however short the retention', () => {
  const slow = bench.create({ orphanMsMin: 3 * RETENTION_MS });
  const { o, removal } = dropInIgnorance();
  for (const update of [o.encodeState(), removal]) slow.receive([update]);
  for (let round = 0; round < 2; round++) {
    bench.nowMs += RETENTION_MS;
    slow.tend(new Set(['m', 'o']), false);
    expect(slow.get('x')).toBe('flushed');
  }
  bench.nowMs += RETENTION_MS;
  slow.tend(new Set(['m', 'o']), false);
  expect(slow.has('x')).toBe(false);
});

describe('hidden by an expiry alone, of an owner who is gone, stays hidden', () => {
  let d: Replica;

  /** `b` has removed s.cart, which the expiry of s hides, and is gone; `a` is about to retire s. */
  beforeEach(() => {
    d = create('d');
    a.set('s', { user: 'ada' }, 10);
    settle(a, b, c, d);
    b.set('s.cart', 'tea');
    settle(a, b, c, d);
    bench.nowMs += 10;
    for (const one of [a, b, c, d]) one.sweep();
    settle(a, b, c, d);
    bench.nowMs += RETENTION_MS;
    b.sweep();
    send(b, a, c, d);
    c.tend(new Set(['a', 'd']), false);
    c.sweep();
    c.commit();
  });

  const collect = (manager: Replica, ...others: Replica[]): void => {
    const every = [manager, ...others];
    for (let round = 0; round < 6; round++) {
      bench.nowMs += RETENTION_MS;
      for (const one of every) {
        one.tend(new Set(every.filter((other) => other !== one).map(({ id }) => id)), one === manager);
        one.sweep();
        settle(...every);
      }
    }
    for (const one of every) expect(one.get([])).toEqual({});
  };

  test('where somebody would write orphans before a snapshot', () => {
    expect(c.isWhole).toBe(true);
    c.writeOrphans();
    a.sweep();
    send(a, c, d);
    settle(a, c, d);
    collect(c, a, d);
  });

  test('where somebody would write them at its own end', () => {
    c.writeOrphans();
    expect(c.commit()).toBeNull();
    a.sweep();
    send(a, d);
    collect(a, d);
  });

  test('where the manager would write them in the middle of a collection', () => {
    c.tend(new Set(['a', 'd']), true);
    expect(c.commit()).toBeNull();
    collect(a, d, c);
  });
});

test.each([['its own', 'c'], ['that of who is gone', 'a']])('what this replica has removed itself, %s, is not written again', (_name, owner) => {
  const writer = owner === 'c' ? c : a;
  writer.delete('x.y');
  send(writer, c);
  c.tend(new Set(), true);
  bench.nowMs += RETENTION_MS;
  c.tend(new Set(), true);
  // The tombstone is to go, since it hides nothing; but something comes that it would hide.
  c.sweep();
  const early = bench.create({ id: 'e', now: () => bench.nowMs - 2 * RETENTION_MS });
  early.set('x', { y: 1, z: 2 });
  send(early, c);
  c.commit();
  expect([placesOf(c), c.get([])]).toEqual([['e.1 x'], { x: { z: 2 } }]);
  c.tend(new Set(['e']), true);
  expect(c.commit()).toBeNull();
});

test('what waits to be written, and only an expiry hides, is not seen again when that is forgotten', () => {
  a.set('s', { user: 'ada' }, 10);
  settle(a, c);
  bench.nowMs++;
  c.set('s.cart', 'tea');
  bench.nowMs += 10;
  for (const one of [a, c]) one.sweep();
  c.receive([a.commit()!]);
  bench.nowMs += RETENTION_MS;
  a.sweep();
  c.receive([a.commit()!]);
  expect(c.get([])).toEqual({});
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
