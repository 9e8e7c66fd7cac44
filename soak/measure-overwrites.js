/**
 * Overwrites: two processes overwrite the same keys, three times as often as one measures at first. Heap and
 * snapshot must stay where they were, and near those of a process that holds the same data written once.
 */
'use strict';

const { claim, line, measure } = require('./measure');
const { median, ratio, size, time } = require('./numbers');

const LEVEL = 1.1;
const FRESH_FACTOR = 3;
/** How often one looks around each mark, and the share of the writes between two looks. */
const LOOKS = 15;
const STEP = 0.03;

measure('overwrites', { million: 1, keys: 1000, batch: 1000, gcInterval: 2000 }, async (fleet, options) => {
  const { million, keys, batch, gcInterval } = options;
  const fresh = await writtenOnce(fleet, keys, gcInterval);
  const members = [await fleet.open('worn', { gcInterval }), await fleet.open('worn', { gcInterval })];
  const count = (million * 1e6) / 2;
  const marks = [];
  for (let part = 1; part <= 3; part++) {
    const load = (share) =>
      Promise.all(members.map((member) => member.ask('load', 'overwrite', { count: count * share, keys, batch })));
    const results = await load(1 - (LOOKS - 1) * STEP);
    const looks = [await mark(fleet, members, results)];
    while (looks.length < LOOKS) {
      await load(STEP);
      looks.push(await mark(fleet, members, results));
    }
    marks.push(middleOf(looks));
    print(`${part * million} M overwrites`, marks.at(-1));
  }

  const [first, , third] = marks;
  first.heaps.forEach((heap, i) => {
    const last = third.heaps[i];
    claim(last <= heap * LEVEL, `process ${i + 1}: heap ${ratio(last, heap)} of that after the first part`);
    claim(last <= fresh.heap * FRESH_FACTOR, `process ${i + 1}: heap ${ratio(last, fresh.heap)} of fresh`);
    line(`       net of an empty cache: ${ratio(last - fresh.empty, fresh.heap - fresh.empty)} of fresh`);
  });
  claim(third.snapshot <= first.snapshot * LEVEL, `snapshot ${ratio(third.snapshot, first.snapshot)} of the first part's`);
  line(`       snapshot ${ratio(third.snapshot, fresh.snapshot)} of fresh`);
  await fleet.closeAll();
});

/** A process of its own that writes every key once. */
async function writtenOnce(fleet, keys, gcInterval) {
  const member = await fleet.open('fresh', { gcInterval });
  const { memory } = await member.ask('state');
  const result = await member.ask('load', 'fill', { to: keys });
  const { heaps, snapshot } = await mark(fleet, [member], [result], 'fresh');
  line(`empty: heap ${size(memory.heap)}`);
  line(`written once: heap ${size(heaps[0])}, snapshot ${size(snapshot)}`);
  await member.close();
  return { empty: memory.heap, heap: heaps[0], snapshot };
}

/** How the processes are when all is flushed. The median of three looks: the collector has its moods. */
async function mark(fleet, members, results, name = 'worn') {
  for (const member of members) await member.ask('flush');
  const looks = [];
  for (let i = 0; i < 3; i++) looks.push(await Promise.all(members.map((member) => member.ask('state'))));
  const last = looks.at(-1);
  return {
    heaps: members.map((_, i) => median(looks.map((states) => states[i].memory.heap))),
    externals: last.map(({ memory }) => memory.external),
    stats: last.map(({ stats }) => stats),
    errors: last.map(({ errors, lastError }) => (errors === 0 ? 0 : `${errors} (${lastError})`)),
    snapshot: fleet.fileSizes(name).snapshot,
    perWriteMs: results.map(({ ms, writes }) => ms / writes),
    perWriteCpuMs: results.map(({ cpuMs, writes }) => cpuMs / writes),
  };
}

/**
 * The last look, with the medians of all in the place of its heaps and its snapshot: both are saw-tooths, since
 * compaction lets the dead outnumber the living, and one look sees any moment of it.
 */
function middleOf(looks) {
  return {
    ...looks.at(-1),
    heaps: looks[0].heaps.map((_, i) => median(looks.map(({ heaps }) => heaps[i]))),
    snapshot: median(looks.map(({ snapshot }) => snapshot)),
    snapshots: looks.map(({ snapshot }) => snapshot),
  };
}

function print(title, { heaps, externals, stats, errors, snapshot, snapshots, perWriteMs, perWriteCpuMs }) {
  line(`${title}: snapshot ${size(snapshot)} (${size(Math.min(...snapshots))} to ${size(Math.max(...snapshots))})`);
  heaps.forEach((heap, i) => {
    const { structs, segments, registers, clients, epoch } = stats[i];
    line(
      `   process ${i + 1}: heap ${size(heap)}, external ${size(externals[i])}, structs ${structs}, segments ${segments},`,
      `live ${registers.live}, dead ${registers.dead}, clients ${clients}, epoch ${epoch},`,
      `per write ${time(perWriteMs[i])} (${time(perWriteCpuMs[i])} cpu), errors ${errors[i]}`,
    );
  });
}
