/** Map: what a read or a write in one process costs at least. */
'use strict';

module.exports = {
  title: 'Map',
  suites: ['reads', 'writes'],

  open() {
    const map = new Map();
    return {
      get: (key) => map.get(key),
      set: (key, value) => void map.set(key, value),
    };
  },
};
