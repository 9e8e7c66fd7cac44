/** Deadlines: the heap against a sorted list. */
import fc from 'fast-check';
import { Deadlines, type DeadlineItem } from '../../lib/core/deadlines';

const create = (): DeadlineItem => ({ deadlineSlot: -1 });

type Step = { readonly kind: 'add' | 'move' | 'remove' | 'take'; readonly at: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('add' as const), at: fc.nat(50) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('move' as const, 'remove' as const, 'take' as const), at: fc.nat(50) }) },
);

test('what is due comes out soonest first, whatever is added, moved and removed meanwhile', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const held = new Map<DeadlineItem, number>();
      const deadlines = new Deadlines();
      for (const { kind, at } of steps) {
        const sorted = [...held].sort(([, one], [, other]) => one - other);
        const [item] = sorted[(at * 7) % Math.max(sorted.length, 1)] ?? [create()];
        if (kind === 'add') {
          const added = create();
          held.set(added, at);
          deadlines.add(at, added);
        } else if (kind === 'take') {
          const taken = deadlines.takeDue(at);
          const [soonest] = sorted;
          if (soonest === undefined || soonest[1] > at) expect(taken).toBeUndefined();
          else {
            expect(held.get(taken!)).toBe(soonest[1]);
            expect(taken!.deadlineSlot).toBe(-1);
            held.delete(taken!);
          }
        } else if (held.delete(item)) {
          deadlines.remove(item);
          expect(item.deadlineSlot).toBe(-1);
          if (kind === 'move') {
            held.set(item, at);
            deadlines.add(at, item);
          }
        }
        expect(deadlines.size).toBe(held.size);
      }
      const rest = Array.from(held, () => held.get(deadlines.takeDue(Infinity)!));
      expect(rest).toEqual([...held.values()].sort((one, other) => one - other));
    }),
    { numRuns: 500 },
  );
});

test('sorts as sort does', () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { maxLength: 300 }), (times) => {
      const deadlines = new Deadlines<DeadlineItem & { readonly at: number }>();
      for (const at of times) deadlines.add(at, { ...create(), at });
      const taken = times.map(() => deadlines.takeDue(Infinity)?.at);
      expect(taken).toEqual([...times].sort((a, b) => a - b));
      expect(deadlines.takeDue(Infinity)).toBeUndefined();
      expect(deadlines.size).toBe(0);
    }),
  );
});

test('a deadline is due at its very millisecond, and not before', () => {
  const deadlines = new Deadlines();
  const item = create();
  deadlines.add(10, item);
  expect(deadlines.takeDue(9)).toBeUndefined();
  expect(deadlines.takeDue(10)).toBe(item);
});
