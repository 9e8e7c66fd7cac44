/**
 * The chart of a suite, as SVG written by hand: a panel for each case, a bar for each peer from its median, on a
 * scale by powers of ten, and a thin line from the lowest to the highest round.
 */
'use strict';

const { OURS } = require('./peers');

const WIDTH = 900;
const LEFT = 190;
const RIGHT = 110;
const TOP = 76;
const BAR = 14;
const STEP = 20;
const GAP = 62;

function drawChart(title, table) {
  const panels = [];
  let top = TOP;
  for (const column of table.columns) {
    const bars = table.rows
      .map((row) => ({ ...row, found: table.of(row.id, column.id) }))
      .filter(({ found }) => found !== null)
      .sort((a, b) => a.found.median - b.found.median);
    if (bars.length === 0) continue;
    panels.push(drawPanel(column, bars, top));
    top += bars.length * STEP + GAP;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${top}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${top}" fill="white"/>`,
    text(16, 24, title, 'font-size="16"'),
    text(16, 42, 'less is better; each step is ten times the one before; thin: from the lowest to the highest round', 'fill="#666"'),
    ...panels,
    '</svg>',
    '',
  ].join('\n');
}

function drawPanel({ title, format }, bars, top) {
  const positive = (value) => Math.max(value, 1e-9);
  const from = Math.floor(Math.log10(positive(Math.min(...bars.map(({ found }) => found.low)))));
  const to = Math.max(from + 1, Math.ceil(Math.log10(positive(Math.max(...bars.map(({ found }) => found.high))))));
  const x = (value) => LEFT + ((Math.log10(positive(value)) - from) / (to - from)) * (WIDTH - LEFT - RIGHT);
  const bottom = top + 8 + bars.length * STEP;
  const powers = Array.from({ length: to - from + 1 }, (_, i) => LEFT + (i / (to - from)) * (WIDTH - LEFT - RIGHT));
  return [
    text(16, top, title, 'font-weight="bold"'),
    ...powers.map((at) => line(at, top + 8, at, bottom, 'stroke="#ddd"')),
    ...powers.map((at, i) => text(at, bottom + 14, format(10 ** (from + i)), 'text-anchor="middle" font-size="10" fill="#666"')),
    ...bars.map(({ id, title: peer, found }, i) => {
      const y = top + 10 + i * STEP;
      const middle = y + BAR / 2;
      return [
        text(LEFT - 8, y + 11, peer, 'text-anchor="end"'),
        `<rect x="${LEFT}" y="${y}" width="${Math.max(1, x(found.median) - LEFT).toFixed(1)}" height="${BAR}" fill="${id === OURS ? '#06c' : '#b8c4d0'}"/>`,
        line(x(found.low), middle, x(found.high), middle, 'stroke="#333"'),
        text(x(found.high) + 6, y + 11, format(found.median)),
      ].join('\n');
    }),
  ].join('\n');
}

function text(x, y, words, attributes = '') {
  const escaped = words.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
  return `<text x="${x.toFixed(1)}" y="${y}" ${attributes}>${escaped}</text>`;
}

function line(x1, y1, x2, y2, attributes) {
  const [a, b, c, d] = [x1, y1, x2, y2].map((value) => value.toFixed(1));
  return `<line x1="${a}" y1="${b}" x2="${c}" y2="${d}" ${attributes}/>`;
}

module.exports = { drawChart };
