/**
 * How often something must be done for one round of a measurement.
 */
'use strict';

const { now } = require('../demo/wait');

/** Rounds of processor time before the first that counts, so that the code is compiled by then. */
const WARM_UP = 6;
/** What mostly waits is warm after so many rounds of elapsed time. */
const WARM_UP_MAX = 12;

/** Warms up; resolves to the `count` with which `run(count)` takes about `roundMs`. */
async function calibrate(run, roundMs) {
  const startedAt = now();
  const cpuAtFirst = cpuMs();
  let count = 1;
  let ms;
  do {
    const beganAt = now();
    await run(count);
    ms = now() - beganAt;
    if (ms < roundMs / 2) count *= 2;
  } while (cpuMs() - cpuAtFirst < WARM_UP * roundMs && now() - startedAt < WARM_UP_MAX * roundMs);
  return Math.max(1, Math.round((count * roundMs) / ms));
}

function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

module.exports = { calibrate };
