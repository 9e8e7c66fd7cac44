/** Stamps: the order of all writes, and the clock that gives them out. */
import fc from 'fast-check';
import { HybridClock, isLater, toHybridTime } from '../../lib/core/stamp';

const NOW_MS = Date.UTC(2026, 0, 1);

describe('the clock', () => {
  test('gives out times that only grow, whatever wall time does and whatever it has seen', () => {
    const input = fc.oneof(
      fc.record({ kind: fc.constant('next' as const), at: fc.integer({ min: 0, max: Date.UTC(2088, 0) }) }),
      fc.record({ kind: fc.constant('observe' as const), at: fc.integer({ min: 0, max: 2 ** 52 }) }),
    );
    fc.assert(
      fc.property(fc.array(input, { maxLength: 50 }), (inputs) => {
        const clock = new HybridClock();
        let latest = -1;
        for (const { kind, at } of inputs) {
          if (kind === 'observe') {
            clock.observe(at);
            latest = Math.max(latest, at);
          } else {
            const time = clock.next(at);
            expect(time).toBeGreaterThan(latest);
            expect(time).toBeGreaterThanOrEqual(toHybridTime(at));
            latest = time;
          }
        }
      }),
    );
  });

  test('follows wall time where nothing holds it back', () => {
    const clock = new HybridClock();
    expect(clock.next(NOW_MS)).toBe(toHybridTime(NOW_MS));
    expect(clock.next(NOW_MS + 5)).toBe(toHybridTime(NOW_MS + 5));
  });

  test('counts within one millisecond, and past it when the count overflows', () => {
    const clock = new HybridClock();
    const times = Array.from({ length: 10_000 }, () => clock.next(NOW_MS));
    expect(times).toEqual(times.map((_time, i) => toHybridTime(NOW_MS) + i));
    expect(clock.next(NOW_MS + 1)).toBe(toHybridTime(NOW_MS) + 10_000);
  });

  test('never gives a time behind a write already seen', () => {
    const clock = new HybridClock();
    clock.observe(toHybridTime(NOW_MS + 60_000));
    expect(clock.next(NOW_MS)).toBe(toHybridTime(NOW_MS + 60_000) + 1);
  });

  test('is not moved by a write of the past', () => {
    const clock = new HybridClock();
    const time = clock.next(NOW_MS);
    clock.observe(time - 1000);
    expect(clock.next(NOW_MS)).toBe(time + 1);
  });

  test('gives usable times where wall time lies before 2020', () => {
    const clock = new HybridClock();
    expect([clock.next(0), clock.next(0), clock.next(-5)]).toEqual([1, 2, 3]);
  });
});

describe('hybrid time', () => {
  test('is an exact integer until 2089', () => {
    const last = Date.UTC(2089, 0, 1);
    expect(Number.isSafeInteger(toHybridTime(last))).toBe(true);
    expect(toHybridTime(last) + 1).not.toBe(toHybridTime(last));
    expect(toHybridTime(Date.UTC(2020, 0, 1))).toBe(0);
  });
});

describe('the order', () => {
  const stamp = fc.record({ time: fc.nat(3), writer: fc.constantFrom('', 'a', 'b', 'b0', 'z') });
  type Stamp = { readonly time: number; readonly writer: string };
  const later = (a: Stamp, b: Stamp): boolean => isLater(a.time, a.writer, b.time, b.writer);

  test('of two different stamps exactly one is later, and none is later than itself', () => {
    fc.assert(
      fc.property(stamp, stamp, (a, b) => {
        const isSame = a.time === b.time && a.writer === b.writer;
        expect(later(a, b) !== later(b, a)).toBe(!isSame);
      }),
    );
  });

  test('is transitive', () => {
    fc.assert(
      fc.property(stamp, stamp, stamp, (a, b, c) => {
        if (later(a, b) && later(b, c)) expect(later(a, c)).toBe(true);
      }),
    );
  });

  test('time decides before the writer, and the empty writer is below all', () => {
    expect(isLater(2, 'a', 1, 'z')).toBe(true);
    expect(isLater(1, 'a', 1, '')).toBe(true);
    expect(isLater(1, '', 1, 'a')).toBe(false);
  });
});
