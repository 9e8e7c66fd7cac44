/**
 * Stalls: for how long the event loops of two processes that share many entries are held up by what the library
 * does now and then. Played by the processes of the soak run.
 */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { delay, until } = require('../../demo/wait');
const { Fleet } = require('../../soak/fleet');
const { limits } = require('../../dist/limits');
const { spellMs } = require('../spell');
const { Table } = require('../table');

const NAME = 'stalls';
const NEARLY = 0.9;
const FULL = { entries: 100_000, expiring: 50_000, ttlMs: 4000, gcInterval: 8000, seconds: 3 };
const QUICK = { entries: 4000, expiring: 2000, ttlMs: 1000, gcInterval: 1000, seconds: 1 };
const WAIT_MS = 60_000;

module.exports = {
  title: 'Stalls',
  about: [
    'Two processes share 100,000 entries. In each scene, the longest pause of the event loop of either, per round; the longest',
    'without what its thread waited for a processor, which others had; and the longest of a third process, which has a cache',
    'with as many entries and does nothing, at the same time: what is below that is the machine’s. Snapshot: the log is',
    'rewritten. Compaction: both',
    'overwrite 10,000 entries a second. Sweep: 50,000 more entries expire at once, and are forgotten (gcInterval is 8 seconds',
    'here, which makes a sweep hurry more than the usual two minutes do). Epoch: a new',
    'document begins. Join: another process comes, and takes everything.',
  ],
  hasPeers: false,

  async run({ rounds, isQuick, progress, endAtExit }) {
    const sizes = isQuick ? QUICK : FULL;
    const table = new Table(COLUMNS, SCENES);
    for (const isPersistent of [true, false]) {
      const scenes = SCENES.filter(({ isOnDisk = false }) => isOnDisk === isPersistent);
      const fleet = new Fleet();
      endAtExit(fleet);
      try {
        await playAll(fleet, scenes, isPersistent, { sizes, rounds, table, progress });
      } finally {
        await fleet.end();
      }
    }
    for (const { id, title } of SCENES) {
      progress(`  ${title}: ${spellMs(table.of(id, 'loop').median)}, of which nothing to do ${spellMs(table.of(id, 'idle').median)}`);
    }
    return table;
  },
};

const COLUMNS = [
  { id: 'loop', title: 'longest pause', format: spellMs },
  { id: 'own', title: 'without waiting for a processor', format: spellMs },
  { id: 'idle', title: 'longest pause of a process that does nothing', format: spellMs },
];

/** `play` is watched, `prepare` is not. Both get the two processes, the sizes, the fleet and the options of the cache. */
const SCENES = [
  {
    id: 'snapshot',
    title: 'snapshot',
    isOnDisk: true,
    // The log is rewritten into a snapshot when it outgrows the one before: it is brought near to that.
    async prepare([first], { entries }, fleet) {
      const load = { count: Math.ceil(entries / 100), keys: entries / 2, batch: 50, prefix: 'p0' };
      while (fillOf(fleet) < NEARLY) await first.ask('load', 'overwrite', load);
    },
    async play(members, { entries }, fleet) {
      const before = snapshotOf(fleet);
      await overwriteGently(members, entries, () =>
        until('a snapshot is written', () => snapshotOf(fleet) !== before, WAIT_MS),
      );
    },
  },
  {
    id: 'compaction',
    title: 'compaction',
    async play(members, { entries, seconds }) {
      await overwriteGently(members, entries, () => delay(seconds * 1000));
    },
  },
  {
    id: 'sweep',
    title: 'sweep',
    async prepare(members, { expiring, ttlMs }) {
      const load = { to: expiring / 2, batch: 200, ttl: ttlMs };
      await Promise.all(members.map((member, i) => member.ask('load', 'fill', { ...load, prefix: `short${i}` })));
      for (const member of members) await member.ask('flush');
    },
    async play(members, { entries, gcInterval }) {
      for (const member of members) {
        const isSwept = async () => {
          // Not all the time: to be asked is work, too.
          await delay(250);
          return (await member.ask('glance')).stats.entries <= entries;
        };
        await until('what expired is swept', isSwept, WAIT_MS);
      }
      // And forgotten.
      await delay(2 * gcInterval);
    },
  },
  {
    id: 'epoch',
    title: 'epoch change',
    async play(members) {
      const { number } = await members[0].ask('epoch');
      // All are asked; only the manager acts on it.
      for (const member of members) await member.ask('wantEpoch');
      for (const member of members) {
        await until(
          'a new epoch is whole',
          async () => {
            const epoch = await member.ask('epoch');
            return epoch.number > number && epoch.isWhole;
          },
          WAIT_MS,
        );
      }
    },
  },
  {
    id: 'join',
    title: 'join of another process',
    async play(members, _sizes, fleet, settings) {
      const joiner = await fleet.open(NAME, settings);
      await joiner.close();
    },
  },
];

async function playAll(fleet, scenes, isPersistent, { sizes, rounds, table, progress }) {
  const settings = isPersistent ? { persist: true } : { persist: false, gcInterval: sizes.gcInterval };
  const members = [await fleet.open(NAME, settings), await fleet.open(NAME, settings)];
  const idle = await fleet.open('idle', { persist: false });
  const load = { to: sizes.entries / 2, batch: 200 };
  await idle.ask('load', 'fill', { ...load, to: sizes.entries });
  await Promise.all(members.map((member, i) => member.ask('load', 'fill', { ...load, prefix: `p${i}` })));
  for (const member of members) await member.ask('flush');
  const watched = [...members, idle];
  for (let round = 0; round < rounds; round++) {
    progress(`round ${round + 1} of ${scenes.map(({ title }) => title).join(', ')}`);
    for (const { id, prepare, play } of scenes) {
      await prepare?.(members, sizes, fleet);
      await Promise.all(watched.map((member) => member.ask('watch')));
      await play(members, sizes, fleet, settings);
      const [first, second, third] = await Promise.all(watched.map((member) => member.ask('watched')));
      table.add(id, 'loop', Math.max(first.max, second.max));
      table.add(id, 'own', Math.max(first.own, second.own));
      table.add(id, 'idle', third.max);
    }
  }
  if (fleet.troubles.length > 0) throw new Error(fleet.troubles.join('; '));
  await idle.kill();
  await fleet.closeAll();
}

/** Overwrites in small batches, until `wait` is over: what is held up shall be held up by upkeep, not by the load. */
async function overwriteGently(members, entries, wait) {
  const load = { count: Infinity, keys: entries / 2, batch: 50, pauseMs: 10 };
  await Promise.all(members.map((member, i) => member.ask('start', 'overwrite', { ...load, prefix: `p${i}` })));
  await wait();
  await Promise.all(members.map((member) => member.ask('stop')));
}

/** What the log has of the bytes from which on it is rewritten. */
function fillOf(fleet) {
  const { snapshot, all } = fleet.fileSizes(NAME);
  return (all - snapshot) / Math.max(limits.logRewriteBytesMin, snapshot);
}

/** Which snapshot it is. */
function snapshotOf(fleet) {
  return fs.statSync(path.join(fleet.folder, 'data', `${NAME}.db`), { throwIfNoEntry: false })?.ino;
}
