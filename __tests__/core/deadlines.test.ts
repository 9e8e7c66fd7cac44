/** Deadlines: the heap against a sorted list, and its bound on stale items. */
import fc from 'fast-check';
import { Deadlines } from '../../lib/core/deadlines';

interface Item {
  readonly id: number;
  readonly at: number;
}

type Step = { readonly kind: 'add'; readonly at: number } | { readonly kind: 'forget' | 'take'; readonly at: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('add' as const), at: fc.nat(50) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('forget' as const, 'take' as const), at: fc.nat(50) }) },
);

test('what is due comes out soonest first, each current item once, and no stale one', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const current = new Map<number, Item>();
      const deadlines = new Deadlines<Item>((item) => current.has(item.id));
      let ids = 0;
      for (const { kind, at } of steps) {
        const sorted = [...current.values()].sort((a, b) => a.at - b.at);
        if (kind === 'add') {
          const item = { id: ids++, at };
          current.set(item.id, item);
          deadlines.add(at, item);
        } else if (kind === 'forget') {
          const item = sorted[at % Math.max(sorted.length, 1)];
          if (item === undefined) continue;
          current.delete(item.id);
          deadlines.forget();
        } else {
          const expected = sorted[0];
          const taken = deadlines.takeDue(at);
          if (expected === undefined || expected.at > at) expect(taken).toBeUndefined();
          else {
            expect(taken?.at).toBe(expected.at);
            expect(current.delete(taken!.id)).toBe(true);
          }
        }
      }
      const soonest = Math.min(...[...current.values()].map((item) => item.at));
      expect(deadlines.soonest).toBeLessThanOrEqual(soonest);
      expect(deadlines.size).toBeGreaterThanOrEqual(current.size);
    }),
    { numRuns: 300 },
  );
});

test('sorts as sort does', () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { maxLength: 300 }), (times) => {
      const deadlines = new Deadlines<number>(() => true);
      for (const at of times) deadlines.add(at, at);
      const taken = times.map(() => deadlines.takeDue(Infinity));
      expect(taken).toEqual([...times].sort((a, b) => a - b));
      expect(deadlines.takeDue(Infinity)).toBeUndefined();
      expect(deadlines.size).toBe(0);
    }),
  );
});

test('a deadline is due at its very millisecond, and not before', () => {
  const deadlines = new Deadlines<string>(() => true);
  deadlines.add(10, 'a');
  expect(deadlines.soonest).toBe(10);
  expect(deadlines.takeDue(9)).toBeUndefined();
  expect(deadlines.takeDue(10)).toBe('a');
  expect(deadlines.soonest).toBe(Infinity);
});

test('overwriting one key a million times keeps the heap small', () => {
  let latest = -1;
  const deadlines = new Deadlines<number>((item) => item === latest);
  let largest = 0;
  for (let i = 0; i < 1_000_000; i++) {
    if (latest >= 0) deadlines.forget();
    latest = i;
    // The new deadline lies behind the stale ones as often as before them: none of them may come up by itself.
    deadlines.add(1_000_000 - i, i);
    largest = Math.max(largest, deadlines.size);
  }
  expect(largest).toBeLessThan(1100);
  expect(deadlines.takeDue(Infinity)).toBe(999_999);
  expect(deadlines.takeDue(Infinity)).toBeUndefined();
});

test('stale items never outnumber the current ones by more than the slack', () => {
  const current = new Map<number, number>();
  const deadlines = new Deadlines<{ readonly key: number; readonly version: number }>(
    ({ key, version }) => current.get(key) === version,
  );
  let excess = 0;
  for (let i = 0; i < 100_000; i++) {
    const key = i % 1000;
    if (current.has(key)) deadlines.forget();
    current.set(key, i);
    deadlines.add(i, { key, version: i });
    excess = Math.max(excess, deadlines.size - 2 * current.size);
  }
  expect(excess).toBeLessThanOrEqual(1024);
  let taken = 0;
  while (deadlines.takeDue(Infinity) !== undefined) taken++;
  expect(taken).toBe(1000);
});
