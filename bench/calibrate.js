/**
 * How often something must be done for one round of a measurement.
 */
'use strict';

const { now } = require('../demo/wait');

/** Doubles the count until `run(count)` takes longer than a round, which also warms up; the count for one round. */
async function calibrate(run, roundMs) {
  for (let count = 1; ; count *= 2) {
    const startedAt = now();
    await run(count);
    const ms = now() - startedAt;
    if (ms > roundMs) return Math.max(1, Math.round((count * roundMs) / ms));
  }
}

module.exports = { calibrate };
