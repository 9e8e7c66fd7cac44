/**
 * Churn: two processes write ever-new keys that live for a second, never more than a given number of them at a
 * time. The heap must be level once they are swept, and the snapshot a few times the live data at most.
 */
'use strict';

const { delay } = require('../demo/wait');
const { claim, line, measure } = require('./measure');
const { median, ratio, size, time } = require('./numbers');

const DEFAULTS = { keys: 1e6, alive: 10_000, ttl: 1000, gcInterval: 1000, samples: 10 };
const LEVEL = 1.1;
const SNAPSHOT_FACTOR = 4;

measure('churn of keys with a ttl', DEFAULTS, async (fleet, options) => {
  const { keys, alive, ttl, gcInterval, samples } = options;
  const fresh = await writtenOnce(fleet, alive, gcInterval);
  const members = [await fleet.open('churn', { gcInterval }), await fleet.open('churn', { gcInterval })];
  // A tenth less than what the limit allows: a timer may be late.
  const perSecond = Math.floor((alive * 0.9 * 1000) / ttl / members.length);
  const count = Math.ceil(keys / members.length);
  const looks = [];
  const work = Promise.all(
    members.map((member, i) => member.ask('load', 'churn', { count, perSecond, ttl, prefix: `p${i}` })),
  );
  const durationMs = (count / perSecond) * 1000;
  for (let i = 1; i <= samples; i++) {
    await delay(durationMs / (samples + 1));
    looks.push(await look(fleet, members, `${i}/${samples + 1} of the churn`));
  }
  const results = await work;
  line(`written: ${results.reduce((sum, { writes }) => sum + writes, 0)} keys in ${time(results[0].ms)}`);
  const busiest = looks.map(({ heap }) => heap);
  const snapshots = looks.map(({ snapshot }) => snapshot);

  // The ttl, the tick that sweeps, the retention, and the tick that forgets.
  await delay(ttl + 4 * gcInterval);
  for (const member of members) await member.ask('flush');
  const after = await look(fleet, members, 'after the sweeps');

  const half = samples >> 1;
  const growth = median(busiest.slice(half)) / median(busiest.slice(0, half));
  claim(growth <= LEVEL, `heap in the second half of the churn × ${growth.toFixed(2)} of the first`);
  claim(after.heap <= fresh.heap, `heap after the sweeps ${ratio(after.heap, fresh.empty)} of an empty cache`);
  claim(
    median(snapshots) <= fresh.snapshot * SNAPSHOT_FACTOR,
    `snapshot during the churn ${ratio(median(snapshots), fresh.snapshot)} of ${alive} keys written once`,
  );
  claim(
    after.snapshot <= fresh.snapshot * SNAPSHOT_FACTOR,
    `snapshot after the sweeps ${ratio(after.snapshot, fresh.snapshot)} of ${alive} keys written once`,
  );
  await fleet.closeAll();
});

/** A process of its own that writes as many keys as are ever alive, once. */
async function writtenOnce(fleet, to, gcInterval) {
  const member = await fleet.open('fresh', { gcInterval });
  const empty = await member.ask('state');
  await member.ask('load', 'fill', { to, ttl: 3_600_000 });
  await member.ask('flush');
  const { memory } = await member.ask('state');
  const { snapshot } = fleet.fileSizes('fresh');
  line(`empty: heap ${size(empty.memory.heap)}; ${to} keys written once: heap ${size(memory.heap)}, snapshot ${size(snapshot)}`);
  await member.close();
  return { empty: empty.memory.heap, heap: memory.heap, snapshot };
}

/** How the processes are: the larger heap of the two. */
async function look(fleet, members, title) {
  const states = await Promise.all(members.map((member) => member.ask('state')));
  const { snapshot, all } = fleet.fileSizes('churn');
  const heap = Math.max(...states.map(({ memory }) => memory.heap));
  const of = (pick) => states.map(pick).join('/');
  line(
    `${title}: heap ${of(({ memory }) => size(memory.heap))}, snapshot ${size(snapshot)} (${size(all)} with all),`,
    `live ${of(({ stats }) => stats.registers.live)}, dead ${of(({ stats }) => stats.registers.dead)},`,
    `tombstones ${of(({ stats }) => stats.tombstones)}, structs ${of(({ stats }) => stats.structs)},`,
    `segments ${of(({ stats }) => stats.segments)}, epoch ${of(({ stats }) => stats.epoch)},`,
    `errors ${of(({ errors }) => errors)}`,
  );
  return { heap, snapshot };
}
