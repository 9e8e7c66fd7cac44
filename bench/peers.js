/**
 * The peers: one adapter each, in adapters/. A new file there takes part in the suites that it names.
 *
 *     title            what the tables call it
 *     suites           names of the suites in which it takes part
 *     packages         packages whose versions the page tells
 *     needsRedis       whether it needs a Redis server
 *     hasTtl           whether its `set` takes a ttl, in ms
 *     overwritesShare  part of the overwrites of the suite `level`, where all take too long
 *
 * What it has to do is in functions, which are called in processes of its own and load its packages. `scene` has
 * `folder`, a folder of its own, and `redisSocket`.
 *
 *     open(scene)              reads, writes, level: a store with `get` or `getMany`, `set` or `setTurn`, and, if it
 *                              has them, `setChild`, `settle`, `close`, and for `level` `footprint`
 *     carry(scene)             replication: `get`, `set`, `onChange` (one listener, or null for none) and, if it has
 *                              them, `endTurn`, `serverCpuMs`; `scene` has `index`, too, and those before are there
 *     serve(members)           replication, in the primary: what hands writes on between the members
 *     provide(scene, entries)  join: makes the entries ready in a process that stays
 *     join(scene, keys)        join: takes them; gives a function that reads one
 */
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const FOLDER = path.join(__dirname, 'adapters');
/** With which all others are compared. */
const OURS = 'cluster-cache';

/** All peers, or those of `ids`, with ours first. Throws RangeError for one that is not there. */
function loadPeers(ids = null) {
  const known = fs.readdirSync(FOLDER).map((file) => path.basename(file, '.js')).sort();
  const unknown = (ids ?? []).filter((id) => !known.includes(id));
  if (unknown.length > 0) throw new RangeError(`no peer is named ${unknown.join(', ')}; there are ${known.join(', ')}`);
  const wanted = [OURS, ...known.filter((id) => id !== OURS && (ids?.includes(id) ?? true))];
  return wanted.map((id) => ({ id, packages: [], ...require(path.join(FOLDER, id)) }));
}

/** The version of a package that is installed for the benchmarks or for the library; null if it is not. */
function versionOf(name) {
  for (const folder of [__dirname, path.join(__dirname, '..')]) {
    const file = path.join(folder, 'node_modules', name, 'package.json');
    if (fs.existsSync(file)) return JSON.parse(fs.readFileSync(file, 'utf8')).version;
  }
  return null;
}

module.exports = { loadPeers, OURS, versionOf };
