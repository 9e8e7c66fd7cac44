/**
 * The loads: what a worker writes. Each takes the cache, its options, and a signal that may ask it to stop,
 * and resolves to what it did and how long that took.
 */
'use strict';

const { setImmediate: nextTurn } = require('node:timers/promises');
const { delay, now } = require('../demo/wait');
const { median } = require('./numbers');

const TEXT = 'the quick brown fox jumps over the lazy dog';

function valueOf(i) {
  return { number: i, text: TEXT, flags: [true, false] };
}

/**
 * Overwrites the same keys again and again, `batch` of them in each turn of the event loop. In random order, so
 * that no segment map dies by itself: in a fixed order the oldest is always empty, and nothing is left to compact.
 */
async function overwrite(cache, { count, keys, batch = 1000, prefix = 'key', pauseMs = null }, signal) {
  const clock = startClock();
  let i = 0;
  while (i < count && !signal.isStopped) {
    const end = Math.min(count, i + batch);
    for (; i < end; i++) cache.set(`${prefix}.${Math.floor(Math.random() * keys)}`, valueOf(i));
    if (pauseMs === null) await nextTurn();
    else await delay(pauseMs);
  }
  return { writes: i, ...clock() };
}

/** Writes keys `from` to `to` once. */
async function fill(cache, { from = 0, to, batch = 1000, prefix = 'key', ttl = 0 }) {
  const clock = startClock();
  for (let i = from; i < to; ) {
    const end = Math.min(to, i + batch);
    for (; i < end; i++) cache.set(`${prefix}.${i}`, valueOf(i), ttl);
    await nextTurn();
  }
  return { writes: to - from, ...clock() };
}

/** Writes ever-new keys with a ttl, `perSecond` of them, evenly. */
async function churn(cache, { count = Infinity, perSecond, ttl, prefix }, signal) {
  const clock = startClock();
  const startedAt = now();
  let i = 0;
  while (i < count && !signal.isStopped) {
    // What a busy machine has delayed is not caught up at once: never more are alive than the rate allows.
    const end = Math.min(count, i + perSecond / 20, Math.floor(((now() - startedAt) / 1000) * perSecond));
    for (; i < end; i++) cache.set(`${prefix}.${i.toString(36)}`, valueOf(i), ttl);
    await delay(10);
  }
  return { writes: i, ...clock() };
}

/**
 * Writes once per turn of the event loop, and takes the time of each until it is committed and handed to the
 * links: what Yjs's bookkeeping costs per transaction shows here, and in no other load.
 */
async function single(cache, { count, keys, prefix = 'single' }) {
  const times = [];
  for (let i = 0; i < count; i++) {
    const startedAt = now();
    cache.set(`${prefix}.${i % keys}`, valueOf(i));
    // The commit is two turns away.
    await nextTurn();
    await nextTurn();
    await nextTurn();
    times.push(now() - startedAt);
  }
  return { writes: count, medianMs: median(times) };
}

/** Starts to measure; the result tells elapsed and processor time in ms. */
function startClock() {
  const startedAt = now();
  const cpuBefore = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpuBefore);
    return { ms: now() - startedAt, cpuMs: (user + system) / 1000 };
  };
}

module.exports = { churn, fill, overwrite, single };
