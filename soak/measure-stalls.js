/**
 * Stalls: how long compaction, and then the sweep of half as many entries that expire at once, hold up the event
 * loops of two processes with many live entries. Measured by the event loop's delay, as it elapsed and without what
 * the thread waited for a processor; beside it, that of a process with as many entries that does nothing, and the same
 * overwrites with compaction suspended. What must stay below the limit is the longest single thing that the library does;
 * V8's collector and other programs, on a busy machine, hold an event loop up for longer.
 */
'use strict';

const path = require('node:path');
const { delay } = require('../demo/wait');
const { claim, line, measure } = require('./measure');
const { median, time } = require('./numbers');

const DEFAULTS = { entries: 100_000, seconds: 15, rounds: 3, gcInterval: 8000, persist: 0, profile: 0 };
const STALL_MS = 10;
/** What two runs of the same load may differ by. */
const SPREAD = 1.5;
/** Scenes of which it is claimed that the library holds nothing up for longer than `STALL_MS`. */
const UPKEEP = ['compaction', 'sweep'];

measure('stalls by compaction and sweep', DEFAULTS, async (fleet, options) => {
  const { entries, seconds, rounds, gcInterval, persist, profile } = options;
  const settings = { gcInterval, persist: persist === 1 };
  // --profile 1 leaves profiles in the working directory.
  const forkOptions = profile === 1 ? { execArgv: ['--cpu-prof', `--cpu-prof-dir=${path.join(process.cwd(), 'profiles')}`] } : {};
  const members = [];
  for (let i = 0; i < 2; i++) members.push(await fleet.open('stalls', settings, forkOptions));
  const idle = await fleet.open('idle', { persist: false });
  await idle.ask('load', 'fill', { to: entries, batch: 200 });
  const half = entries / 2;
  await Promise.all(
    members.map((member, i) => member.ask('load', 'fill', { to: half, batch: 200, prefix: `p${i}` })),
  );
  for (const member of members) await member.ask('flush');
  await delay(2 * gcInterval);

  const overwrite = async () => {
    // Small batches: what is held up shall be held up by upkeep, not by the load.
    const load = { count: Infinity, keys: half, batch: 50, pauseMs: 10 };
    await Promise.all(members.map((member, i) => member.ask('start', 'overwrite', { ...load, prefix: `p${i}` })));
    await delay(seconds * 1000);
    await Promise.all(members.map((member) => member.ask('stop')));
  };
  const suspend = (isSuspended) => Promise.all(members.map((member) => member.ask('suspendCompaction', isSuspended)));
  const scenes = {
    idle: async () => delay(seconds * 500),
    compaction: overwrite,
    'no compaction': async () => {
      await suspend(true);
      await overwrite();
    },
    sweep: async () => {
      const ttl = seconds * 1000;
      await suspend(false);
      await Promise.all(
        members.map((member, i) => member.ask('load', 'fill', { to: half / 2, batch: 200, prefix: `short${i}`, ttl })),
      );
      for (const member of members) await member.ask('flush');
      // Nothing has expired yet, and the load is over: what is seen from now on is the sweep.
      await watchAll();
      await delay(ttl + 3 * gcInterval);
    },
  };
  const watchAll = () => Promise.all([...members, idle].map((member) => member.ask('watch', { isTimed: true })));

  const loops = {};
  for (const [name, play] of Object.entries(scenes)) {
    const results = [];
    for (let round = 1; round <= rounds; round++) {
      await watchAll();
      await play();
      const watched = await Promise.all([...members, idle].map((member) => member.ask('watched')));
      results.push(watched);
      print(`${name} ${round}`, watched);
    }
    const longest = (of) => median(results.map((watched) => Math.max(...watched.slice(0, 2).map(of))));
    loops[name] = longest(({ own }) => own);
    const [max, code] = [longest((watched) => watched.max), longest(({ turns }) => longestOf(turns, 'code'))];
    const [floor, ownFloor] = ['max', 'own'].map((kind) => median(results.map((watched) => watched[2][kind])));
    if (UPKEEP.includes(name)) claim(code < STALL_MS, `${name}: longest thing the library did, without the collector's pauses ${time(code)} (median of ${rounds})`);
    line(`${name}: longest delay without waiting for a processor ${time(loops[name])}, with ${time(max)};`,
      `of a process that does nothing ${time(ownFloor)}, ${time(floor)}; collector's longest pause ${time(longest(({ collector }) => collector))}`);
  }
  claim(
    loops.compaction < SPREAD * loops['no compaction'],
    `with compaction ${time(loops.compaction)}, without ${time(loops['no compaction'])}`,
  );
  const states = await Promise.all(members.map((member) => member.ask('state')));
  for (const { stats, memory } of states) line(JSON.stringify({ ...stats, heap: memory.heap }));
  await fleet.closeAll();
});

function longestOf(turns, kind) {
  return Math.max(0, ...Object.values(turns).map((turn) => turn[kind]));
}

function print(title, watched) {
  watched.forEach(({ max, own, p999, p99, turns }, i) => {
    const details = Object.entries(turns)
      .filter(([, { max: ms }]) => ms >= 1)
      .map(([name, { calls, max: ms, own: ownMs, code, over10 }]) =>
        `${name} ${time(ms)} (own ${time(ownMs)}, code ${time(code)}, ${over10} of ${calls} > 10 ms)`);
    const who = i < 2 ? `process ${i + 1}` : 'the idle one';
    line(`${title}, ${who}: delay max ${time(max)}, without waiting ${time(own)}, p99.9 ${time(p999)}, p99 ${time(p99)}; ${details.join(', ')}`);
  });
}
