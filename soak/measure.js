/**
 * What every `measure-*.js` has in common: its options, and how it prints what it found.
 */
'use strict';

const { parseArgs } = require('node:util');
const { numbersOf, play } = require('./scene');

/** Runs `work(fleet, options)`. `defaults` are the options, all numbers, given as `--name value`. */
function measure(title, defaults, work) {
  const names = Object.keys(defaults);
  const { values } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: 'string' }])) });
  const options = numbersOf(values, defaults);
  const given = names.map((name) => `${name} ${options[name]}`).join(', ');
  console.log(`${title}\n  (${given}; Node.js ${process.version})`);
  void play((fleet) => work(fleet, options));
}

/** Prints one line of a result. */
function line(...cells) {
  console.log(`  ${cells.join('  ')}`);
}

/** Prints a claim and whether it holds; if not, the process exits with 1 in the end. */
function claim(isHeld, text) {
  console.log(`  ${isHeld ? 'holds ' : 'FAILS '} ${text}`);
  if (!isHeld) process.exitCode = 1;
}

module.exports = { claim, line, measure };
