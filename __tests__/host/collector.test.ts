/** The collector: its timer, and sweeps that take more than a turn of the event loop. */
import { Collector } from '../../lib/host/collector';
import { limits } from '../../lib/limits';
import { Bench } from '../core/replicas';

const INTERVAL_MS = 1000;
const { sweepMax, sweepPauseMs } = limits;
const GENTLE_MS = INTERVAL_MS / limits.sweepGentleShare;
const GENTLE_PARTS = GENTLE_MS / sweepPauseMs;

beforeEach(() => jest.useFakeTimers());
afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

/** A collector of a replica in which `parts` times as many values have expired as one part of a sweep deals with. */
function collect(parts: number) {
  const bench = new Bench();
  const replica = bench.create();
  for (let i = 0; i < parts * sweepMax; i++) replica.set(`k${i}`, i, 1);
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

/** When the first `count` parts of a sweep are done that begins at `ms`. */
function gentlePartsFrom(ms: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => ms + i * sweepPauseMs);
}

test('a sweep goes on in parts, with pauses between, and the timer begins no other', () => {
  const { replica, collector, seen } = collect(GENTLE_PARTS);
  jest.advanceTimersByTime(INTERVAL_MS + GENTLE_MS - 1);
  expect(seen.partsAt).toEqual(gentlePartsFrom(INTERVAL_MS, GENTLE_PARTS));
  expect(replica.census().live).toBe(0);
  // The office is served all the same.
  expect(seen.served).toBe(1);
  collector.stop();
});

test('a sweep that takes too long goes on in every turn, for as long as one turn has time, and commits each part', () => {
  const { replica, collector, seen } = collect(2 * GENTLE_PARTS);
  jest.advanceTimersByTime(INTERVAL_MS + GENTLE_MS - 1);
  expect(replica.census().live).toBe(GENTLE_PARTS * sweepMax);
  // Each look at the clock takes a millisecond.
  const now = performance.now.bind(performance);
  let looks = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => now() + ++looks);
  const before = seen.partsAt.length;
  let turns = 0;
  // A timer of this clock takes at least one of its milliseconds.
  for (; turns < GENTLE_PARTS && replica.census().live > 0; turns++) jest.advanceTimersByTime(1);
  expect(seen.partsAt.length - before).toBe(GENTLE_PARTS);
  expect(turns).toBeGreaterThanOrEqual(GENTLE_PARTS / limits.turnMs);
  expect(turns).toBeLessThan(GENTLE_PARTS);
  collector.stop();
});

test('a sweep waits until a new epoch is looked through, and does not end that', () => {
  const { replica, collector, seen } = collect(2 * GENTLE_PARTS);
  replica.beginEpoch();
  collector.stop();
  // `commit` would end it, too.
  const waiting = new Collector({ replica, serve: () => undefined, commit: () => undefined });
  waiting.start(INTERVAL_MS);
  jest.advanceTimersByTime(INTERVAL_MS + 2 * GENTLE_MS);
  expect([replica.isTurningOver, seen.partsAt]).toEqual([true, []]);
  replica.turnOver();
  jest.advanceTimersByTime(INTERVAL_MS);
  expect(replica.census().live).toBe(0);
  waiting.stop();
});

test('a sweep that is over lets the next one begin gently again', () => {
  const { bench, replica, collector, seen } = collect(2 * GENTLE_PARTS);
  jest.advanceTimersByTime(10 * INTERVAL_MS - 1);
  expect(replica.census().live).toBe(0);
  const over = seen.partsAt.length;
  for (let i = 0; i < 3 * sweepMax; i++) replica.set(`again${i}`, i, 1);
  replica.commit();
  bench.nowMs++;
  jest.advanceTimersByTime(INTERVAL_MS);
  expect(seen.partsAt.slice(over, over + 3)).toEqual(gentlePartsFrom(10 * INTERVAL_MS, 3));
  collector.stop();
});

test('a collector that was stopped does nothing any more, not even the rest of a sweep', () => {
  const { replica, collector, seen } = collect(40);
  jest.advanceTimersByTime(INTERVAL_MS + 2 * sweepPauseMs);
  const { served, partsAt } = seen;
  const parts = partsAt.length;
  expect([served, parts]).toEqual([1, 3]);
  collector.stop();
  jest.advanceTimersByTime(10 * INTERVAL_MS);
  expect([seen.served, seen.partsAt.length]).toEqual([served, parts]);
  expect(replica.census().live).toBe(37 * sweepMax);
});

test('a collector that is started again and again collects when it is due, by whatever interval it has then', () => {
  const { collector, seen } = collect(1);
  for (let i = 0; i < 20; i++) {
    jest.advanceTimersByTime(INTERVAL_MS / 10);
    collector.start(INTERVAL_MS);
  }
  expect(seen.served).toBe(2);
  // Longer: what has passed counts; shorter: what has passed may be enough.
  jest.advanceTimersByTime(INTERVAL_MS / 2);
  collector.start(2 * INTERVAL_MS);
  jest.advanceTimersByTime(1.5 * INTERVAL_MS - 1);
  expect(seen.served).toBe(2);
  jest.advanceTimersByTime(1);
  expect(seen.served).toBe(3);
  jest.advanceTimersByTime(INTERVAL_MS);
  collector.start(INTERVAL_MS / 2);
  jest.advanceTimersByTime(1);
  expect(seen.served).toBe(4);
  collector.stop();
});
