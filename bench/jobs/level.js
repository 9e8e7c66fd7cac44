/**
 * Level: what entries take in memory and on disk, after one write each and after many overwrites.
 */
'use strict';

const { setImmediate: nextTurn } = require('node:timers/promises');
const { delay } = require('../../demo/wait');
const { pathOf, smallValue } = require('../data');

const PER_TURN = 1000;
const WARM_UP = 2000;

module.exports = (adapter) => {
  let store = null;
  let emptyBytes = 0;
  let written = 0;

  const commands = {
    /** Opens a store; another one was used and closed before, so that compiled code is there and counts for nothing. */
    async open(scene) {
      store = await adapter.open({ ...scene, isKept: true });
      await commands.write(WARM_UP, WARM_UP);
      await store.footprint();
      await store.close?.();
      store = await adapter.open({ ...scene, isKept: true });
      written = 0;
      emptyBytes = await heldBytes();
    },

    /** Writes `count` times over `entries` paths, in random order but the first time. */
    async write(count, entries) {
      for (const end = written + count; written < end; ) {
        const writes = [];
        for (; writes.length < PER_TURN && written < end; written++) {
          const i = written < entries ? written : Math.floor(Math.random() * entries);
          writes.push([pathOf(i), smallValue(written)]);
        }
        if (store.setTurn) await store.setTurn(writes);
        else for (const [key, value] of writes) store.set(key, value);
        await nextTurn();
      }
      await store.settle?.();
    },

    /** Bytes in memory, net of the empty store, and on disk. */
    async footprint() {
      const { disk, memory } = await store.footprint();
      return { disk, memory: memory ?? (await heldBytes()) - emptyBytes };
    },
  };
  return commands;
};

/** Heap and buffers after garbage collection. */
async function heldBytes() {
  for (let i = 0; i < 3; i++) {
    global.gc();
    // What waits for a turn, such as a finalizer, gets one.
    await delay(5);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
