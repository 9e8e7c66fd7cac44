/**
 * The soak: `npm run soak -- --minutes M`. Real processes share one cache for M minutes, in cycles that are all
 * alike (cycle.js); after each, memory, structs, file sizes and the time per write are sampled.
 *
 * It exits with 1 if the second half is not level with the first (level.js), if the processes do not show the
 * same data, if one reports an error or ends unasked. It leaves no process behind, and no file but its result:
 * the table and the chart, in `--out` or a new temporary folder.
 */
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { now } = require('../demo/wait');
const { drawChart } = require('./chart');
const { begin, cycle, sample } = require('./cycle');
const { judge } = require('./level');
const { size, time } = require('./numbers');
const { numbersOf, play } = require('./scene');

/** `lives` is how many short-lived processes there are in each cycle, at most. */
const DEFAULTS = { minutes: 10, processes: 3, lives: 8 };
/** Below that many there are no two halves to compare. */
const SAMPLES_MIN = 6;

const COLUMNS = [
  ['time', ({ seconds }) => time(seconds * 1000)],
  ['heap', ({ heap }) => size(heap)],
  ['largest', ({ heapMax }) => size(heapMax)],
  ['structs', ({ structs }) => structs],
  ['snapshot', ({ snapshot }) => size(snapshot)],
  ['files', ({ files }) => size(files)],
  ['per write', ({ perWrite }) => time(perWrite)],
  ['entries', ({ entries }) => entries],
  ['dead', ({ dead }) => dead],
  ['tombstones', ({ tombstones }) => tombstones],
  ['clients', ({ clients }) => clients],
  ['epoch', ({ epoch }) => epoch],
  ['processes', ({ lifetimes }) => lifetimes],
  ['writes', ({ writes }) => writes],
  ['whole', ({ wholeMs }) => time(wholeMs)],
];

async function soak(fleet, { minutes, processes, lives }, folder) {
  const lines = [];
  const print = (text = '') => {
    console.log(text);
    lines.push(text);
  };
  print(`soak of ${minutes} minutes, ${processes} processes that stay or are replaced, ${lives} short lives a cycle,`);
  print(`Node.js ${process.version}; whole: from SIGCONT until a stopped process has heard of everything`);
  print(row(COLUMNS.map(([title]) => title)));
  const startedAt = now();
  const samples = [];
  const state = await begin(fleet, { processes, lives });
  while (samples.length < SAMPLES_MIN || now() - startedAt < minutes * 60_000) {
    await cycle(fleet, state);
    samples.push({ seconds: (now() - startedAt) / 1000, ...(await sample(fleet, state)) });
    print(row(COLUMNS.map(([, cell]) => cell(samples.at(-1)))));
    if (fleet.troubles.length > 0) break;
  }
  if (fleet.troubles.length === 0) await fleet.closeAll();

  const verdicts = judge(samples);
  print();
  for (const { title, format, first, second, isLevel, tolerance } of verdicts) {
    const verdict = isLevel ? 'level    ' : 'NOT LEVEL';
    print(`${verdict}  ${title}: ${format(first)}, then ${format(second)} (× ${(second / first).toFixed(2)}; tolerated ${tolerance})`);
  }
  for (const trouble of fleet.troubles) print(`TROUBLE    ${trouble}`);
  fs.writeFileSync(path.join(folder, 'chart.svg'), drawChart(`cluster-cache, ${minutes} minutes`, samples, verdicts));
  fs.writeFileSync(path.join(folder, 'table.txt'), `${lines.join('\n')}\n`);
  console.log(`\nchart and table: ${folder}`);
  if (fleet.troubles.length > 0 || verdicts.some(({ isLevel }) => !isLevel)) process.exitCode = 1;
}

function row(cells) {
  return cells.map((cell) => String(cell).padStart(10)).join(' ');
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    processes: { type: 'string' },
    lives: { type: 'string' },
    out: { type: 'string' },
  },
});
const options = numbersOf(values, DEFAULTS);
if (options.processes < 3) throw new RangeError('--processes takes 3 or more: one stays, one is stopped, one replaced');
const folder = values.out ?? fs.mkdtempSync(path.join(os.tmpdir(), 'cluster-cache-soak-result-'));
fs.mkdirSync(folder, { recursive: true });
void play((fleet) => soak(fleet, options, folder), { minutesMax: options.minutes * 1.5 + 10 });
