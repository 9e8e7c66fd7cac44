/** A process that joins others gets all that they have, once. */
import type { CacheStats } from '../../lib/index';
import { newDirectory, openAll, startForks } from './harness';

test('of a large cache that several have, a joining process is sent hardly more than one of them has', async () => {
  const path = newDirectory();
  const members = startForks(5);
  await openAll(members.slice(0, 4), path, { persist: false });
  const value = 'x'.repeat(500);
  const first = members[0]!;
  await Promise.all(Array.from({ length: 4000 }, (_, i) => first.ask('set', `k${i}`, value)));
  await first.ask('flush');
  const joining = members[4]!;
  await openAll([joining], path, { persist: false });
  const { entries, peers, bytesOnLinks } = (await joining.ask('stats')) as CacheStats;
  expect({ entries, peers }).toEqual({ entries: 4000, peers: 4 });
  const bytes = 4000 * value.length;
  expect(bytesOnLinks.in).toBeGreaterThan(bytes);
  expect(bytesOnLinks.in).toBeLessThan(1.5 * bytes);
});
