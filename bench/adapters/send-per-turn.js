/** A relay by hand: `process.send` once per turn with all its writes, and the primary sends it on to all others. */
'use strict';

const { carryBySend, serveRelay } = require('../relay');

module.exports = {
  title: 'process.send, per turn',
  suites: ['replication'],
  serve: serveRelay,
  carry: () => carryBySend({ isBatched: true }),
};
