/**
 * Inside: what the measurements need of the built library that is nobody else's business. How long each thing
 * that a replica does at a stretch holds up the event loop; a new epoch on demand.
 */
'use strict';

const path = require('node:path');
const { now } = require('../demo/wait');

const NAMES = [
  'commit', 'sweep', 'receive', 'tend', 'beginEpoch', 'enterEpoch', 'encodeState', 'stateVector', 'writeOrphans',
];

function prototypeOfReplica() {
  const library = path.dirname(require.resolve('cluster-cache'));
  return require(path.join(library, 'core', 'replica.js')).Replica.prototype;
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

class Turns {
  #longest = new Map();
  #originals;
  #prototype;

  constructor() {
    this.#prototype = prototypeOfReplica();
    this.#originals = NAMES.filter((name) => name in this.#prototype).map((name) => [name, this.#prototype[name]]);
    for (const [name, original] of this.#originals) {
      const take = (ms, cpuMs) => this.#take(name, ms, cpuMs);
      this.#prototype[name] = function timed(...args) {
        const cpuBefore = process.cpuUsage();
        const startedAt = now();
        try {
          return original.apply(this, args);
        } finally {
          const ms = now() - startedAt;
          const { user, system } = process.cpuUsage(cpuBefore);
          take(ms, (user + system) / 1000);
        }
      };
    }
  }

  /** Stops; by name, how often, and the longest call in ms: elapsed, and without what other processes took. */
  end() {
    for (const [name, original] of this.#originals) this.#prototype[name] = original;
    return Object.fromEntries(this.#longest);
  }

  #take(name, ms, cpuMs) {
    const longest = this.#longest.get(name) ?? { calls: 0, max: 0, own: 0, over10: 0 };
    // Processor time counts the collector's threads, too; elapsed time counts other processes: the least is ours.
    const own = Math.min(ms, cpuMs);
    longest.calls++;
    longest.max = Math.max(longest.max, ms);
    longest.own = Math.max(longest.own, own);
    if (own > 10) longest.over10++;
    this.#longest.set(name, longest);
  }
}

module.exports = { replicaOf, Turns, wantEpoch };
