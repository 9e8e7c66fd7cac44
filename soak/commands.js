/**
 * What the primary can ask of a worker: open and close the cache, write by one of the loads, and tell how this
 * process is: its memory, what the cache holds, how long its event loop was held up.
 */
'use strict';

const { createHash } = require('node:crypto');
const { Cache } = require('cluster-cache');
const { delay, now, until } = require('../demo/wait');
const loads = require('./loads');
const { LoopWatch } = require('./loop');
const { replicaOf, suspendCompaction, Turns, wantEpoch } = require('./inside');

let cache;
let socketDirectory;
let errors = 0;
let lastError = null;
/** Loads that run until they are told to stop. */
let running = [];
let loop = null;
let turns = null;
let resumeCompaction = () => undefined;

const commands = {
  /** Opens the cache; resolves to the milliseconds until this process had what the file and all others have. */
  async open(name, options) {
    const startedAt = now();
    cache = new Cache(name, options);
    socketDirectory = options.socketDirectory;
    cache.on('error', (error) => {
      errors++;
      lastError = `${error.code}: ${error.message}`;
    });
    await cache.sync();
    return now() - startedAt;
  },

  /** Runs one of the loads to its end; resolves to what it returns. */
  load(kind, options) {
    return loads[kind](cache, options, { isStopped: false });
  },

  /** Begins a load that runs until `stop`, beside others. */
  start(kind, options) {
    const signal = { isStopped: false };
    const promise = loads[kind](cache, options, signal);
    running.push({ signal, promise });
    // Whoever stops it hears of a failure.
    promise.catch(() => undefined);
  },

  /** Stops all loads; resolves to how much they wrote. */
  async stop() {
    const stopped = running;
    running = [];
    for (const { signal } of stopped) signal.isStopped = true;
    const results = await Promise.all(stopped.map(({ promise }) => promise));
    return results.reduce((sum, { writes }) => sum + writes, 0);
  },

  /** Memory after garbage collection, in bytes, and what the cache tells about itself. */
  async state() {
    await collectGarbage();
    return { memory: memoryNow(), stats: cache.stats(), errors, lastError };
  },

  /** The same without collecting. */
  glance() {
    return { memory: memoryNow(), stats: cache.stats(), errors, lastError };
  },

  /** Begins to watch the event loop and, where `isTimed`, what the library does in it. */
  async watch({ isTimed = false } = {}) {
    loop?.end();
    await turns?.end();
    turns = isTimed ? new Turns() : null;
    loop = new LoopWatch();
  },

  /** Stalls since `watch`, in ms (loop.js), and the longest calls by what they did. */
  async watched() {
    const watched = loop.end();
    const ended = await turns?.end();
    loop = null;
    turns = null;
    return { ...watched, turns: ended?.turns ?? null, collector: ended?.collector ?? null };
  },

  /** Resolves to the time, by the common clock, at which `path` first showed `value` here. */
  async seen(path, value, deadlineMs = 60_000) {
    await until(`${path} shows ${value}`, () => cache.get(path) === value, deadlineMs);
    return now();
  },

  set(path, value, ttl) {
    cache.set(path, value, ttl);
    return now();
  },

  get(path) {
    return cache.get(path);
  },

  /** The same text in two processes that show the same data. */
  digest() {
    return createHash('sha256').update(spell(cache.get([]))).digest('hex');
  },

  /** Milliseconds of processor time so far. */
  cpu() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },

  /** Has this process begin a new epoch at its next collection, if it is the manager. */
  wantEpoch() {
    wantEpoch();
  },

  /** Has this process compact nothing, or go on with it. */
  suspendCompaction(isSuspended) {
    resumeCompaction();
    resumeCompaction = isSuspended ? suspendCompaction() : () => undefined;
  },

  /** The epoch, whether its document holds all that this process shows, and how much of it. */
  epoch() {
    const replica = replicaOf(cache, socketDirectory);
    const { live, entries } = replica.census();
    const isWhole = replica.isWhole && !replica.hasUncommitted && entries >= live;
    return { number: replica.epoch.number, isWhole };
  },

  /** Resolves to the milliseconds it took. */
  async flush() {
    const startedAt = now();
    await cache.flush();
    return now() - startedAt;
  },

  /** Closes; the process then ends because nothing is left to do. */
  async close() {
    await commands.stop();
    await cache.close();
    setImmediate(() => process.disconnect());
  },
};

/** JSON with keys in order: what was written in another order is not other data. */
function spell(value) {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(spell).join()}]`;
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${spell(value[key])}`).join()}}`;
}

async function collectGarbage() {
  // What waits for a turn, such as a finalizer, gets one.
  for (let i = 0; i < 3; i++) {
    global.gc();
    await delay(5);
  }
}

function memoryNow() {
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  return { heap: heapUsed, external, arrayBuffers, rss };
}

module.exports = { commands };
