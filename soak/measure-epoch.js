/**
 * Epochs: the change of epoch of a large cache in several processes: how long it takes until every process holds
 * everything in the new document, and the longest stall of each.
 */
'use strict';

const path = require('node:path');
const { delay, now, until } = require('../demo/wait');
const { claim, line, measure } = require('./measure');
const { median, time } = require('./numbers');

const DEFAULTS = { entries: 100_000, processes: 2, rounds: 3, gcInterval: 2000, profile: 0 };
const STALL_MS = 100;

measure('change of epoch', DEFAULTS, async (fleet, options) => {
  const { entries, processes, rounds, gcInterval, profile } = options;
  const forkOptions = profile === 1 ? { execArgv: ['--cpu-prof', `--cpu-prof-dir=${path.join(process.cwd(), 'profiles')}`] } : {};
  const members = [];
  for (let i = 0; i < processes; i++) members.push(await fleet.open('epochs', { gcInterval }, forkOptions));
  const share = Math.floor(entries / processes);
  await Promise.all(
    members.map((member, i) => member.ask('load', 'fill', { from: i * share, to: (i + 1) * share, batch: 500, prefix: `p${i}` })),
  );
  for (const member of members) await member.ask('flush');
  await delay(2 * gcInterval);

  const totals = [];
  const stalls = [];
  const delays = [];
  for (let round = 1; round <= rounds; round++) {
    const before = (await members[0].ask('glance')).stats.epoch;
    const files = fleet.fileSizes('epochs');
    await fleet.askAll('watch', { isTimed: true });
    const cpuBefore = await fleet.askAll('cpu');
    // All are asked; only the manager acts on it, at its next collection.
    await fleet.askAll('wantEpoch');
    await until('the new epoch begins', async () => (await fleet.askAll('epoch')).some(({ number }) => number > before));
    const beganAt = now();
    await until('all are whole in it', async () => {
      const states = await fleet.askAll('epoch');
      return states.every(({ number, isWhole }) => number > before && isWhole);
    }, 120_000);
    totals.push(now() - beganAt);
    // The snapshot that follows.
    await delay(gcInterval);
    const cpu = (await fleet.askAll('cpu')).map((ms, i) => ms - cpuBefore[i]);
    const watched = await fleet.askAll('watched');
    const longest = watched.map(({ turns }) => Math.max(0, ...Object.values(turns).map(({ own }) => own)));
    stalls.push(Math.max(...longest));
    delays.push(Math.max(...watched.map(({ max }) => max)));
    line(`round ${round}: whole after ${time(totals.at(-1))}, snapshot ${files.snapshot} → ${fleet.fileSizes('epochs').snapshot} bytes`);
    watched.forEach(({ max, p999, turns }, i) => {
      const details = Object.entries(turns)
        .filter(([, { max: ms }]) => ms >= 5)
        .map(([name, { max: ms, own, calls }]) => `${name} ${time(ms)} (own ${time(own)}; ${calls} calls)`);
      line(`   process ${i + 1}: delay max ${time(max)}, p99.9 ${time(p999)}, cpu ${time(cpu[i])}; ${details.join(', ')}`);
    });
  }
  line(`whole again after ${time(median(totals))} (median of ${rounds})`);
  claim(median(stalls) < STALL_MS, `longest thing the library did ${time(median(stalls))} (its own time, median)`);
  line(`       longest delay of an event loop ${time(median(delays))}`);
  const states = await fleet.askAll('state');
  for (const { stats, memory, errors, lastError } of states) line(JSON.stringify({ ...stats, heap: memory.heap, errors, lastError }));
  await fleet.closeAll();
});
