/**
 * A stopped peer: some processes, two if not said otherwise, write as fast as they can while another is stopped
 * (SIGSTOP). What that costs them in memory, and how long the other takes to be whole once it goes on (SIGCONT), in turns
 * under the same load and without. Where there are no more processors than writers, under load it has to share one.
 */
'use strict';

const os = require('node:os');
const { delay, now, until } = require('../demo/wait');
const { claim, line, measure } = require('./measure');
const { median, size, time } = require('./numbers');

const DEFAULTS = { writers: 2, seconds: 15, rounds: 3, keys: 20_000, batch: 200, gcInterval: 120_000 };
/** The bound on one link, and what the collector may be late with. */
const BOUND_BYTES = 8 * 2 ** 20;
const SLACK = 1.5;
const WHOLE_MS = 2000;

measure('a stopped peer', DEFAULTS, async (fleet, options) => {
  const { seconds, rounds, keys, batch, gcInterval } = options;
  const open = () => fleet.open('stopped', { gcInterval });
  const peer = await open();
  const writers = [];
  while (writers.length < options.writers) writers.push(await open());
  const start = () =>
    Promise.all(
      writers.map((member, i) => member.ask('start', 'overwrite', { count: Infinity, keys, batch, prefix: `p${i}` })),
    );
  const stop = () => Promise.all(writers.map((member) => member.ask('stop')));
  const wholes = { loaded: [], quiet: [] };
  const costs = [];
  await start();
  await delay(5000);
  for (let round = 0; round < 2 * rounds; round++) {
    const isLoaded = round % 2 === 0;
    // The largest of them at each look; the collector runs, so that only what is held counts.
    const running = await lookAt(writers, 5);
    peer.pause();
    // Not at once: it takes a moment until what waits has reached the bound.
    await delay(3000);
    const stopped = await lookAt(writers, Math.max(1, seconds - 3));
    costs.push({ running, stopped });

    const marker = `marker${round}`;
    if (!isLoaded) await stop();
    const at = now();
    peer.resume();
    await Promise.all(writers.map((member, i) => member.ask('set', `${marker}.${i}`, round)));
    const seen = await Promise.all(writers.map((_, i) => peer.ask('seen', `${marker}.${i}`, round)));
    const ms = Math.max(...seen) - at;
    wholes[isLoaded ? 'loaded' : 'quiet'].push(ms);
    line(
      `round ${round + 1}: stopped ${seconds} s, memory of a writer ${size(median(running))} → ${size(median(stopped))}`,
      `(largest ${size(Math.max(...stopped))}); whole ${time(ms)} after SIGCONT ${isLoaded ? 'under load' : 'at rest'}`,
    );
    if (!isLoaded) await start();
  }
  await stop();
  const growth = median(costs.map(({ running, stopped }) => median(stopped) - median(running)));
  claim(growth < BOUND_BYTES * SLACK, `memory grows by ${size(growth)} while a peer is stopped (bound ${size(BOUND_BYTES)})`);
  claim(median(wholes.quiet) < WHOLE_MS, `whole after ${time(median(wholes.quiet))} at rest`);
  // With a processor of its own, that is.
  const hasProcessor = os.availableParallelism() > options.writers;
  claim(!hasProcessor || median(wholes.loaded) < WHOLE_MS, `whole after ${time(median(wholes.loaded))} under load${hasProcessor ? '' : ', without a processor of its own'}`);

  await until('all show the same', async () => {
    const states = await fleet.askAll('digest');
    return states.every((digest) => digest === states[0]);
  });
  claim(true, 'all show the same in the end');
  for (const { stats, memory, errors, lastError } of await fleet.askAll('state')) {
    line(JSON.stringify({ ...stats, heap: memory.heap, errors, lastError }));
  }
  await fleet.closeAll();
});

/** Heap and what is outside of it, after collection, of the largest of them, some times a second apart. */
async function lookAt(writers, count) {
  const looks = [];
  for (let i = 0; i < count; i++) {
    const states = await Promise.all(writers.map((member) => member.ask('state')));
    looks.push(Math.max(...states.map(({ memory }) => memory.heap + memory.external)));
    await delay(1000);
  }
  return looks;
}
