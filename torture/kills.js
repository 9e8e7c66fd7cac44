/**
 * Target `kills`: processes that write, flush and let values expire, of which any number is killed with SIGKILL at any
 * moment, all of them at times. A ledger outside has what was flushed. No flushed write may be missing in any process
 * that has synced, no expired value be seen, and in the end all must show the same. `--kills N` (200).
 */
'use strict';

const { fork } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { setTimeout: delay } = require('node:timers/promises');
const { until } = require('../demo/wait');

const PROCESSES = 6;
const PAUSE_MS = 150;
const DEADLINE_MS = 60_000;

const { values } = parseArgs({ options: { kills: { type: 'string', default: '200' } } });
const killsMax = Number(values.kills);
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'cluster-cache-kills-'));
/** The number of the last write that was flushed, by writer. */
const ledger = {};
const faults = [];
const victims = new Set();
let members = [];
let count = 0;
let kills = 0;

function start() {
  const name = `w${count++}`;
  const child = fork(path.join(__dirname, 'killed', 'worker.js'), [directory, name]);
  const member = { name, child, isSynced: false, digest: null };
  child.on('message', (message) => {
    if (message.flushed !== undefined) ledger[name] = message.flushed;
    if (message.fault !== undefined) faults.push(`${name}: ${message.fault}`);
    if (message.digest !== undefined) member.digest = message.digest;
    if (message.isSynced === true) {
      member.isSynced = true;
      // Whatever was flushed by now must be there, whoever wrote it.
      child.send({ ledger: { ...ledger } }, () => undefined);
    }
  });
  member.ended = new Promise((resolve) => child.once('exit', resolve));
  void member.ended.then(() => {
    if (!victims.has(child) && members.includes(member)) faults.push(`${name} has ended by itself`);
  });
  return member;
}

function kill(member) {
  victims.add(member.child);
  member.child.kill('SIGKILL');
  kills++;
}

async function play() {
  members = Array.from({ length: PROCESSES }, start);
  for (let round = 0; kills < killsMax && faults.length === 0; round++) {
    // After all have ended, those that have flushed go before the others have started.
    const isEarly = round % 5 === 0;
    // Most have something to lose; some die while they start.
    const enough = !isEarly && Math.random() < 0.7 ? PROCESSES : 1;
    const busy = () => members.filter(({ name }) => ledger[name] !== undefined).length;
    await until(`${enough} have flushed`, () => faults.length > 0 || busy() >= enough, DEADLINE_MS);
    if (!isEarly) await delay(Math.random() * PAUSE_MS);
    const isEnd = round % 5 === 4;
    const chosen = members.filter(({ name }) => (isEarly ? ledger[name] !== undefined : isEnd || Math.random() < 0.5));
    chosen.forEach(kill);
    await Promise.all(chosen.map(({ ended }) => ended));
    members = members.map((member) => (chosen.includes(member) ? start() : member));
    if (round % 20 === 19) console.log(`${kills} kills, ${Object.keys(ledger).length} writers in the ledger`);
  }
  await until('all have synced', () => members.every(({ isSynced }) => isSynced), DEADLINE_MS);
  for (const { child } of members) child.send({ stop: true });
  await until('all show the same', async () => {
    for (const { child } of members) child.send({ tell: true });
    await delay(100);
    return members[0].digest !== null && members.every(({ digest }) => digest === members[0].digest);
  }, DEADLINE_MS);
  for (const { child } of members) child.send({ ledger, end: true });
  for (const member of members) victims.add(member.child);
  await Promise.all(members.map(({ ended }) => ended));
}

play()
  .catch((error) => faults.push(String(error)))
  .finally(() => {
    for (const { child } of members) if (child.exitCode === null) child.kill('SIGKILL');
    fs.rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    for (const fault of faults) console.log(`FAULT ${fault}`);
    console.log(`${kills} kills, ${count} processes, ${Object.keys(ledger).length} of which flushed; ${faults.length} faults`);
    if (faults.length > 0) process.exitCode = 1;
  });
