/**
 * What the suites of one process have in common: every peer has a process of its own with a store, in which each
 * case is prepared and then measured, in turns with all others.
 */
'use strict';

const { each, interleave } = require('./rounds');
const { Table } = require('./table');
const { spellNs } = require('./spell');

/** Runs `cases` (`{ id, title, scene }`) of `job`; resolves to the table, in nanoseconds. */
async function measureStores(job, cases, { crew, peers, redisSocket, rounds, roundMs, progress }) {
  const columns = cases.map(({ id, title }) => ({ id, title, format: spellNs }));
  const table = new Table(columns, peers);
  const members = new Map(peers.map((peer) => [peer, crew.start(job, peer.id)]));
  const scenes = new Map(peers.map((peer) => [peer, { folder: crew.place(), redisSocket }]));
  for (const { id, title, scene } of cases) {
    progress(title);
    const onFailure = (peer, error) => table.note(peer.id, id, error.message);
    const isReady = (peer) => members.get(peer).ask('prepare', scene, scenes.get(peer), roundMs);
    const ready = await each(peers, isReady, onFailure);
    await interleave(
      ready,
      rounds,
      async (peer) => table.add(peer.id, id, await members.get(peer).ask('measure')),
      onFailure,
    );
    for (const peer of peers) {
      const found = table.of(peer.id, id);
      progress(`  ${peer.title}: ${found === null ? table.noteOf(peer.id, id) : spellNs(found.median)}`);
    }
  }
  await Promise.all([...members.values()].map((member) => member.kill()));
  return table;
}

module.exports = { measureStores };
