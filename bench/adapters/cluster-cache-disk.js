/** cluster-cache, where no other process has the cache open: joins from the file. */
'use strict';

const path = require('node:path');
const { Cache } = require('../..');

module.exports = {
  title: 'cluster-cache, from disk',
  suites: ['join'],

  async provide({ folder }, entries) {
    const cache = openCache(folder);
    await cache.sync();
    for (const [key, value] of entries) cache.set(key, value);
    await cache.close();
  },

  async join({ folder }) {
    const cache = openCache(folder);
    await cache.sync();
    return (key) => cache.get(key);
  },
};

function openCache(folder) {
  return new Cache('joined', { path: folder, socketDirectory: path.join(folder, 'sockets') });
}
