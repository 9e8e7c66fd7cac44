/** What was removed by who had not heard of it, or should have gone anyway: who writes it again, and when not. */
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

test('nor does anybody write it in the place of an owner that is there, and has yet to, before that time is over', () => {
  const slow = bench.create({ orphanMsMin: 3 * RETENTION_MS });
  const { o, removal } = dropInIgnorance();
  for (const update of [o.encodeState(), removal]) slow.receive([update]);
  for (const isDue of [false, false, true]) {
    bench.nowMs += RETENTION_MS;
    slow.tend(new Set(['m', 'o']), true, new Set());
    expect(slow.hasUnwritten).toBe(isDue);
  }
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
