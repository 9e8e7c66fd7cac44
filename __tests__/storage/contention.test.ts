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

test('a take-over in which any one call fails loses nothing of what it had read', async () => {
  jest.replaceProperty(limits, 'diskRetryMs', 1 as never);
  jest.replaceProperty(limits, 'contentionWaitMs', 0 as never);
  let calls = Infinity;
  for (let at = 0; at < calls; at++) {
    const disk = new MemoryDisk();
    let call = -Infinity;
    const guest = new Guest('s', disk.view(() => (call++ === at ? 'EMFILE' : null), () => Promise.resolve()));
    await guest.keeper.begin();
    const other = new Guest('f', disk.view(() => null, () => Promise.resolve()));
    await other.begin();
    other.write();
    await other.flush();
    guest.write();
    call = 0;
    guest.keeper.takeOffice();
    for (let isSaved = false; !isSaved; ) isSaved = await guest.flush().then(() => true, () => false);
    calls = call;
    const { counts } = await readBack(disk.view(() => null, () => Promise.resolve()), ['f', 's']);
    expect([at, ...counts]).toEqual([at, 1, 1]);
    for (const { keeper } of [guest, other]) await keeper.end();
  }
});
