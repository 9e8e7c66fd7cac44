/** Runs once before all tests: builds dist/, which tests with real processes load. */
'use strict';

const { ensureBuild } = require('./build');

module.exports = function setup() {
  if (ensureBuild()) return;
  // Tests of the pure core need no build; those that do fail by themselves for want of dist/.
  console.error('\njest: dist/ could not be built; tests that start processes will fail or meet an older build');
};
