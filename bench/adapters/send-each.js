/** A relay by hand: `process.send` for every write, and the primary sends it on to all others. */
'use strict';

const { carryBySend, serveRelay } = require('../relay');

module.exports = {
  title: 'process.send, each',
  suites: ['replication'],
  serve: serveRelay,
  carry: () => carryBySend({ isBatched: false }),
};
