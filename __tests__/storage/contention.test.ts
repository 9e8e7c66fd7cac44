/** Two processes that cannot see each other, and take the files from each other. */
import { limits } from '../../lib/limits';
import { Guest, readBack } from './guests';
import { MemoryDisk } from './memory-disk';

beforeEach(() => {
  jest.replaceProperty(limits, 'contentionWaitMs', 0 as never);
});
afterEach(() => {
  jest.restoreAllMocks();
});

test('what is on disk does not grow with how often they do', async () => {
  const disk = new MemoryDisk();
  const view = disk.view(() => null, () => Promise.resolve());
  const guests = ['a', 'b'].map((name) => new Guest(name, view));
  for (const { keeper } of guests) await keeper.begin();
  const sizes: number[] = [];
  for (let round = 0; round < 40; round++) {
    const guest = guests[round % 2]!;
    // The timer finds that somebody else has written.
    guest.keeper.takeOffice();
    guest.write();
    await guest.flush();
    sizes.push([...disk.files.values()].reduce((sum, { length }) => sum + length, 0));
  }
  expect(await readBack(view, ['a', 'b'])).toEqual({ counts: [20, 20], errors: [] });
  expect(guests.flatMap(({ errors }) => errors)).toEqual([]);
  // Each round adds a write of some 50 bytes, to the snapshot and perhaps to the log.
  expect(sizes[39]! - sizes[0]!).toBeLessThan(40 * 2 * 100);
  for (const { keeper } of guests) await keeper.end();
});
