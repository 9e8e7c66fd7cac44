/**
 * One cycle of the soak, and the sample after it.
 *
 * In each cycle all processes overwrite the same keys and write ever-new keys with a ttl, while one is stopped
 * and goes on, one is replaced (every third time it is killed), and some live shortly. Then all is quiet until
 * what expired is swept, so that samples differ by what is kept, and not by what is under way.
 */
'use strict';

const { delay, now, until } = require('../demo/wait');

const NAME = 'soak';
const GC_INTERVAL_MS = 1000;
const TTL_MS = 1000;
const STOPPED_MS = 3000;
/** Far from what a processor can do: a soak looks for what stays, and must not fail for want of time. */
const OVERWRITE = { count: Infinity, keys: 3000, batch: 8, pauseMs: 10 };
const CHURN = { perSecond: 200, ttl: TTL_MS };
/** Short lives begin as long as this; on a busy machine there are fewer of them. */
const LIVES_MS = 8000;
/** The ttl, the collection that sweeps, the retention, and the collection that forgets; and one for the unlucky. */
const SETTLE_MS = TTL_MS + 4 * GC_INTERVAL_MS;

/** Starts the processes. */
async function begin(fleet, { processes, lives }) {
  const state = { lives, cycles: 0, lifetimes: 0, wholes: [], writes: 0, prefixes: 0, started: 0 };
  for (let i = 0; i < processes; i++) await join(fleet, state);
  // All that is overwritten is there from the beginning.
  await fleet.members[0].ask('load', 'fill', { to: OVERWRITE.keys });
  return state;
}

async function cycle(fleet, state) {
  state.cycles++;
  for (const member of fleet.members) await load(member, state);
  // The first stays as it is, the second is stopped, the last is replaced. Lives begin when all can answer: a
  // flush, with which each ends, would wait for one that is stopped.
  await stopAndGoOn(fleet.members[1], fleet.members[0], state);
  await Promise.all([live(fleet, state), replace(fleet, state)]);
  for (const member of fleet.members) state.writes += await member.ask('stop');
}

/** What is kept when all is quiet. */
async function sample(fleet, state) {
  await delay(SETTLE_MS);
  const [stays] = fleet.members;
  await stays.ask('flush');
  await until(
    'all processes show the same data',
    async () => {
      const digests = await fleet.askAll('digest');
      return digests.every((digest) => digest === digests[0]);
    },
    30_000,
  );
  const perWrites = [];
  for (let i = 0; i < 3; i++) perWrites.push((await stays.ask('load', 'single', { count: 500, keys: 100 })).medianMs);
  await stays.ask('flush');
  const states = await fleet.askAll('state');
  states.forEach(({ errors, lastError }, i) => {
    if (errors > 0) fleet.troubles.push(`${fleet.members[i].name}: ${errors} error events, the last: ${lastError}`);
  });
  const [{ memory, stats }] = states;
  const { snapshot, all } = fleet.fileSizes(NAME);
  const { entries, registers, tombstones, clients, epoch } = stats;
  return {
    heap: memory.heap,
    heapMax: Math.max(...states.map((other) => other.memory.heap)),
    structs: Math.max(...states.map((other) => other.stats.structs)),
    snapshot,
    files: all,
    // What other programs take only ever adds: the least disturbed look tells most.
    perWrite: Math.min(...perWrites),
    entries,
    dead: registers.dead,
    tombstones,
    clients,
    epoch,
    lifetimes: state.lifetimes + state.started,
    writes: state.writes,
    wholeMs: state.wholes.at(-1),
  };
}

function join(fleet, state) {
  state.started++;
  return fleet.open(NAME, { gcInterval: GC_INTERVAL_MS });
}

async function load(member, state) {
  await member.ask('start', 'overwrite', OVERWRITE);
  await member.ask('start', 'churn', { ...CHURN, prefix: `churn${++state.prefixes}` });
}

/** Stops a process for a while, and takes the time until it has heard of what was written before it went on. */
async function stopAndGoOn(member, other, state) {
  member.pause();
  await delay(STOPPED_MS);
  await other.ask('set', 'marker', state.cycles);
  const at = now();
  member.resume();
  state.wholes.push((await member.ask('seen', 'marker', state.cycles)) - at);
}

/** Replaces a process by a new one. */
async function replace(fleet, state) {
  const member = fleet.members.at(-1);
  if (state.cycles % 3 === 0) {
    await member.kill();
  } else {
    state.writes += await member.ask('stop');
    await member.close();
  }
  await load(await join(fleet, state), state);
}

/** Some short lives, one after the other, at least one. */
async function live(fleet, state) {
  const end = now() + LIVES_MS;
  for (let i = 0; i === 0 || (i < state.lives && now() < end); i++) {
    const job = { number: ++state.lifetimes, keys: OVERWRITE.keys };
    await fleet.live(NAME, { gcInterval: GC_INTERVAL_MS }, job).catch(({ message }) => fleet.troubles.push(message));
  }
}

module.exports = { begin, cycle, sample };
