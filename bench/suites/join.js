/**
 * Join: how long a new process takes until it has everything in its memory.
 */
'use strict';

const { each, interleave } = require('../rounds');
const { spellMs } = require('../spell');
const { Table } = require('../table');

const ENTRIES = 100_000;
const ENTRIES_QUICK = 5000;

module.exports = {
  title: 'Join',
  about: [
    '100,000 entries, 10 MB as JSON, into the memory of a process that has started and loaded its modules, but nothing',
    'else. Each time a new process. Files are in the page cache. The pause is the longest time for which the new',
    'process could not do anything else, such as read what it has.',
  ],

  async run({ crew, peers, redisSocket, rounds, isQuick, progress }) {
    const entries = isQuick ? ENTRIES_QUICK : ENTRIES;
    const table = new Table(
      [
        { id: 'time', title: 'time', format: spellMs },
        { id: 'pause', title: 'longest pause', format: spellMs },
      ],
      peers,
    );
    const onFailure = (peer, error) => table.noteAll(peer.id, error.message);
    const scenes = new Map(peers.map((peer) => [peer, { folder: crew.place(), redisSocket }]));
    const providers = new Map(peers.map((peer) => [peer, crew.start('join', peer.id)]));
    progress(`${entries} entries`);
    const ready = await each(
      peers,
      (peer) => providers.get(peer).ask('provide', scenes.get(peer), entries),
      onFailure,
    );
    const measure = async (peer) => {
      const joiner = crew.start('join', peer.id);
      const { ms, pauseMs } = await joiner.ask('join', scenes.get(peer), entries);
      await joiner.kill();
      table.add(peer.id, 'time', ms);
      table.add(peer.id, 'pause', pauseMs);
    };
    await interleave(ready, rounds, measure, onFailure);
    for (const peer of peers) {
      const found = table.of(peer.id, 'time');
      progress(`  ${peer.title}: ${found === null ? table.noteOf(peer.id, 'time') : spellMs(found.median)}`);
    }
    await Promise.all([...providers.values()].map((member) => member.kill()));
    return table;
  },
};
