/**
 * Part 3: everything stops and starts again, once in an orderly way and once by force, and finds its data.
 */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { isDeepStrictEqual } = require('node:util');
const { Client } = require('./client');
const { duration } = require('./report');
const { now } = require('./wait');

/** `folder` holds the file copy; `session` must still be good after the restart. */
async function part3(fleet, report, { size, folder, session }) {
  report.heading('Part 3: everything stops, starts again, and finds its data');
  const [before] = await fleet.askAll('get', []);
  await stop(fleet, report);
  const files = fs.readdirSync(folder).map((name) => `${name}, ${fs.statSync(path.join(folder, name)).size} bytes`);
  report.check('the data is in the file', files.some((file) => file.startsWith('demo.db,')), files.join('; '));
  await startAgain(fleet, report, { size, before });
  const [port] = await fleet.askAll('serve');
  const { user, token } = session;
  const pids = fleet.members.map(({ pid }) => pid);
  const answers = await new Client(port).throughAll(pids, 'GET', '/me', { token });
  const isKnown = answers.every(({ status, answer }) => status === 200 && answer.user === user);
  report.check('a client goes on with its session', isKnown);

  report.line();
  const [someone] = fleet.members;
  await someone.ask('set', 'farewell', 'Goodbye');
  await someone.ask('flush');
  await fleet.killAll();
  report.line(`killed  all workers at once, after set('farewell', 'Goodbye') and flush() in ${someone.name}`);
  await startAgain(fleet, report, { size, before: { ...before, farewell: 'Goodbye' } });
  await stop(fleet, report);
}

async function stop(fleet, report) {
  const codes = await fleet.stopAll();
  const ends = `exit codes ${codes.join(', ')}`;
  report.check('all workers close and then end by themselves', codes.every((code) => code === 0), ends);
  report.check('no process is left', !fleet.pids.some(isRunning));
}

async function startAgain(fleet, report, { size, before }) {
  const startedAt = now();
  await fleet.startMany(size);
  const states = await fleet.askAll('get', []);
  report.line(`started ${fleet.members.map(({ name }) => name).join(', ')} in ${duration(now() - startedAt)}`);
  report.check('each has found all data', states.every((state) => isDeepStrictEqual(state, before)));
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

module.exports = { part3 };
