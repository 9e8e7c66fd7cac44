/**
 * The page: what was compared, on what, which goals were met, and the tables and charts of all suites.
 */
'use strict';

const { OURS } = require('./peers');
const { spellRatio } = require('./spell');

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
    'and the highest. *Compared with ours* is the median of the ratios within a round: × 2 means that cluster-cache needs',
    'half of it, × 0.5 twice.',
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
  const head = [hasPeers ? 'peer' : 'scene', ...columns.map((column) => column.title)];
  return [
    '',
    `## ${title}`,
    '',
    ...about,
    '',
    `![${title}](benchmarks/${name}.svg)`,
    '',
    ...tableOf(head, rows.map((row) => [row.title, ...columns.map((column) => valueCell(table, row, column))])),
    ...(hasPeers
      ? [
          '',
          'Compared with ours:',
          '',
          ...tableOf(
            head,
            rows
              .filter(({ id }) => id !== OURS)
              .map((row) => [row.title, ...columns.map((column) => ratioCell(table, row, column))]),
          ),
        ]
      : []),
  ];
}

function valueCell(table, row, column) {
  const found = table.of(row.id, column.id);
  if (found === null) return table.noteOf(row.id, column.id) ?? '';
  const { median, low, high } = found;
  return `${column.format(median)} (${column.format(low)}–${column.format(high)})`;
}

function ratioCell(table, row, column) {
  const found = table.ratio(row.id, column.id);
  return found === null ? '' : `${spellRatio(found.median)} (${spellRatio(found.low)}–${spellRatio(found.high).slice(2)})`;
}

function tableOf(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

module.exports = { writePage };
