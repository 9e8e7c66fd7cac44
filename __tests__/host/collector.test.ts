/** The collector: its timer, and sweeps that take more than a turn of the event loop. */
import { Collector } from '../../lib/host/collector';
import { limits } from '../../lib/limits';
import { Bench } from '../core/replicas';

const INTERVAL_MS = 10 * limits.sweepPauseMs;

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** A collector of a replica in which `parts` times as many values have expired as one part of a sweep deals with. */
function collect(parts: number) {
  const bench = new Bench();
  const replica = bench.create();
  for (let i = 0; i < parts * limits.sweepMax; i++) replica.set(`k${i}`, i, 1);
  replica.commit();
  bench.nowMs++;
  const seen = { served: 0, partsAt: [] as number[] };
  const collector = new Collector({
    replica,
    serve: () => seen.served++,
    commit: () => {
      seen.partsAt.push(performance.now() - begin);
      replica.commit();
    },
  });
  const begin = performance.now();
  collector.start(INTERVAL_MS);
  return { bench, replica, collector, seen };
}

test('a sweep goes on in parts, with pauses that are halved with every interval, and the timer begins no other', () => {
  const { replica, collector, seen } = collect(40);
  jest.advanceTimersByTime(2 * INTERVAL_MS - 1);
  expect(seen.partsAt).toEqual(Array.from({ length: 10 }, (_, i) => INTERVAL_MS + i * limits.sweepPauseMs));
  expect(replica.census().live).toBe(30 * limits.sweepMax);
  jest.advanceTimersByTime(INTERVAL_MS);
  expect(seen.partsAt.slice(10)).toEqual(Array.from({ length: 20 }, (_, i) => 2 * INTERVAL_MS + (i * limits.sweepPauseMs) / 2));
  expect(replica.census().live).toBe(10 * limits.sweepMax);
  // The office is served all the same.
  expect(seen.served).toBe(2);
  collector.stop();
});

test('a sweep that is over lets the next one begin with long pauses again', () => {
  const { bench, replica, collector, seen } = collect(15);
  jest.advanceTimersByTime(3 * INTERVAL_MS - 1);
  expect(replica.census().live).toBe(0);
  const over = seen.partsAt.length;
  for (let i = 0; i < 3 * limits.sweepMax; i++) replica.set(`again${i}`, i, 1);
  replica.commit();
  bench.nowMs++;
  jest.advanceTimersByTime(INTERVAL_MS);
  expect(seen.partsAt.slice(over, over + 3)).toEqual([0, 1, 2].map((i) => 3 * INTERVAL_MS + i * limits.sweepPauseMs));
  collector.stop();
});

test('what waits to be committed ends a part, what nobody has to be told of does not', () => {
  const parts = 40;
  const { replica, collector, seen } = collect(parts);
  // Spelled paths that are too many when the values are gone.
  for (let i = 0; i < 4 * parts * limits.sweepMax; i++) replica.get(`missing${i}`);
  const intervals = 8;
  jest.advanceTimersByTime(intervals * INTERVAL_MS);
  expect(replica.census().live).toBe(0);
  expect(seen.partsAt.length).toBeGreaterThanOrEqual(parts);
  expect(seen.partsAt.length).toBeLessThan(parts + intervals);
  collector.stop();
});

test('a collector that was stopped does nothing any more, not even the rest of a sweep', () => {
  const { replica, collector, seen } = collect(40);
  jest.advanceTimersByTime(INTERVAL_MS + 2 * limits.sweepPauseMs);
  const { served, partsAt } = seen;
  const parts = partsAt.length;
  expect([served, parts]).toEqual([1, 3]);
  collector.stop();
  jest.advanceTimersByTime(10 * INTERVAL_MS);
  expect([seen.served, seen.partsAt.length]).toEqual([served, parts]);
  expect(replica.census().live).toBe(37 * limits.sweepMax);
});
