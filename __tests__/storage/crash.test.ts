/**
 * Crashes at any moment, of a process or of the machine: what a flush has promised is there afterwards, and what is
 * there is what was written up to some moment.
 *
 * CRASHES in the environment sets how many histories are played, CRASH_SEED the first seed.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

import type { Durability } from '../../lib/host/ports';
import { limits } from '../../lib/limits';
import { Random } from '../simulation/random';
import { Guest, readBack } from './guests';
import { MemoryDisk, type Fault } from './memory-disk';

const { CRASHES = '1500', CRASH_SEED = '1' } = process.env;
const count = Number(CRASHES);
const seedFirst = Number(CRASH_SEED);

beforeEach(() => {
  // Small, so that a short history has many snapshots, and waits for nothing.
  jest.replaceProperty(limits, 'logRewriteBytesMin', 600);
  jest.replaceProperty(limits, 'contentionWaitMs', 0 as never);
  jest.replaceProperty(limits, 'wholeWaitMs', 0 as never);
  jest.replaceProperty(limits, 'wholePollMs', 0 as never);
});
afterEach(() => {
  jest.restoreAllMocks();
});

const calm = { onCall: () => null, onWait: () => Promise.resolve() };

/** A process works until it is killed. */
async function live(guest: Guest, random: Random, isKilled: () => boolean, kill: () => void): Promise<void> {
  const work = async (): Promise<void> => {
    await guest.begin();
    for (let i = random.int(12); i > 0 && !isKilled(); i--) {
      for (let writes = random.int(4); writes > 0; writes--) guest.write();
      if (random.chance(0.05)) guest.beginEpoch();
      if (random.chance(0.4)) {
        await guest.flush();
        // Nothing is as fragile as a promise that was just given.
        if (random.chance(0.2)) kill();
      } else await nextTurn();
    }
    if (random.chance(0.5)) await guest.keeper.end();
  };
  const killed = (async () => {
    while (!isKilled()) await nextTurn();
  })();
  await Promise.race([work(), killed]);
}

/** Some generations of processes on one disk, each of which ends in a crash. */
async function play(seed: number, guestsMax: number): Promise<void> {
  const random = new Random(seed);
  let disk = new MemoryDisk();
  const names: string[] = [];
  const promised = new Map<string, number>();
  for (let generation = 0; generation < 3; generation++) {
    let isKilled = false;
    const killAt = 5 + random.int(120);
    let calls = 0;
    const onCall = (): Fault | null => (isKilled || ++calls >= killAt ? ((isKilled = true), 'killed') : null);
    const onWait = async (): Promise<void> => {
      for (let turns = random.int(3); turns > 0; turns--) await nextTurn();
    };
    const durability = random.pick<Durability>(['always', 'everysec', 'no']);
    const guests = Array.from({ length: 1 + random.int(guestsMax) }, (_, i) => {
      const name = `g${generation}p${i}`;
      return new Guest(name, disk.view(onCall, onWait), durability);
    });
    await Promise.all(guests.map((guest) => live(guest, random, () => isKilled, () => (isKilled = true))));
    isKilled = true;
    for (const guest of guests) {
      for (const [name, writes] of guest.promised) promised.set(name, Math.max(writes, promised.get(name) ?? 0));
    }
    // Of some the machine goes down, of others the processes alone.
    if (random.chance(0.6)) disk = disk.crashed(random);
    for (const { name } of guests) names.push(name);
    const { counts } = await readBack(disk.view(calm.onCall, calm.onWait), names);
    for (const [i, name] of names.entries()) {
      expect({ seed, name, isThere: counts[i]! >= (promised.get(name) ?? 0) }).toEqual({ seed, name, isThere: true });
    }
  }
}

test('a log that somebody else has just taken away is still there under its new name (seed 19529)', () => play(19529, 3));

test.each([
  ['one process', 1],
  ['processes that know nothing of each other', 3],
])('a crash at any moment takes nothing that a flush has promised: %s', async (_name, guestsMax) => {
  for (let seed = seedFirst; seed < seedFirst + count; seed++) await play(seed, guestsMax);
}, 120_000 + count * 100);
