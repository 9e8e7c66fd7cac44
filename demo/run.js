/**
 * The demo: `npm run demo`. This is the primary, which forks four workers and plays three parts with them.
 *
 * It never loads the library. It exits with 1 if one of the claims it prints does not hold; whatever
 * happens, it leaves no process and no file behind.
 */
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Fleet } = require('./fleet');
const { part1 } = require('./part1');
const { part2 } = require('./part2');
const { part3 } = require('./part3');
const { Report, duration } = require('./report');
const { now, within } = require('./wait');

const SIZE = 4;
const WATCHDOG_MS = 120_000;

const startedAt = now();
const report = new Report();
const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'cluster-cache-demo-'));
const folder = path.join(temporary, 'data');
const troubles = [];
const fleet = new Fleet({
  data: folder,
  sockets: path.join(temporary, 'sockets'),
  onTrouble: (trouble) => troubles.push(trouble),
});
let isEnding = false;

async function play() {
  console.log(`cluster-cache demo: primary ${process.pid}, ${SIZE} cluster workers, Node.js ${process.version}`);
  await fleet.startMany(SIZE);
  report.line(fleet.members.map(({ name, pid }) => `${name}: process ${pid}`).join('   '));
  await part1(fleet, report);
  const session = await part2(fleet, report);
  await part3(fleet, report, { size: SIZE, folder, session });

  report.heading('In the end');
  const library = path.dirname(require.resolve('cluster-cache'));
  const isLoaded = Object.keys(require.cache).some((file) => file.startsWith(library));
  report.check('the primary has never loaded the library', !isLoaded);
  report.check('no worker has reported an error, or ended unasked', troubles.length === 0, troubles.join('; '));
}

/** Ends the demo once, whoever asks first: kills what runs, removes what was written, and says the last word. */
async function end(exitCode, lastWord) {
  if (isEnding) return;
  isEnding = true;
  await within('the end of all workers', fleet.killAll(), 5_000).catch(() => undefined);
  fs.rmSync(temporary, { recursive: true, force: true });
  console.log(lastWord());
  process.exit(report.failed === 0 ? exitCode : 1);
}

for (const [signal, number] of Object.entries({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 })) {
  process.on(signal, () => void end(128 + number, () => `\ninterrupted by ${signal}`));
}

setTimeout(() => {
  void end(1, () => `\nFAILED  the demo has not ended within ${WATCHDOG_MS / 1000} s`);
}, WATCHDOG_MS).unref();

// Whoever read the output is gone.
process.stdout.on('error', () => process.exit(1));

// The last resort, should the primary itself fail.
process.on('exit', () => {
  void fleet.killAll();
  fs.rmSync(temporary, { recursive: true, force: true });
});

play()
  .catch((error) => {
    // What is asked of killed workers fails, too.
    if (!isEnding) report.check('the demo runs to its end', false, [error.stack, ...troubles].join('\n'));
  })
  .then(() =>
    end(0, () => {
      report.check('no process and no file is left', fleet.members.length === 0 && !fs.existsSync(temporary));
      const result = report.failed === 0 ? 'all hold' : `${report.failed} FAILED`;
      return `\n${report.checked} claims checked, ${result}; ${duration(now() - startedAt)}`;
    }),
  );
