/**
 * Target `full`: a disk that is really full. Two processes write and flush in a small file system of their own (tmpfs,
 * which takes root to mount), while a ballast leaves room for less and less; then there is room again, or all are
 * killed. What was flushed is there, nothing is damaged, a flush that fails says why, and it recovers. `--rounds N` (50).
 */
'use strict';

const { execFileSync, fork } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { delay, until } = require('../demo/wait');

/** Room for two snapshots and their logs, with what those have left who were killed a moment ago. */
const DISK_BYTES = 16 * 2 ** 20;
const PAGE_BYTES = 4096;
/** The most that a ballast leaves free: less than a snapshot and a log grow to. */
const FREE_BYTES_MAX = 800 * 1024;
const DEADLINE_MS = 60_000;

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '50' } } });
const rounds = Number(values.rounds);
const mount = fs.mkdtempSync(path.join(os.tmpdir(), 'cluster-cache-full-'));
const ballast = path.join(mount, 'ballast');
/** By writer, the number of the last write that was flushed, and what came of its flushes since the round began. */
const ledger = {};
const faults = [];
const sums = { flushed: 0, failed: 0, kills: 0, recoveries: 0 };
let members = [];
let count = 0;

function start() {
  const name = `w${count++}`;
  const child = fork(path.join(__dirname, 'killed', 'filler.js'), [path.join(mount, 'data'), name]);
  const member = { child, flushed: 0, failed: 0 };
  child.on('message', (message) => {
    if (message.fault !== undefined) faults.push(`${name}: ${message.fault}`);
    if (message.isSynced === true) child.send({ ledger: { ...ledger } }, () => undefined);
    if (message.flushed !== undefined) {
      ledger[name] = message.flushed;
      member.flushed++;
      sums.flushed++;
    }
    if (message.failed !== undefined) {
      member.failed++;
      sums.failed++;
    }
  });
  member.ended = new Promise((resolve) => child.once('exit', resolve));
  return member;
}

/** Fills the disk but for `free` bytes, or as far as it goes. */
function fill(free) {
  const { bavail, bsize } = fs.statfsSync(mount);
  const bytes = Math.max(0, bavail * bsize - free);
  const file = fs.openSync(ballast, 'w');
  try {
    for (let done = 0; done < bytes; done += PAGE_BYTES) fs.writeSync(file, Buffer.alloc(Math.min(PAGE_BYTES, bytes - done)));
  } catch (error) {
    if (error.code !== 'ENOSPC') throw error;
  } finally {
    fs.closeSync(file);
  }
}

async function play() {
  members = [start(), start()];
  for (let round = 0; round < rounds && faults.length === 0; round++) {
    const [isKilled, free] = [round % 2 === 1, Math.random() * FREE_BYTES_MAX];
    await awaitFlushes('flushes while there is room', 'flushed');
    fill(free);
    await awaitFlushes('a flush that fails', 'failed');
    await delay(Math.random() * 200);
    if (isKilled) {
      for (const { child } of members) child.kill('SIGKILL');
      await Promise.all(members.map(({ ended }) => ended));
      sums.kills += members.length;
    }
    // Half of those who were killed start while the disk is full still.
    if (isKilled && round % 4 === 3) members = [start(), start()];
    if (isKilled && round % 4 === 3) await delay(500);
    fs.rmSync(ballast);
    if (isKilled && round % 4 === 1) members = [start(), start()];
    await awaitFlushes('flushes when there is room again', 'flushed');
    sums.recoveries++;
  }
  for (const { child } of members) child.send({ ledger, end: true });
  await until('the end of all', () => members.every(({ child }) => child.exitCode !== null), DEADLINE_MS);
}

/** Waits until every process has one more flush that ended like that. */
async function awaitFlushes(what, kind) {
  const before = members.map((member) => member[kind]);
  await until(what, () => faults.length > 0 || members.every((member, i) => member[kind] > before[i]), DEADLINE_MS);
}

async function main() {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', mount], { stdio: 'pipe' });
  } catch (error) {
    fs.rmdirSync(mount);
    throw error;
  }
  try {
    await play();
  } finally {
    for (const { child } of members) if (child.exitCode === null) child.kill('SIGKILL');
    await Promise.all(members.map(({ ended }) => ended));
    execFileSync('umount', [mount]);
    fs.rmdirSync(mount);
  }
}

main()
  .catch((error) => faults.push(String(error)))
  .finally(() => {
    for (const fault of faults) console.log(`FAULT ${fault}`);
    const { flushed, failed, kills, recoveries } = sums;
    console.log(`${flushed} flushes, ${failed} more that failed, ${kills} kills, ${recoveries} recoveries; ${faults.length} faults`);
    if (faults.length > 0) process.exitCode = 1;
  });
