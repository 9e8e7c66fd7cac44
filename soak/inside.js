/**
 * Inside: what the measurements need of the built library that is nobody else's business. How long each thing
 * that a replica does at a stretch holds up the event loop; a new epoch on demand.
 */
'use strict';

const path = require('node:path');
const { PerformanceObserver } = require('node:perf_hooks');
const { setImmediate: nextTurn } = require('node:timers/promises');

const NAMES = [
  'commit', 'sweep', 'receive', 'tend', 'beginEpoch', 'enterEpoch', 'encodeState', 'stateVector', 'writeOrphans',
];

const COUNTED_MS = 1;

function prototypeOfReplica() {
  return requireCore('replica.js').Replica.prototype;
}

function requireCore(file) {
  return require(path.join(path.dirname(require.resolve('cluster-cache')), 'core', file));
}

/** Has this process compact nothing until the function that is returned is called. */
function suspendCompaction() {
  const { prototype } = requireCore('segments.js').Segments;
  const isCrowded = Object.getOwnPropertyDescriptor(prototype, 'isCrowded');
  const { next } = prototype;
  Object.defineProperty(prototype, 'isCrowded', { ...isCrowded, get: () => false });
  prototype.next = () => null;
  return () => {
    Object.defineProperty(prototype, 'isCrowded', isCrowded);
    prototype.next = next;
  };
}

/** Has the next manager that asks itself whether a new epoch is needed find that it is, once. */
function wantEpoch() {
  const prototype = prototypeOfReplica();
  const { needsEpoch } = prototype;
  prototype.needsEpoch = function needsEpochOnce() {
    prototype.needsEpoch = needsEpoch;
    return true;
  };
}

/** The open cache behind `cache`. */
function replicaOf(cache, socketDirectory) {
  const library = path.dirname(require.resolve('cluster-cache'));
  const { obtainHost } = require(path.join(library, 'host', 'registry.js'));
  return obtainHost({ directory: cache.path, socketDirectory }).find(cache.name).replica;
}

/** Takes the time of all that a replica does, and of V8's collector, which runs in the midst of it. */
class Turns {
  #calls = [];
  #counts = {};
  #pauses = [];
  #originals;
  #prototype;
  #observer;

  constructor() {
    this.#observer = new PerformanceObserver((list) => this.#pauses.push(...list.getEntries()));
    this.#observer.observe({ entryTypes: ['gc'] });
    this.#prototype = prototypeOfReplica();
    this.#originals = NAMES.filter((name) => name in this.#prototype).map((name) => [name, this.#prototype[name]]);
    for (const [name, original] of this.#originals) {
      const take = (call) => this.#take(name, call);
      this.#prototype[name] = function timed(...args) {
        const cpuBefore = process.cpuUsage();
        const from = performance.now();
        try {
          return original.apply(this, args);
        } finally {
          const to = performance.now();
          const { user, system } = process.cpuUsage(cpuBefore);
          take({ name, from, to, cpuMs: (user + system) / 1000 });
        }
      };
    }
  }

  /**
   * Stops; by name, how often, and in ms the longest call as it elapsed, without what other processes took (`own`),
   * and without the collector as well (`code`); and the collector's longest pause.
   */
  async end() {
    for (const [name, original] of this.#originals) this.#prototype[name] = original;
    // The observer is told in a later turn.
    await nextTurn();
    await nextTurn();
    this.#observer.disconnect();
    const turns = {};
    for (const [name, calls] of Object.entries(this.#counts)) turns[name] = { calls, max: 0, own: 0, code: 0, over10: 0 };
    for (const { name, from, to, cpuMs } of this.#calls) {
      const turn = turns[name];
      // Processor time counts the collector's threads, too; elapsed time counts other processes: the least is ours.
      const own = Math.min(to - from, cpuMs);
      turn.max = Math.max(turn.max, to - from);
      turn.own = Math.max(turn.own, own);
      turn.code = Math.max(turn.code, own - this.#collectedWithin(from, to));
      if (own > 10) turn.over10++;
    }
    return { turns, collector: Math.max(0, ...this.#pauses.map(({ duration }) => duration)) };
  }

  #take(name, call) {
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
    if (call.to - call.from > COUNTED_MS) this.#calls.push(call);
  }

  #collectedWithin(from, to) {
    const shares = this.#pauses.map(({ startTime, duration }) => Math.min(to, startTime + duration) - Math.max(from, startTime));
    return shares.reduce((sum, ms) => sum + Math.max(0, ms), 0);
  }
}

module.exports = { replicaOf, suspendCompaction, Turns, wantEpoch };
