/**
 * Level: bytes per entry, after one write each and after many overwrites of the same entries.
 */
'use strict';

const { each } = require('../rounds');
const { spellBytes } = require('../spell');
const { Table } = require('../table');

const FULL = { entries: 20_000, overwrites: 1_000_000 };
const QUICK = { entries: 2000, overwrites: 20_000 };
/** Each round overwrites a little more: how much is dead is a saw-tooth, and one look sees any moment of it. */
const STEP = 0.013;
/** Memory is no matter of time: as many processes fill at once as two cores can do with. */
const AT_ONCE = 2;

module.exports = {
  title: 'Level',
  about: [
    'Bytes per entry: 20,000 small values at paths such as `user.42.name`, written once, and after 1,000,000 overwrites',
    'in random order, 1,000 per turn. Memory: heap and buffers after garbage collection, net of the empty store; of',
    'the server in the case of Redis. Disk: the files, or what one would write into one. Each round in a new process.',
    'Automerge has a fiftieth of the overwrites, 20,000.',
  ],

  async run({ crew, peers, redisSocket, rounds, isQuick, progress }) {
    const { entries, overwrites } = isQuick ? QUICK : FULL;
    const table = new Table(COLUMNS, peers);
    const measure = async (peer, round) => {
      const { overwritesShare = 1 } = peer;
      const member = crew.start('level', peer.id);
      try {
        await member.ask('open', { folder: crew.place(), redisSocket });
        await member.ask('write', entries, entries);
        const once = await member.ask('footprint');
        await member.ask('write', Math.round(overwrites * overwritesShare * (1 + round * STEP)), entries);
        const worn = await member.ask('footprint');
        table.add(peer.id, 'memory', once.memory / entries);
        table.add(peer.id, 'memory-worn', worn.memory / entries);
        table.add(peer.id, 'disk', once.disk / entries);
        table.add(peer.id, 'disk-worn', worn.disk / entries);
      } finally {
        await member.kill();
      }
    };
    const onFailure = (peer, error) => table.noteAll(peer.id, error.message);
    for (let round = 0; round < rounds; round++) {
      progress(`round ${round + 1}`);
      const waiting = peers.filter(({ id }) => table.noteOf(id, 'memory') === null);
      // The next one is taken as soon as one is done.
      const lane = async () => {
        while (waiting.length > 0) await each([waiting.shift()], (peer) => measure(peer, round), onFailure);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, lane));
    }
    for (const { id, title } of peers) {
      const [once, worn] = ['memory', 'memory-worn'].map((column) => table.of(id, column));
      progress(`  ${title}: ${once === null ? table.noteOf(id, 'memory') : `${spellBytes(once.median)}, then ${spellBytes(worn.median)}`}`);
    }
    return table;
  },
};

const COLUMNS = [
  { id: 'memory', title: 'memory, written once', format: spellBytes },
  { id: 'memory-worn', title: 'memory, after a million overwrites', format: spellBytes },
  { id: 'disk', title: 'disk, written once', format: spellBytes },
  { id: 'disk-worn', title: 'disk, after a million overwrites', format: spellBytes },
];
