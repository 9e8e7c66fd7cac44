/**
 * The benchmarks run and say what they measured. Their figures are nobody's business here: what a figure means is
 * checked on figures that were made up.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Summary {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

interface Table {
  add(row: string, column: string, value: number): void;
  note(row: string, column: string, text: string): void;
  of(row: string, column: string): Summary | null;
  ratio(row: string, column: string): Summary | null;
}

interface Verdict {
  readonly goal: string;
  readonly measured: string;
  readonly verdict: string;
}

const bench = join(__dirname, '..', 'bench');
const { Table } = jest.requireActual<{ Table: new (columns: unknown[], rows: unknown[]) => Table }>(join(bench, 'table'));
const { judge } = jest.requireActual<{ judge: (tables: Map<string, Table>) => Verdict[] }>(join(bench, 'goals'));

/** The times of each peer in the column `few` of the suite of reads, round by round. */
function tableOf(times: Record<string, readonly number[]>): Table {
  const table = new Table([], []);
  for (const [row, values] of Object.entries(times)) for (const value of values) table.add(row, 'few', value);
  return table;
}

test('a ratio compares with ours in the same round, so that a slow round counts for nothing', () => {
  const table = tableOf({ 'cluster-cache': [10, 100, 10], map: [5, 50, 4] });
  expect(table.of('cluster-cache', 'few')).toMatchObject({ median: 10, low: 10, high: 100 });
  expect(table.ratio('map', 'few')).toMatchObject({ median: 0.5, low: 0.4, high: 0.5 });
});

test('what failed in a later round has no figure', () => {
  const table = tableOf({ 'cluster-cache': [10, 10], map: [5] });
  table.note('map', 'few', 'it has ended');
  expect(table.of('map', 'few')).toBeNull();
  expect(table.ratio('map', 'few')).toBeNull();
});

test('a goal is met when ours is quick enough, and is not judged without the peer', () => {
  const verdicts = (ours: number): string[] => {
    const tables = new Map([['reads', tableOf({ 'cluster-cache': [ours], map: [30] })]]);
    return judge(tables).filter(({ goal }) => goal.includes('128 paths')).map(({ verdict }) => verdict);
  };
  // Of 128 paths, the first goal is about Map, the second about lodash.
  expect(verdicts(99)).toEqual(['met', '']);
  expect(verdicts(101)).toEqual(['not met', '']);
});

test('a quick run of two suites writes the page and the charts, and installs nothing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cc-bench-'));
  try {
    const args = [join(bench, 'run.js'), 'reads', 'join', '--quick', '--rounds', '1', '--peers', 'map,json-file', '--out', folder];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 100_000 });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).not.toContain('npm ci');
    const page = readFileSync(join(folder, 'benchmarks.md'), 'utf8');
    const rows = page.split('\n').filter((line) => /^\| (?:cluster-cache|Map|JSON file) \|/.test(line));
    // Each cell has a figure: a peer that could not be measured would say why instead.
    expect(rows).toHaveLength(6);
    for (const row of rows) expect(row).toMatch(/^\| [\w -]+ \|(?: [\d.]+ (?:ns|µs|ms|s) \([^)]*\)(?:, \*\*× [\d.e+-]+\*\*)? \|)+$/);
    for (const [, chart] of page.matchAll(/\]\((benchmarks\/\w+\.svg)\)/g)) expect(existsSync(join(folder, chart!))).toBe(true);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);
