/** Target `fuzz`: compiles `__tests__/fuzz` and runs it, --count inputs long. */
'use strict';

const { spawnSync } = require('node:child_process');
const path = require('node:path');

const root = path.join(__dirname, '..');
const tsc = require.resolve('typescript/bin/tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', path.join(root, 'tsconfig.simulation.json')], { stdio: 'inherit' });
if (status !== 0) process.exit(1);
require(path.join(root, '.build', 'simulation', '__tests__', 'fuzz', 'torture.js'));
