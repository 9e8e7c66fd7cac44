/**
 * Writes the ESM facade of a build, index.mjs and index.d.mts, from what its index.js really exports.
 *
 * The facade only hands on the names of the CommonJS core, so that `import` and `require` give the same
 * classes in one process, and Yjs is loaded once.
 */
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const identifier = /^[A-Za-z_$][\w$]*$/;

/** Writes both files into `folder`, which holds index.js and index.d.ts. */
function writeFacade(folder) {
  const names = Object.keys(require(path.join(folder, 'index.js'))).sort();
  const unfit = names.filter((name) => name === 'default' || !identifier.test(name));
  if (names.length === 0) throw new Error('index.js exports nothing');
  if (unfit.length > 0) throw new Error(`index.js exports what a facade cannot name: ${unfit.join(', ')}`);
  // The names are read from the object: finding them in the text of index.js is guesswork of the loader.
  const code = ["import core from './index.js';", '', `export const { ${names.join(', ')} } = core;`, ''];
  const types = ["export * from './index.js';", ''];
  fs.writeFileSync(path.join(folder, 'index.d.mts'), types.join('\n'));
  fs.writeFileSync(path.join(folder, 'index.mjs'), code.join('\n'));
}

module.exports = { writeFacade };
