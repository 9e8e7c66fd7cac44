/**
 * Reads: what one process is asked to do with one store. A case is prepared in a store of its own, and then
 * measured round by round.
 */
'use strict';

const { setImmediate: nextTurn } = require('node:timers/promises');
const { now } = require('../../demo/wait');
const { calibrate } = require('../calibrate');
const { objectValue, pathOf, shuffled, smallValue } = require('../data');

/** Reads of a client that has to ask a server, sent together. */
const PIPELINE = 1000;
const PARENT = 'parent';
const CHILDREN = 1000;

module.exports = (adapter) => {
  let store = null;
  let read = null;
  let count = 0;

  const commands = {
    /** Fills a new store for the case; resolves when it has warmed up and it is known how much fits into `roundMs`. */
    async prepare({ kind, paths }, scene, roundMs) {
      await store?.close?.();
      store = await adapter.open(scene);
      const { fill, makeReader } = KINDS[kind];
      await write(store, fill(paths));
      read = makeReader(store, paths);
      count = await calibrate(read, roundMs);
    },

    /** Nanoseconds per read. */
    async measure() {
      global.gc();
      const startedAt = now();
      await read(count);
      return ((now() - startedAt) * 1e6) / count;
    },
  };
  return commands;
};

const names = (paths) => Array.from({ length: paths }, (_, i) => [pathOf(i), smallValue(i)]);
const byKeys = (keysOf) => (store, paths) => keysReader(store, keysOf(paths), true);

/** How each kind of case fills a store, and what then reads it. */
const KINDS = {
  flat: { fill: () => [['key', smallValue(1)]], makeReader: byKeys(() => ['key']) },
  paths: { fill: names, makeReader: byKeys((paths) => shuffled(paths).map(pathOf)) },
  objects: {
    fill: (paths) => Array.from({ length: paths }, (_, i) => [pathOf(i), objectValue(i)]),
    makeReader: byKeys((paths) => shuffled(paths).map(pathOf)),
  },
  built: { fill: names, makeReader: (store, paths) => buildingReader(store, shuffled(paths)) },
  missing: {
    fill: names,
    makeReader: (store, paths) => keysReader(store, shuffled(paths).map((i) => `nobody.${i}.name`), false),
  },
  parent: { fill: () => [[PARENT, children()]], makeReader: byKeys(() => [PARENT]) },
  changing: { fill: () => [[PARENT, children()]], makeReader: (store) => changingReader(store) },
};

function children() {
  return Object.fromEntries(Array.from({ length: CHILDREN }, (_, i) => [`child${i}`, smallValue(i)]));
}

async function write(store, pairs) {
  // What has a path for each child gets each by itself, as an application would set it.
  if (store.setChild && pairs[0][0] === PARENT) {
    for (const [child, value] of Object.entries(pairs[0][1])) store.setChild(PARENT, child, value);
  } else if (store.setTurn) await store.setTurn(pairs);
  else for (const [key, value] of pairs) store.set(key, value);
  await store.settle?.();
  await nextTurn();
}

/** What reads `count` times, and checks that it got something, or nothing. `keys` are a power of two. */
function keysReader(store, keys, isThere) {
  const mask = keys.length - 1;
  if (store.getMany) {
    return async (count) => {
      for (let done = 0; done < count; done += PIPELINE) {
        const part = Array.from({ length: Math.min(PIPELINE, count - done) }, (_, i) => keys[(done + i) & mask]);
        check((await store.getMany(part)).filter(isSomething).length, part.length, isThere);
      }
    };
  }
  return (count) => {
    let found = 0;
    for (let i = 0; i < count; i++) if (isSomething(store.get(keys[i & mask]))) found++;
    check(found, count, isThere);
  };
}

/** As `keysReader`, but each key is put together for its read. */
function buildingReader(store, ids) {
  const mask = ids.length - 1;
  if (store.getMany) {
    return async (count) => {
      for (let done = 0; done < count; done += PIPELINE) {
        const part = Array.from({ length: Math.min(PIPELINE, count - done) }, (_, i) => pathOf(ids[(done + i) & mask]));
        check((await store.getMany(part)).filter(isSomething).length, part.length, true);
      }
    };
  }
  return (count) => {
    let found = 0;
    for (let i = 0; i < count; i++) if (isSomething(store.get(`user.${ids[i & mask]}.name`))) found++;
    check(found, count, true);
  };
}

/** Writes one child, then reads the parent. What knows no paths writes the parent as a whole. */
function changingReader(store) {
  const whole = children();
  const order = Object.keys(whole);
  let turn = 0;
  const change = () => {
    const child = order[turn++ % CHILDREN];
    const value = smallValue(turn);
    whole[child] = value;
    if (store.setChild) store.setChild(PARENT, child, value);
    else if (store.setTurn) return store.setTurn([[PARENT, whole]]);
    else store.set(PARENT, whole);
    return undefined;
  };
  if (store.getMany) {
    return async (count) => {
      for (let i = 0; i < count; i++) {
        void change();
        const [parent] = await store.getMany([PARENT]);
        check(Object.keys(parent).length, CHILDREN, true);
      }
      await store.settle();
    };
  }
  return async (count) => {
    let found = 0;
    for (let i = 0; i < count; i++) {
      void change();
      if (isSomething(store.get(PARENT).child0)) found++;
    }
    check(found, count, true);
    // What was written is carried out, outside of any other measurement.
    await store.settle?.();
  };
}

function isSomething(value) {
  return value !== null && value !== undefined;
}

function check(found, count, isThere) {
  if (found !== (isThere ? count : 0)) throw new Error(`${found} of ${count} reads found something`);
}
