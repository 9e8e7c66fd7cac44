/**
 * Installs what the peers need into bench/node_modules, once: the versions of package-lock.json. What they compile
 * or download is not run, since those that need something built bring it as a package.
 */
'use strict';

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { versionOf } = require('./peers');

/** npm writes it when it has installed everything. */
const INSTALLED = path.join(__dirname, 'node_modules', '.package-lock.json');
const WANTED = path.join(__dirname, 'package-lock.json');

/** Installs if a package of `peers` is not there, or the wanted versions have changed since; null, or what went wrong. */
function installFor(peers) {
  const isThere = peers.every(({ packages }) => packages.every((name) => versionOf(name) !== null));
  const isNew = fs.existsSync(INSTALLED) && fs.statSync(INSTALLED).mtimeMs >= fs.statSync(WANTED).mtimeMs;
  const needsOwn = peers.some(({ packages }) => packages.some((name) => name in ownPackages()));
  if (isThere && (isNew || !needsOwn)) return null;
  console.log('bench: npm ci, for what is compared');
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { error, status } = spawnSync('npm', args, { cwd: __dirname, stdio: 'inherit', shell: process.platform === 'win32' });
  if (error === undefined && status === 0) return null;
  return `npm ci has failed (${error?.message ?? `exit code ${status}`})`;
}

function ownPackages() {
  return JSON.parse(fs.readFileSync(path.join(__dirname, 'package.json'), 'utf8')).dependencies;
}

module.exports = { installFor };
