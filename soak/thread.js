/**
 * What the main thread waited for a processor, which others had, among them V8's own threads. Only Linux tells.
 */
'use strict';

const fs = require('node:fs');

/** How long the main thread was ready to run and did not, in ns, is the second number. */
const SCHEDSTAT = '/proc/self/schedstat';

const bytes = Buffer.alloc(80);
const schedstat = openIfAny(SCHEDSTAT);

/** Milliseconds so far; always 0 where it is not told. */
function threadWaited() {
  if (schedstat === null) return 0;
  const length = fs.readSync(schedstat, bytes, 0, bytes.length, 0);
  return Number(bytes.toString('latin1', 0, length).split(' ')[1]) / 1e6;
}

function openIfAny(path) {
  try {
    return fs.openSync(path, 'r');
  } catch {
    return null;
  }
}

module.exports = { threadWaited };
