/** lru-cache with more room than is needed, so that nothing is evicted. */
'use strict';

const ENTRIES_MAX = 200_000;

module.exports = {
  title: 'lru-cache',
  packages: ['lru-cache'],
  suites: ['reads', 'writes'],
  hasTtl: true,

  open() {
    const { LRUCache } = require('lru-cache');
    const cache = new LRUCache({ max: ENTRIES_MAX });
    return {
      get: (key) => cache.get(key),
      set: (key, value, ttl) => void (ttl === undefined ? cache.set(key, value) : cache.set(key, value, { ttl })),
    };
  },
};
