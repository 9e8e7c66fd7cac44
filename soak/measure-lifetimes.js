/**
 * Lifetimes: many processes, one after the other, open one cache, write a little and end, while one stays. What
 * a write then costs there, and how large the snapshot is, must not tell how many there have been.
 *
 * Real processes, a few at a time: each has its own Yjs client, which is what the document must get rid of.
 */
'use strict';

const { delay, now } = require('../demo/wait');
const { claim, line, measure } = require('./measure');
const { median, ratio, size, time } = require('./numbers');

const DEFAULTS = { lifetimes: 2000, early: 20, at: 3, keys: 1000, gcInterval: 2000, looks: 5 };
const TIME_FACTOR = 1.5;
const SNAPSHOT_FACTOR = 3;

measure('process lifetimes', DEFAULTS, async (fleet, options) => {
  const { lifetimes, early, at, keys, gcInterval, looks } = options;
  const settings = { gcInterval };
  const fresh = await writtenOnce(fleet, settings, keys);
  // Two stay, as an application's processes do: time per write includes telling another.
  const stayers = [await fleet.open('lives', settings), await fleet.open('lives', settings)];
  await stayers[0].ask('load', 'fill', { to: keys });

  let done = 0;
  const liveUntil = async (goal) => {
    let begun = done;
    const startedAt = now();
    await Promise.all(
      Array.from({ length: at }, async () => {
        while (begun < goal) {
          begun++;
          await fleet.live('lives', settings, { number: begun, keys });
          done++;
        }
      }),
    );
    return now() - startedAt;
  };

  const marks = [];
  for (const goal of [early, lifetimes / 4, lifetimes / 2, (lifetimes * 3) / 4, lifetimes]) {
    const ms = await liveUntil(goal);
    // Those who have just ended are still remembered; that is part of what is measured, at every mark.
    const mark = await look(fleet, stayers, keys, looks);
    marks.push(mark);
    line(
      `after ${done} (${time(ms)}): per write ${time(mark.perWrite)}, snapshot ${size(mark.snapshot)},`,
      `heap ${size(mark.heap)}, clients ${mark.stats.clients}, epoch ${mark.stats.epoch},`,
      `structs ${mark.stats.structs}, segments ${mark.stats.segments}, live ${mark.stats.registers.live}, errors ${mark.errors}`,
    );
  }
  const [first] = marks;
  const last = marks.at(-1);
  const late = median(marks.slice(1).map(({ perWrite }) => perWrite));
  claim(last.perWrite <= first.perWrite * TIME_FACTOR, `time per write ${ratio(last.perWrite, first.perWrite)} of that after ${early}`);
  line(`       median of all later marks ${ratio(late, first.perWrite)}`);
  claim(last.snapshot <= fresh * SNAPSHOT_FACTOR, `snapshot ${ratio(last.snapshot, fresh)} of a fresh one (${size(fresh)})`);
  await delay(3 * gcInterval);
  const settled = await look(fleet, stayers, keys, looks);
  line(`settled: per write ${time(settled.perWrite)}, snapshot ${size(settled.snapshot)}, clients ${settled.stats.clients}, epoch ${settled.stats.epoch}`);
  await fleet.closeAll();
});

async function writtenOnce(fleet, settings, keys) {
  const member = await fleet.open('fresh', settings);
  await member.ask('load', 'fill', { to: keys });
  await member.ask('load', 'single', { count: 100, keys: 100 });
  await member.ask('close').catch(() => undefined);
  await member.exited;
  return fleet.fileSizes('fresh').snapshot;
}

/** The median of the medians of several looks. */
async function look(fleet, [first, second], keys, looks) {
  const perWrites = [];
  for (let i = 0; i < looks; i++) perWrites.push((await first.ask('load', 'single', { count: 1000, keys: 100 })).medianMs);
  await first.ask('flush');
  const [state, other] = await Promise.all([first.ask('state'), second.ask('state')]);
  return {
    perWrite: median(perWrites),
    snapshot: fleet.fileSizes('lives').snapshot,
    heap: state.memory.heap,
    stats: state.stats,
    errors: `${state.errors}/${other.errors} ${state.lastError ?? ''}`,
  };
}
