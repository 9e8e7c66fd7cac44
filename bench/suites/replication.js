/**
 * Replication: how soon a write is readable in another process, how long many take to be everywhere, and what that
 * costs all processes together.
 */
'use strict';

const { each, interleave } = require('../rounds');
const { spellMs } = require('../spell');
const { Table } = require('../table');

const READERS = [1, 3, 7];
const WRITERS = 4;
/** Rounds that are not counted: compiled code and connections come to be. */
const WARM_UP = 1;

const FULL = { writes: 100_000, keys: 10_000, samples: 200 };
const QUICK = { writes: 4000, keys: 1000, samples: 20 };

module.exports = {
  title: 'Replication',
  about: [
    'Delay: from before `set` until `get` gives the new value in another process, which hears of it by an event or a',
    'message; per round the median and the 99th percentile of 200 single writes, idle, and under a load of 10,000 other',
    'writes per second. Writes: 100,000 small ones over 10,000 paths, 1,000 per turn, until every reader has the last',
    'value of each; and 25,000 from each of four processes at once. CPU: processor time per write, of all processes',
    'together, a Redis server and a relaying primary included.',
  ],

  async run(context) {
    const sizes = context.isQuick ? QUICK : FULL;
    const table = new Table(COLUMNS, context.peers);
    for (const readers of READERS) {
      const team = { count: readers + 1, writers: [0], filled: `fill-${readers}`, cpu: `cpu-${readers}` };
      await withTeams(context, table, team, async (teams, onFailure) => {
        if (readers === 1) await delays(context, table, teams, sizes, onFailure);
        await fills(context, table, teams, sizes, onFailure);
      });
    }
    const team = { count: WRITERS, writers: [0, 1, 2, 3], filled: 'fill-all', cpu: 'cpu-all' };
    await withTeams(context, table, team, (teams, onFailure) => fills(context, table, teams, sizes, onFailure));
    return table;
  },
};

const COLUMNS = [
  ['idle', 'delay, idle'],
  ['idle-99', 'delay, idle, p99'],
  ['load', 'delay under load'],
  ['load-99', 'delay under load, p99'],
  ...READERS.map((readers) => [`fill-${readers}`, `100,000 writes to ${readers}`]),
  ['fill-all', '4 × 25,000 writes to each other'],
  ...READERS.map((readers) => [`cpu-${readers}`, `CPU per write, ${readers + 1} processes`]),
  ['cpu-all', 'CPU per write, 4 that write'],
].map(([id, title]) => ({ id, title, format: spellMs }));

/** Has `work` done with a team of `count` processes of each peer. */
async function withTeams({ crew, peers, redisSocket, progress }, table, { count, writers, filled, cpu }, work) {
  progress(`${count} processes, of which ${writers.length} write`);
  const columns = [filled, cpu, ...(count === 2 ? ['idle', 'idle-99', 'load', 'load-99'] : [])];
  const onFailure = (peer, error) => columns.forEach((column) => table.note(peer.id, column, error.message));
  const teams = new Map();
  const ready = await each(
    peers,
    async (peer) => {
      const members = Array.from({ length: count }, () => crew.start('replication', peer.id));
      teams.set(peer, { members, writers, filled, cpu });
      peer.serve?.(members);
      const folder = crew.place();
      for (const [index, member] of members.entries()) await member.ask('carry', { folder, redisSocket, index });
      await Promise.all(members.map((member) => member.ask('meet', count)));
    },
    onFailure,
  );
  await work(new Map(ready.map((peer) => [peer, teams.get(peer)])), onFailure);
  for (const peer of ready) {
    const line = columns.map((column) => {
      const found = table.of(peer.id, column);
      return `${column} ${found === null ? table.noteOf(peer.id, column) : spellMs(found.median)}`;
    });
    progress(`  ${peer.title}: ${line.join(', ')}`);
  }
  await Promise.all([...teams.values()].flatMap(({ members }) => members.map((member) => member.kill())));
}

async function delays({ rounds }, table, teams, { samples }, onFailure) {
  for (const [column, isLoaded] of [['idle', false], ['load', true]]) {
    const measure = async (peer, round) => {
      const [writer, reader] = teams.get(peer).members;
      const heard = reader.ask('listen');
      const [delaysMs] = await Promise.all([heard, writer.ask('probe', samples, isLoaded)]);
      if (round < WARM_UP) return;
      const sorted = delaysMs.sort((a, b) => a - b);
      table.add(peer.id, column, sorted[sorted.length >> 1]);
      table.add(peer.id, `${column}-99`, sorted[Math.floor(sorted.length * 0.99)]);
    };
    await interleave([...teams.keys()], rounds + WARM_UP, measure, onFailure);
  }
}

let lastRound = 0;

async function fills({ rounds }, table, teams, { writes, keys }, onFailure) {
  const measure = async (peer, round) => {
    const { members, writers, filled, cpu } = teams.get(peer);
    const job = { round: ++lastRound, count: writes / writers.length, keys: keys / writers.length };
    const cpuBefore = await cpuOf(members, peer);
    const arrivals = members
      .filter((_, index) => writers.length > 1 || index !== writers[0])
      .map((member) => member.ask('hasAll', job, writers));
    const started = writers.map((index) => members[index].ask('fill', job));
    // All are heard, so that none is left behind unhandled if one fails.
    const [ends, starts] = await Promise.all([Promise.all(arrivals), Promise.all(started)]);
    const cpuAfter = await cpuOf(members, peer);
    if (round < WARM_UP) return;
    table.add(peer.id, filled, Math.max(...ends) - Math.min(...starts));
    table.add(peer.id, cpu, (cpuAfter - cpuBefore) / writes);
  };
  await interleave([...teams.keys()], rounds + WARM_UP, measure, onFailure);
}

/** Processor time of all members so far, and of what stands between them, in ms. */
async function cpuOf(members, { serve }) {
  const times = await Promise.all(members.map((member, index) => member.ask('cpu', index === 0)));
  const { user, system } = process.cpuUsage();
  const hub = serve === undefined ? 0 : (user + system) / 1000;
  return times.reduce((sum, ms) => sum + ms, hub);
}

