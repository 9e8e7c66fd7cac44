/**
 * Builds dist/: the CommonJS core with its declarations (tsc), then the ESM facade.
 *
 * Everything is made in a folder of its own and put in place by a rename, so that no process ever
 * loads half a build and nothing of an earlier build is left. Exits 1 on a type error, and then leaves
 * dist/ as it was.
 *
 * Also used by the test runner (`ensureBuild`), which takes a build that is as new as its sources, and
 * one with type errors: those are for `npm run lint` to refuse, the tests still tell what works.
 */
'use strict';

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { writeFacade } = require('./build-facade');

const root = path.join(__dirname, '..');
const dist = path.join(root, 'dist');
const scratch = path.join(root, '.build');

/** Compiles into `outDir`; says whether the types were right. */
function compile(outDir) {
  const tsc = require.resolve('typescript/bin/tsc');
  const run = spawnSync(process.execPath, [tsc, '-p', path.join(root, 'tsconfig.json'), '--outDir', outDir], {
    cwd: root,
    // A tool that reads the standard output (npm pack --json) must not find the compiler's lines there.
    stdio: ['ignore', 2, 2],
  });
  if (run.error) throw run.error;
  return run.status === 0;
}

/** Puts `from` in the place of dist/, also when another build does the same at this moment. */
function putInPlace(from) {
  const aside = `${from}-old`;
  for (let attempt = 0; ; attempt += 1) {
    try {
      fs.renameSync(dist, aside);
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
    try {
      fs.renameSync(from, dist);
      break;
    } catch (error) {
      const isTaken = error.code === 'ENOTEMPTY' || error.code === 'EEXIST';
      if (!isTaken || attempt === 10) throw error;
    } finally {
      fs.rmSync(aside, { recursive: true, force: true });
    }
  }
}

/** Builds; `acceptTypeErrors` uses what the compiler wrote in spite of them. Says whether dist/ is new. */
function build({ acceptTypeErrors = false } = {}) {
  if (!fs.existsSync(path.join(root, 'lib', 'index.ts'))) return false;
  fs.mkdirSync(scratch, { recursive: true });
  const outDir = fs.mkdtempSync(path.join(scratch, 'dist-'));
  // The folder becomes dist/, which others may read, unlike a temporary one.
  fs.chmodSync(outDir, 0o755);
  try {
    const isWellTyped = compile(outDir);
    if (!isWellTyped && !acceptTypeErrors) return false;
    if (!fs.existsSync(path.join(outDir, 'index.js'))) return false;
    writeFacade(outDir);
    putInPlace(outDir);
    return true;
  } finally {
    fs.rmSync(outDir, { recursive: true, force: true });
  }
}

/** The newest modification below `folder`, its own included: a removed file changes its folder. */
function newestMs(folder) {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .map((entry) => path.join(folder, entry.name))
    .reduce(
      (newest, file) => Math.max(newest, fs.statSync(file).isDirectory() ? newestMs(file) : fs.statSync(file).mtimeMs),
      fs.statSync(folder).mtimeMs,
    );
}

/** Builds unless dist/ is newer than all that it is made from. */
function ensureBuild() {
  // The facade is written last, so its age is that of a whole build.
  const facade = path.join(dist, 'index.mjs');
  const sources = ['tsconfig.json', 'package.json', 'scripts/build.js', 'scripts/build-facade.js'];
  const sourceMs = Math.max(
    newestMs(path.join(root, 'lib')),
    ...sources.map((file) => fs.statSync(path.join(root, file)).mtimeMs),
  );
  if (fs.existsSync(facade) && fs.statSync(facade).mtimeMs > sourceMs) return true;
  return build({ acceptTypeErrors: true });
}

module.exports = { ensureBuild };

if (require.main === module) {
  const isDone = process.argv.includes('--if-needed') ? ensureBuild() : build();
  if (!isDone) {
    console.error('build: failed');
    process.exitCode = 1;
  }
}
