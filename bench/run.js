/**
 * The benchmarks: `npm run bench -- [suite …] [--quick] [--rounds N] [--peers a,b] [--out folder]`.
 *
 * A run of everything writes docs/benchmarks.md and its charts; any other writes the same into `--out` or a new
 * temporary folder. It leaves no process behind, and no other file. Nothing here passes or fails by time: the page
 * says which goals were met.
 */
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { now } = require('../demo/wait');
const { drawChart } = require('./chart');
const { Crew } = require('./crew');
const { judge } = require('./goals');
const { installFor } = require('./install');
const { describeMachine, describeVersions } = require('./machine');
const { writePage } = require('./page');
const { loadPeers } = require('./peers');
const { startRedis } = require('./redis-server');

/** In the order of the page. */
const SUITES = ['reads', 'writes', 'replication', 'join', 'stalls', 'level'];
const FULL = { rounds: 5, roundMs: 60 };
const QUICK = { rounds: 2, roundMs: 3 };
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** What must end with this process. */
const endings = [];

async function bench({ names, isQuick, rounds, ids, out }) {
  const startedAt = now();
  const peers = loadPeers(ids).filter(({ suites }) => suites.some((name) => names.includes(name)));
  const trouble = installFor(peers);
  if (trouble !== null) console.log(`bench: ${trouble}; what cannot be loaded is left out`);
  const crew = new Crew();
  endings.push(crew);
  const redis = await startRedis(crew.folder);
  if (redis !== null) endings.push(redis);
  else console.log('bench: redis-server is not installed: its rows stay empty');
  const machine = describeMachine();

  const results = [];
  for (const name of names) {
    const suite = require(`./suites/${name}`);
    const beganAt = now();
    console.log(`\n${suite.title}`);
    const table = await runSuite(suite, name, {
      crew,
      peers: peers.filter(({ suites }) => suites.includes(name)),
      redisSocket: redis?.socket ?? null,
      rounds,
      roundMs: isQuick ? QUICK.roundMs : FULL.roundMs,
      isQuick,
      progress: (text) => console.log(`  ${text}`),
      endAtExit: (thing) => endings.push(thing),
    });
    console.log(`  took ${((now() - beganAt) / 1000).toFixed(0)} s`);
    results.push({ name, suite, table });
  }
  await redis?.end();
  await crew.end();

  const goals = judge(new Map(results.map(({ name, table }) => [name, table])));
  console.log('\nGoals');
  for (const { goal, measured, verdict } of goals) console.log(`  ${verdict.padEnd(12)} ${goal}: ${measured}`);
  const page = { ...out, machine, versions: describeVersions(peers, redis), rounds, isQuick, results, goals, minutes: (now() - startedAt) / 60_000 };
  for (const { name, suite, table } of results) {
    fs.mkdirSync(out.charts, { recursive: true });
    fs.writeFileSync(path.join(out.charts, `${name}.svg`), drawChart(suite.title, table));
  }
  fs.writeFileSync(out.page, writePage(page));
  console.log(`\n${out.page}`);
}

/** Runs a suite; what needs a server that is not there is only noted. */
async function runSuite(suite, name, context) {
  const isPossible = ({ needsRedis = false }) => !needsRedis || context.redisSocket !== null;
  const table = await suite.run({ ...context, peers: context.peers.filter(isPossible) });
  if (suite.hasPeers === false) return table;
  table.rows = context.peers;
  for (const { id } of context.peers.filter((peer) => !isPossible(peer))) table.noteAll(id, 'redis-server not installed');
  return table;
}

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      peers: { type: 'string' },
      out: { type: 'string' },
    },
  });
  const unknown = positionals.filter((name) => !SUITES.includes(name));
  if (unknown.length > 0) throw new RangeError(`no suite is named ${unknown.join(', ')}; there are ${SUITES.join(', ')}`);
  const rounds = Number(values.rounds ?? (values.quick ? QUICK : FULL).rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError(`--rounds takes a whole number, not ${values.rounds}`);
  const isWhole = positionals.length === 0 && !values.quick && values.peers === undefined && rounds >= FULL.rounds;
  return {
    names: positionals.length === 0 ? SUITES : SUITES.filter((name) => positionals.includes(name)),
    isQuick: values.quick,
    rounds,
    ids: values.peers?.split(',') ?? null,
    out: placeFor(values.out, isWhole),
  };
}

/** Where the page and the charts go: only a whole run says what the documents say. */
function placeFor(folder, isWhole) {
  if (folder === undefined && isWhole) {
    const docs = path.join(__dirname, '..', 'docs');
    return { page: path.join(docs, 'benchmarks.md'), charts: path.join(docs, 'benchmarks') };
  }
  const place = folder ?? fs.mkdtempSync(path.join(os.tmpdir(), 'cluster-cache-bench-'));
  return { page: path.join(place, 'benchmarks.md'), charts: path.join(place, 'benchmarks') };
}

// What ends the process otherwise: nothing can be waited for then.
process.on('exit', () => endings.forEach((thing) => thing.endSync()));
for (const [signal, number] of Object.entries(SIGNALS)) process.on(signal, () => process.exit(128 + number));

bench(readOptions()).catch((error) => {
  console.error(error);
  process.exit(1);
});
