/**
 * Writes: what one process is asked to do with one store. The time includes everything until the writes have
 * settled: with cluster-cache the tree, the document and the encoded update.
 */
'use strict';

const { setImmediate: nextTurn } = require('node:timers/promises');
const { now } = require('../../demo/wait');
const { calibrate } = require('../calibrate');
const { objectValue, pathOf, shuffled, smallValue, VARIANTS } = require('../data');

/** Writes that are made ready once, and then used again and again. */
const READY = 100_000;
const TURN = 1000;

module.exports = (adapter) => {
  let store = null;
  let turns = [];
  let at = 0;
  let count = 0;
  let ttl;

  async function run(turnsWanted) {
    for (let i = 0; i < turnsWanted; i++) {
      const writes = turns[at++ % turns.length];
      const wait = writeTurn(store, writes, ttl);
      if (wait !== undefined) await wait;
      await nextTurn();
    }
    await store.settle?.();
  }

  return {
    /** Fills a new store with every key; resolves when it is warm and it is known how much fits into `roundMs`. */
    async prepare({ keys, isLarge, perTurn, ttlMs }, scene, roundMs) {
      if (ttlMs !== undefined && !adapter.hasTtl) throw new Error('no ttl');
      await store?.close?.();
      store = await adapter.open(scene);
      ttl = ttlMs;
      at = 0;
      const valueOf = isLarge ? objectValue : smallValue;
      turns = turnsOf(keys, valueOf, TURN);
      await run(Math.ceil(keys / TURN));
      turns = turnsOf(keys, valueOf, perTurn);
      count = await calibrate(run, roundMs);
    },

    /** Nanoseconds per write. */
    async measure() {
      global.gc();
      const startedAt = now();
      await run(count);
      return ((now() - startedAt) * 1e6) / (count * turns[0].length);
    },
  };
};

/** All keys in random order, again and again, with ever other values; in turns of `perTurn`. */
function turnsOf(keys, valueOf, perTurn) {
  const order = shuffled(keys).map(pathOf);
  const values = Array.from({ length: VARIANTS }, (_, i) => valueOf(i));
  const writes = Array.from({ length: READY }, (_, i) => [order[i % keys], values[i % VARIANTS]]);
  return Array.from({ length: READY / perTurn }, (_, i) => writes.slice(i * perTurn, (i + 1) * perTurn));
}

function writeTurn(store, writes, ttl) {
  if (store.setTurn) return store.setTurn(writes, ttl);
  for (let i = 0; i < writes.length; i++) store.set(writes[i][0], writes[i][1], ttl);
  return undefined;
}
