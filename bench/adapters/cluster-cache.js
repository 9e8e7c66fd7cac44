/** cluster-cache: what all others are compared with. Joins from a process that has the cache open. */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { Cache } = require('../..');

let opened = 0;

module.exports = {
  title: 'cluster-cache',
  suites: ['reads', 'writes', 'replication', 'join', 'level'],
  hasTtl: true,

  async open({ folder, isKept = false }) {
    const cache = openCache(folder, `store-${++opened}`, isKept);
    await cache.sync();
    return {
      get: (key) => cache.get(key),
      set: (key, value, ttl) => cache.set(key, value, ttl),
      setChild: (parent, child, value) => cache.set(`${parent}.${child}`, value),
      settle: () => cache.flush(),
      close: () => cache.close(),
      async footprint() {
        await cache.flush();
        return { disk: bytesBeside(cache.filename) };
      },
    };
  },

  async carry({ folder }) {
    const cache = openCache(folder, 'carried', false);
    await cache.sync();
    return {
      get: (key) => cache.get(key),
      set: (key, value) => void cache.set(key, value),
      onChange(listener) {
        cache.removeAllListeners('change');
        if (listener !== null) cache.on('change', listener);
      },
    };
  },

  async provide({ folder }, entries) {
    const cache = openCache(folder, 'joined', false);
    await cache.sync();
    for (const [key, value] of entries) cache.set(key, value);
    await cache.flush();
  },

  async join({ folder }) {
    const cache = openCache(folder, 'joined', false);
    await cache.sync();
    return (key) => cache.get(key);
  },
};

function openCache(folder, name, persist) {
  return new Cache(name, { path: folder, socketDirectory: path.join(folder, 'sockets'), persist });
}

/** Bytes of the snapshot and of the log beside it. */
function bytesBeside(filename) {
  const folder = path.dirname(filename);
  const files = fs.readdirSync(folder).filter((file) => file.startsWith(path.basename(filename)));
  return files.reduce((sum, file) => sum + fs.statSync(path.join(folder, file)).size, 0);
}
