/**
 * Reads, each in the process that has the data in memory, or asks for them.
 */
'use strict';

const { measureStores } = require('../stores');

const FEW = 128;
const MANY = 16_384;

module.exports = {
  title: 'Reads',
  about: [
    'Time per read. Paths are `user.42.name`; for all but cluster-cache and lodash they are flat keys. A key is read',
    'in random order, from an array of strings, but where it is built. Redis is asked for 1,000 at a time, and for one',
    'where each read follows a write. Values there and in lmdb are decoded at each read; node-cache copies them.',
    'A parent of 1,000 children is one value for those that know no paths, and is written anew with each change.',
  ],

  run: (context) => measureStores('reads', cases, context),
};

const cases = [
  { id: 'flat', title: 'one flat key', scene: { kind: 'flat', paths: 1 } },
  { id: 'few', title: '128 paths', scene: { kind: 'paths', paths: FEW } },
  { id: 'many', title: '16,384 paths', scene: { kind: 'paths', paths: MANY } },
  { id: 'built', title: '128 paths, built on each call', scene: { kind: 'built', paths: FEW } },
  { id: 'object', title: '1 KB objects, 128 paths', scene: { kind: 'objects', paths: FEW } },
  { id: 'missing', title: '128 missing paths', scene: { kind: 'missing', paths: FEW } },
  { id: 'parent', title: 'parent of 1,000', scene: { kind: 'parent', paths: 1 } },
  { id: 'changing', title: 'parent of 1,000, after a write below it', scene: { kind: 'changing', paths: 1 } },
];
