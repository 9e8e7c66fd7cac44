/**
 * Inside: what the measurements need of the built library that is nobody else's business. How long each thing
 * that a replica does at a stretch holds up the event loop; a new epoch on demand.
 */
'use strict';

const path = require('node:path');
const { PerformanceObserver } = require('node:perf_hooks');
const { setImmediate: nextTurn } = require('node:timers/promises');
const { threadWaited } = require('./thread');

/** What is timed: by file and class, what it does at a stretch. */
const TIMED = [
  ['core/replica.js', 'Replica', [
    'commit', 'sweep', 'receive', 'tend', 'beginEpoch', 'enterEpoch', 'turnOver', 'encodeState', 'stateVector', 'writeOrphans',
  ]],
  // A state, slice by slice, for a peer or for a snapshot.
  ['core/document-state.js', 'DocumentState', ['next']],
  ['storage/snapshot.js', 'SnapshotEncoder', ['add', 'finish']],
];

const COUNTED_MS = 1;

function prototypeOf(file, name) {
  return require(path.join(path.dirname(require.resolve('cluster-cache')), file))[name].prototype;
}

/** Has this process compact nothing until the function that is returned is called. */
function suspendCompaction() {
  const prototype = prototypeOf('core/segments.js', 'Segments');
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
  const prototype = prototypeOf('core/replica.js', 'Replica');
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
  #originals = [];
  #observer;

  constructor() {
    this.#observer = new PerformanceObserver((list) => this.#pauses.push(...list.getEntries()));
    this.#observer.observe({ entryTypes: ['gc'] });
    for (const [file, type, names] of TIMED) {
      const prototype = prototypeOf(file, type);
      for (const name of names) this.#time(prototype, name);
    }
  }

  /**
   * Stops; by name, how often, and in ms the longest call as it elapsed, without what this thread waited for a processor
   * (`own`), and without the collector as well (`code`); and the collector's longest pause.
   */
  async end() {
    for (const { prototype, name, original } of this.#originals) prototype[name] = original;
    // The observer is told in a later turn.
    await nextTurn();
    await nextTurn();
    this.#observer.disconnect();
    const turns = {};
    for (const [name, calls] of Object.entries(this.#counts)) turns[name] = { calls, max: 0, own: 0, code: 0, over10: 0 };
    for (const { name, from, to, waited } of this.#calls) {
      const turn = turns[name];
      const own = to - from - waited;
      turn.max = Math.max(turn.max, to - from);
      turn.own = Math.max(turn.own, own);
      // What was waited for within the collector's pauses must not be taken off twice: this is an upper bound.
      turn.code = Math.max(turn.code, Math.min(own, to - from - this.#collectedWithin(from, to)));
      if (own > 10) turn.over10++;
    }
    return { turns, collector: Math.max(0, ...this.#pauses.map(({ duration }) => duration)) };
  }

  #time(prototype, name) {
    const original = prototype[name];
    this.#originals.push({ prototype, name, original });
    const take = (call) => this.#take(name, call);
    prototype[name] = function timed(...args) {
      const before = threadWaited();
      const from = performance.now();
      try {
        return original.apply(this, args);
      } finally {
        const to = performance.now();
        take({ name, from, to, waited: threadWaited() - before });
      }
    };
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
