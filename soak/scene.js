/**
 * The scene in which a measurement or a soak plays: a fleet of its own, and an end that leaves no process and no
 * file of it behind, however it comes.
 */
'use strict';

const { Fleet } = require('./fleet');

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** Runs `work(fleet)` to its end; the process exits with 1 if it rejects, or takes longer than `minutesMax`. */
async function play(work, { minutesMax = 60 } = {}) {
  const fleet = new Fleet();
  // What ends the process otherwise: nothing can be waited for then.
  process.on('exit', () => fleet.endSync());
  for (const [signal, number] of Object.entries(SIGNALS)) process.on(signal, () => process.exit(128 + number));
  const watchdog = setTimeout(() => {
    console.error(`It has not ended within ${minutesMax} minutes.`);
    process.exit(1);
  }, minutesMax * 60_000);
  try {
    await work(fleet);
  } catch (error) {
    console.error(error, fleet.troubles);
    process.exitCode = 1;
  }
  await fleet.end();
  clearTimeout(watchdog);
}

/** Numbers from the command line, given as `--name value`; what is not given is as in `defaults`. */
function numbersOf(values, defaults) {
  return Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => {
      const number = Number(values[name] ?? value);
      if (!(number >= 0)) throw new RangeError(`--${name} takes a number, not ${values[name]}`);
      return [name, number];
    }),
  );
}

module.exports = { numbersOf, play };
