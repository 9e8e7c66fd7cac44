/**
 * The page: what was compared, on what, which goals were met, and the tables and charts of all suites.
 */
'use strict';

const { OURS } = require('./peers');
const { spellRatio } = require('./spell');

/** More do not fit beside each other. */
const COLUMNS_MAX = 4;

function writePage({ machine, versions, rounds, isQuick, minutes, results, goals }) {
  return [
    '# Benchmarks',
    '',
    'What cluster-cache costs, beside what one would use instead. Written by `npm run bench`, which takes about',
    `${Math.ceil(minutes)} minutes; \`npm run bench -- reads\` runs one suite. The peers are in \`bench/adapters\`, one small file each.`,
    ...(isQuick ? ['', '**A quick run: the figures say only that everything works.**'] : []),
    '',
    `Figures of different machines do not compare, those of one run do: each of ${rounds} rounds measures every peer once, one`,
    'after the other, each in processes of its own. Given are the median of the rounds and, in brackets, the lowest',
    'and the highest. In bold the median of the ratios within a round: **× 2** needs twice what cluster-cache needs,',
    '**× 0.5** half of it. Where the time and the memory go, and what stands in the way of more, is in',
    '[performance.md](performance.md).',
    '',
    '| | |',
    '| --- | --- |',
    `| machine | ${machine.processor} |`,
    `| system | ${machine.system} |`,
    `| load | ${machine.load} |`,
    `| versions | ${versions.join(', ')} |`,
    '',
    '## Goals',
    '',
    ...tableOf(['goal', 'measured', ''], goals.map(({ goal, measured, verdict }) => [goal, measured, verdict])),
    ...results.flatMap(writeSuite),
    '',
  ].join('\n');
}

function writeSuite({ name, suite, table }) {
  const { title, about, hasPeers = true } = suite;
  const { rows, columns } = table;
  const tables = [];
  for (let from = 0; from < columns.length; from += COLUMNS_MAX) {
    const part = columns.slice(from, from + COLUMNS_MAX);
    const head = [hasPeers ? 'peer' : 'scene', ...part.map((column) => column.title)];
    tables.push('', ...tableOf(head, rows.map((row) => [row.title, ...part.map((column) => cellOf(table, row, column))])));
  }
  return ['', `## ${title}`, '', ...about, '', `![${title}](benchmarks/${name}.svg)`, ...tables];
}

function cellOf(table, row, column) {
  const found = table.of(row.id, column.id);
  if (found === null) return table.noteOf(row.id, column.id) ?? '';
  const { median, low, high } = found;
  const ratio = row.id === OURS ? null : table.ratio(row.id, column.id);
  const text = `${column.format(median)} (${column.format(low)}–${column.format(high)})`;
  return ratio === null ? text : `${text}, **${spellRatio(ratio.median)}**`;
}

function tableOf(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

module.exports = { writePage };
