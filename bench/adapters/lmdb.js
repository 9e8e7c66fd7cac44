/** lmdb: a memory-mapped file that all processes open; values are decoded at each read. Writes as it comes. */
'use strict';

const path = require('node:path');

let opened = 0;

module.exports = {
  title: 'lmdb',
  packages: ['lmdb'],
  suites: ['reads', 'writes', 'join'],

  open({ folder }) {
    const database = openDatabase(path.join(folder, `lmdb-${++opened}`));
    return {
      get: (key) => database.get(key),
      set: (key, value) => void database.put(key, value),
      settle: () => database.committed,
      close: () => database.close(),
    };
  },

  async provide({ folder }, entries) {
    const database = openDatabase(path.join(folder, 'joined'));
    for (const [key, value] of entries) void database.put(key, value);
    await database.flushed;
    await database.close();
  },

  /** Into memory, as the others do: each entry is read once. */
  join({ folder }) {
    const database = openDatabase(path.join(folder, 'joined'), { readOnly: true });
    const map = new Map();
    for (const { key, value } of database.getRange()) map.set(key, value);
    return (key) => map.get(key);
  },
};

// Loaded where it is used: the primary reads what is above of every adapter, also of one that is not installed.
function openDatabase(file, options = {}) {
  return require('lmdb').open({ path: file, ...options });
}
