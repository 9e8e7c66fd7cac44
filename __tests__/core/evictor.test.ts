/** Eviction: the hand passes what is no value, too, and not all of it in one turn of the event loop. */
import { Bench } from './replicas';

const TOMBSTONES = 5000;

/** A replica with room for `maxEntries` values, behind many tombstones. */
function create(maxEntries: number) {
  const bench = new Bench();
  const replica = bench.create({ id: 'a', maxEntries });
  for (let i = 0; i < TOMBSTONES; i++) replica.set(['gone', `k${i}`], i);
  bench.nowMs++;
  for (let i = 0; i < TOMBSTONES; i++) replica.delete(['gone', `k${i}`]);
  replica.commit();
  expect(replica.census()).toMatchObject({ live: 0, tombstones: TOMBSTONES });
  return { bench, replica };
}

test('it passes no more nodes at once than it may, goes on behind them the next time, and ends', () => {
  const { replica } = create(10);
  for (let i = 0; i < 12; i++) replica.set(`k${i}`, i);
  let runs = 0;
  let evicted = 0;
  for (let hasMore = true; hasMore; runs++) {
    const result = replica.evict(1000, 100);
    hasMore = result.hasMore;
    evicted += result.evicted;
  }
  expect([evicted, replica.census().live, replica.isOverLimits]).toEqual([2, 10, false]);
  // Once around, since all were used, and then to the first of them again.
  expect(runs).toBeGreaterThanOrEqual((2 * TOMBSTONES) / 100);
});

test('it evicts no more at once than it may', () => {
  const { replica } = create(2);
  for (let i = 0; i < 12; i++) replica.set(`k${i}`, i);
  expect(replica.evict(4)).toEqual({ evicted: 4, hasMore: true });
  expect(replica.evict(100)).toEqual({ evicted: 6, hasMore: false });
  expect(replica.evict(100)).toEqual({ evicted: 0, hasMore: false });
});
