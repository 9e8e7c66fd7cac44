/**
 * Torture: `npm run torture -- <target> [options]`. What takes too long for every `npm test`: one file per target in
 * this folder, which gets the rest of the command line.
 */
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const targets = fs
  .readdirSync(__dirname)
  .map((file) => path.basename(file, '.js'))
  .filter((name) => name !== 'run');
const [name, ...rest] = process.argv.slice(2);
if (targets.includes(name)) {
  process.argv.splice(2, process.argv.length, ...rest);
  require(path.join(__dirname, name));
} else {
  console.error(`usage: npm run torture -- <target> [options]\ntargets: ${targets.join(', ')}`);
  process.exitCode = 1;
}
