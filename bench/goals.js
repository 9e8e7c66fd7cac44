/**
 * The goals, and whether a run met them. All but a few are ratios within the run.
 */
'use strict';

const { OURS } = require('./peers');
const { spellBytes, spellMs, spellRatio } = require('./spell');

const REDIS_STORES = ['ioredis', 'node-redis'];
/** What counts as equally quick: two measurements of one thing differ by that much. */
const EQUAL = 0.9;

/** Every goal with what was measured; a goal of a suite that was not run is left out. `tables` by name of the suite. */
function judge(tables) {
  return GOALS.filter(({ suite }) => tables.has(suite)).map(({ suite, goal, look }) => {
    const found = look(tables.get(suite));
    if (found === null) return { goal, measured: 'not measured', verdict: '' };
    return { goal, measured: found.measured, verdict: found.isMet ? 'met' : 'not met' };
  });
}

/** Ours must be `factor` times as quick as the peer, or as the quickest of several. */
function speed(factor, peers, column) {
  return (table) => {
    const ratios = [peers].flat().map((peer) => table.ratio(peer, column)).filter((ratio) => ratio !== null);
    if (ratios.length === 0) return null;
    const ratio = Math.min(...ratios.map(({ median }) => median));
    return { measured: spellRatio(ratio), isMet: ratio >= factor };
  };
}

/** Ours may need `factor` times what the peer needs. */
function need(factor, peer, column) {
  return (table) => {
    const ratio = table.ratio(OURS, column, peer);
    return ratio === null ? null : { measured: spellRatio(ratio.median), isMet: ratio.median <= factor };
  };
}

/** `row` may need `limit`, which is shared by `parts`. */
function atMost(limit, row, column, spell, parts = 1) {
  return (table) => {
    const found = table.of(row, column);
    if (found === null) return null;
    const value = found.median / parts;
    return { measured: spell(value), isMet: value <= limit };
  };
}

/** All must hold. */
function all(...looks) {
  return (table) => {
    const found = looks.map((look) => look(table));
    if (found.includes(null)) return null;
    return { measured: found.map(({ measured }) => measured).join(', '), isMet: found.every(({ isMet }) => isMet) };
  };
}

function objectAsString(table) {
  const ratio = table.ratio(OURS, 'few', OURS, 'object');
  return ratio === null ? null : { measured: spellRatio(ratio.median), isMet: ratio.median >= EQUAL };
}

function readsWhileJoining(table) {
  const [time, pause] = [table.of(OURS, 'time'), table.of(OURS, 'pause')];
  if (time === null || pause === null) return null;
  const measured = `longest pause ${spellMs(pause.median)} of ${spellMs(time.median)}`;
  return { measured, isMet: pause.median < time.median / 2 };
}

const stall = (scene) => atMost(10, scene, 'loop', spellMs);
const cpu = (readers) => atMost(0.004, OURS, `cpu-${readers}`, spellMs, readers + 1);

/** "N times": of the speed of what follows. */
const GOALS = [
  ['reads', '`get` of 128 paths: 0.3 times `Map.get`', speed(0.3, 'map', 'few')],
  ['reads', '`get` of 16,384 paths: 0.3 times `Map.get`', speed(0.3, 'map', 'many')],
  ['reads', '`get` of 128 paths: 2.5 times lodash `get`', speed(2.5, 'lodash', 'few')],
  ['reads', '`get` of 16,384 paths: 15 times lodash `get`', speed(15, 'lodash', 'many')],
  ['reads', '`get` of a 1 KB object: as fast as of a small string', objectAsString],
  ['reads', '`get` of a 1 KB object: 100 times node-cache with clones', speed(100, 'node-cache', 'object')],
  ['writes', '`set` of a small value, 1,000 per turn: 0.5 times a raw `Y.Map`', speed(0.5, 'y-map', 'few-1000')],
  ['writes', 'the same with 100,000 keys', speed(0.5, 'y-map', 'many-1000')],
  ['writes', '`set` of 1 KB, 1,000 per turn: 0.5 times a raw `Y.Map`', speed(0.5, 'y-map', 'object-1000')],
  ['writes', '`set` of a small value, 1,000 per turn: 4 times Redis pipelined', speed(4, REDIS_STORES, 'few-1000')],
  ['writes', '`set` of 1 KB, 1,000 per turn: 1.2 times Redis pipelined', speed(1.2, REDIS_STORES, 'object-1000')],
  ['replication', 'delay, idle: at most 2 times that of a raw frame', need(2, 'frames', 'idle')],
  ['replication', 'delay, idle: at most 0.6 times that of Redis pub/sub', need(0.6, 'redis-pub-sub', 'idle')],
  ...[1, 3, 7].flatMap((readers) => [
    ['replication', `100,000 writes to ${readers}: 2.5 times Redis \`SET PX\` and pub/sub`, speed(2.5, 'redis-pub-sub', `fill-${readers}`)],
    ['replication', `CPU per write and process, ${readers + 1} processes: below 4 µs`, cpu(readers)],
  ]),
  ['join', 'join of 100,000: no slower than Redis `MGET`', speed(1, 'ioredis', 'time')],
  ['join', 'reads go on while it joins: no pause of half of the join', readsWhileJoining],
  [
    'stalls',
    'longest pause at snapshot, compaction, sweep, epoch change, join: 10 ms each',
    all(stall('snapshot'), stall('compaction'), stall('sweep'), stall('epoch'), stall('join')),
  ],
  ['level', 'memory per small entry, tree and document together: at most 600 bytes', atMost(600, OURS, 'memory', spellBytes)],
].map(([suite, goal, look]) => ({ suite, goal, look }));

module.exports = { judge };
