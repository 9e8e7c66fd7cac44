/** node-cache with `useClones: false`: whoever reads a value can change it for all. */
'use strict';

const { openNodeCache } = require('./node-cache');

module.exports = {
  title: 'node-cache, no clones',
  packages: ['node-cache'],
  suites: ['reads', 'writes'],
  hasTtl: true,
  open: () => openNodeCache({ useClones: false }),
};
