/**
 * The chart of a run, as SVG written by hand: one panel for each series over time, from zero, with the medians
 * of both halves, what happened when, and a verdict.
 */
'use strict';

const { SERIES, WARM_UP } = require('./level');

const WIDTH = 900;
const PANEL = 150;
const LEFT = 90;
const RIGHT = 20;
const TOP = 60;
const GAP = 34;

/** `samples` in the order of time, each with `seconds`; `verdicts` as `judge` returns them. */
function drawChart(title, samples, verdicts) {
  const height = TOP + SERIES.length * (PANEL + GAP) + 10;
  const end = Math.max(1, samples.at(-1)?.seconds ?? 1);
  const panels = SERIES.map((series, i) => drawPanel(series, verdicts[i], samples, end, TOP + i * (PANEL + GAP)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="white"/>`,
    text(LEFT, 24, title, 'font-size="16"'),
    text(LEFT, 42, 'grey: warm-up; dashed: medians of the two halves; vertical: a new epoch', 'fill="#666"'),
    ...panels,
    '</svg>',
    '',
  ].join('\n');
}

function drawPanel({ name, title, format }, { first, second, isLevel }, samples, end, top) {
  const values = samples.map((sample) => sample[name]);
  const highest = Math.max(...values, Number.MIN_VALUE) * 1.1;
  const x = (seconds) => LEFT + (seconds / end) * (WIDTH - LEFT - RIGHT);
  const y = (value) => top + PANEL - (value / highest) * PANEL;
  const at = (i) => x(samples[i]?.seconds ?? end);
  const skipped = Math.ceil(samples.length * WARM_UP);
  const middle = skipped + ((samples.length - skipped) >> 1);
  const points = samples.map(({ seconds }, i) => `${x(seconds).toFixed(1)},${y(values[i]).toFixed(1)}`);
  const epochs = samples.filter(({ epoch }, i) => i > 0 && epoch !== samples[i - 1].epoch);
  return [
    text(LEFT, top - 6, `${title}: ${format(first)}, then ${format(second)}: ${isLevel ? 'level' : 'NOT LEVEL'}`,
      isLevel ? '' : 'fill="#c00" font-weight="bold"'),
    `<rect x="${LEFT}" y="${top}" width="${WIDTH - LEFT - RIGHT}" height="${PANEL}" fill="#fafafa" stroke="#ccc"/>`,
    `<rect x="${LEFT}" y="${top}" width="${Math.max(0, at(skipped) - LEFT)}" height="${PANEL}" fill="#e8e8e8"/>`,
    ...[0, 0.5, 1].map((share) => text(LEFT - 6, y(share * highest / 1.1) + 4, format(Math.round((share * highest / 1.1) * 1e3) / 1e3), 'text-anchor="end"')),
    ...epochs.map(({ seconds }) => line(x(seconds), top, x(seconds), top + PANEL, 'stroke="#9ac"')),
    `<polyline points="${points.join(' ')}" fill="none" stroke="#06c" stroke-width="1.5"/>`,
    line(at(skipped), y(first), at(middle), y(first), 'stroke="#c60" stroke-dasharray="6 4"'),
    line(at(middle), y(second), x(end), y(second), 'stroke="#c60" stroke-dasharray="6 4"'),
    text(WIDTH - RIGHT, top + PANEL + 14, `${Math.round(end)} s`, 'text-anchor="end" fill="#666"'),
  ].join('\n');
}

function text(x, y, words, attributes = '') {
  const escaped = words.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
  return `<text x="${x}" y="${y.toFixed(1)}" ${attributes}>${escaped}</text>`;
}

function line(x1, y1, x2, y2, attributes) {
  const [a, b, c, d] = [x1, y1, x2, y2].map((value) => value.toFixed(1));
  return `<line x1="${a}" y1="${b}" x2="${c}" y2="${d}" ${attributes}/>`;
}

module.exports = { drawChart };
