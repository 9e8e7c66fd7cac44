/**
 * Waiting for conditions with a deadline, and a clock that all processes of this machine share.
 */
'use strict';

const { setTimeout: delay } = require('node:timers/promises');

/** Milliseconds on the system's monotonic clock, which is the same in every process, unlike `performance.now()`. */
function now() {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Resolves to the first truthy result of `condition`, which may be async; rejects when `deadlineMs` have passed. */
async function until(what, condition, deadlineMs = 20_000) {
  const end = now() + deadlineMs;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (now() > end) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await delay(10);
  }
}

/** What `promise` resolves to; rejects when that takes more than `deadlineMs`. */
async function within(what, promise, deadlineMs = 20_000) {
  const stop = new AbortController();
  const late = delay(deadlineMs, undefined, { signal: stop.signal }).then(
    () => Promise.reject(new Error(`${what}: not within ${deadlineMs} ms`)),
    () => undefined,
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop.abort();
  }
}

module.exports = { delay, now, until, within };
