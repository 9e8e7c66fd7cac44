/** node-cache as it comes: copies what goes in and what comes out. */
'use strict';

module.exports = {
  title: 'node-cache',
  packages: ['node-cache'],
  suites: ['reads', 'writes'],
  hasTtl: true,
  open: () => openNodeCache({ useClones: true }),
  openNodeCache,
};

function openNodeCache(options) {
  const NodeCache = require('node-cache');
  const cache = new NodeCache({ checkperiod: 0, ...options });
  return {
    get: (key) => cache.get(key),
    set: (key, value, ttl = 0) => void cache.set(key, value, ttl / 1000),
    close: () => cache.close(),
  };
}
