/** The collector: its timer, and sweeps that take more than a turn of the event loop. */
import { Collector } from '../../lib/host/collector';
import { limits } from '../../lib/limits';
import { Bench } from '../core/replicas';

const INTERVAL_MS = 1;
afterEach(() => jest.restoreAllMocks());

/** Lets the timer fall due before the event loop turns. */
function block(): void {
  for (const end = performance.now() + 2 * INTERVAL_MS; performance.now() < end; );
}

test('while a sweep goes on, a part of it in every turn, the timer begins no other', async () => {
  jest.replaceProperty(limits, 'sweepMs', 0 as never);
  const bench = new Bench();
  const replica = bench.create();
  const parts = 40;
  for (let i = 0; i < parts * limits.sweepMax; i++) replica.set(`k${i}`, i, 1);
  replica.commit();
  bench.nowMs++;
  let [served, partsInTurn] = [0, 0];
  const collector = new Collector({
    replica,
    serve: () => served++,
    commit: () => {
      partsInTurn++;
      replica.commit();
      block();
    },
  });
  collector.start(INTERVAL_MS);
  const most = { partsInTurn: 0 };
  while (replica.census().live > 0) {
    await new Promise(setImmediate);
    most.partsInTurn = Math.max(most.partsInTurn, partsInTurn);
    partsInTurn = 0;
  }
  // The last part of one sweep and the first of the next may meet.
  expect(most.partsInTurn).toBeLessThanOrEqual(2);
  // The office is served all the same.
  expect(served).toBeGreaterThan(parts / 4);
  collector.stop();
  const before = served;
  await new Promise((resolve) => setTimeout(resolve, 10 * INTERVAL_MS));
  expect(served).toBe(before);
});
