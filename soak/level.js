/**
 * Whether the second half of a run is level with the first: the rules, with what they tolerate and why.
 *
 * The first samples are left out: until then the processes warm up, and the segment maps fill. The medians of
 * both halves of the rest are compared, so that single samples do not decide. What grows steadily by `g` of its
 * size at the start raises the one median above the other by about g / 2: with a factor of 1.1, growth by more
 * than a fifth over the whole run is found. Slack is what a quantity may differ by in ordinary operation.
 */
'use strict';

const { median, size, time } = require('./numbers');

const WARM_UP = 0.15;

const SERIES = [
  {
    name: 'heap',
    title: 'heap of the process that stays, after collection',
    format: size,
    // A megabyte is what compiled code and its feedback come to, which V8 adds and drops when it likes.
    factor: 1.1,
    slack: 1e6,
  },
  {
    name: 'heapMax',
    title: 'largest heap of all processes, after collection',
    format: size,
    factor: 1.1,
    slack: 1e6,
  },
  {
    name: 'structs',
    title: 'Yjs structs, most of all processes',
    format: String,
    // Compaction lets the dead outnumber the living by a segment map for each writer: the size is a saw-tooth.
    factor: 1.25,
    slack: 4000,
  },
  {
    name: 'snapshot',
    title: 'size of the snapshot',
    format: size,
    // As the structs, which it consists of.
    factor: 1.25,
    slack: 100e3,
  },
  {
    name: 'files',
    title: 'size of all files of the cache',
    format: size,
    factor: 1.5,
    slack: 200e3,
  },
  {
    name: 'perWrite',
    title: 'time per write, one per turn, least of three medians',
    format: time,
    // Yjs pays for each of the past clients, of which there are anything from none to some thirty; and other
    // programs on the machine slow each write down.
    factor: 1.5,
    slack: 0.02,
  },
];

/** What became of each series of `samples`: the medians of its halves, and whether they are level. */
function judge(samples) {
  const skipped = Math.ceil(samples.length * WARM_UP);
  const kept = samples.slice(skipped);
  const middle = kept.length >> 1;
  return SERIES.map(({ name, title, format, factor, slack }) => {
    const values = kept.map((sample) => sample[name]);
    const [first, second] = [median(values.slice(0, middle)), median(values.slice(middle))];
    const isLevel = second <= first * factor + slack;
    return { name, title, format, first, second, isLevel, tolerance: `× ${factor} + ${format(slack)}` };
  });
}

module.exports = { judge, SERIES, WARM_UP };
