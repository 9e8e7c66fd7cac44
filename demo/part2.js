/**
 * Part 2: each worker is an HTTP server on one port; under load, one worker and then the manager are killed.
 *
 * What may be expected of a write that was acknowledged:
 *   - by a worker that lives: it is in all workers soon;
 *   - by a worker that was killed: the same, if it was set before a `flush` that has resolved, as every login
 *     awaits one. A write of the last moments after that may be lost with its worker; those are counted.
 */
'use strict';

const { isDeepStrictEqual } = require('node:util');
const { Client } = require('./client');
const { Load } = require('./load');
const { duration } = require('./report');
const { delay, now, until } = require('./wait');

const USERS = Array.from({ length: 16 }, (_, i) => `user${i + 1}`);
/** Writes that every worker must acknowledge before the next thing happens. */
const ENOUGH_WRITES = 40;
const LOGIN_INTERVAL_MS = 500;
/** Two workers that have both missed something of a third find out when they compare, every few seconds. */
const SETTLE_MS = 30_000;

async function part2(fleet, report) {
  report.heading('Part 2: one web application, four workers, two of them killed under load');
  const [port] = await fleet.askAll('serve');
  const client = new Client(port);
  const sessions = await logIn(fleet, report, client);
  const load = new Load(port, sessions);
  const scene = { fleet, report, client, sessions, load, kills: [], startedAt: now() };

  const logins = keepLoggingIn(scene);
  try {
    load.start();
    await everyoneWrites(scene);
    const manager = await managerOf(fleet);
    await killUnderLoad(scene, 'a worker', fleet.members.find((member) => member !== manager));
    await killUnderLoad(scene, 'the manager', await managerOf(fleet));
    scene.successor = await managerOf(fleet);
    // Connections stay with their worker as long as it lives: new ones bring the replacements their share.
    load.start();
    await everyoneWrites(scene);
  } finally {
    scene.endedAt = now();
    await Promise.all([load.stop(), logins.stop()]);
  }

  const states = await settle(scene);
  printShares(scene, states);
  judge(scene, states);
  return sessions[0];
}

/** Every user logs in through some worker; then each session is tried through all. */
async function logIn(fleet, report, client) {
  const pids = fleet.members.map(({ pid }) => pid);
  const sessions = await Promise.all(USERS.map(async (user) => ({ user, token: await client.login(user) })));
  const areKnown = await Promise.all(
    sessions.map(async ({ user, token }) => {
      const results = await client.throughAll(pids, 'GET', '/me', { token });
      return results.every(({ status, answer }) => status === 200 && answer.user === user);
    }),
  );
  const users = `${sessions.length} users`;
  report.check('who has logged in through one worker is known to all', !areKnown.includes(false), users);
  const strangers = await client.throughAll(pids, 'GET', '/me', { token: 'of nobody' });
  report.check('who has not is known to none', strangers.every(({ status }) => status === 401));
  return sessions;
}

/** Logs users in at a steady pace, and adds their sessions, until stopped. */
function keepLoggingIn({ client, sessions }) {
  let isStopped = false;
  const loop = async () => {
    for (let i = 0; !isStopped; i++) {
      const user = USERS[i % USERS.length];
      sessions.push({ user, token: await client.login(user) });
      await delay(LOGIN_INTERVAL_MS);
    }
  };
  const running = loop();
  // Whoever stops it hears of a failure.
  running.catch(() => undefined);
  return {
    stop() {
      isStopped = true;
      return running;
    },
  };
}

/** Waits until every worker that runs has acknowledged a number of further writes. */
async function everyoneWrites({ fleet, load }) {
  const goals = fleet.members.map(({ pid }) => [pid, load.countOf(pid) + ENOUGH_WRITES]);
  await until('every worker acknowledges writes', () => goals.every(([pid, count]) => load.countOf(pid) >= count));
}

function managerOf(fleet) {
  return until('all workers name the same manager', () => fleet.manager());
}

/** Kills one worker under load, starts another, and looks at what that one has when it begins to serve. */
async function killUnderLoad({ fleet, report, client, load, sessions, kills }, title, victim) {
  // The promise of `flush` covers all that was set before it was called.
  const flushedAt = now();
  await victim.ask('flush');
  const flushMs = now() - flushedAt;
  // The moment to kill is while the worker is busy, not between two bursts of requests.
  const count = load.countOf(victim.pid);
  await until(`${victim.name} is under load`, () => load.countOf(victim.pid) > count);
  await victim.kill();
  kills.push({ victim, isPromised: ({ pid, at }) => pid !== victim.pid || at < flushedAt });
  report.line();
  report.line(`killed  ${title}: ${victim.name}, process ${victim.pid}, after a flush of ${duration(flushMs)}`);

  const writes = promisedWrites(load, kills);
  const loggedIn = [...sessions];
  const forkedAt = now();
  const replacement = await fleet.start();
  const data = await replacement.ask('get', []);
  report.line(`joined  ${replacement.name}, process ${replacement.pid}, ${duration(now() - forkedAt)} after its fork`);
  await replacement.ask('serve');

  report.check('it begins with every write acknowledged before', ...verdict(writes, (write) => hasNote(data, write)));
  report.check('it begins with every session', ...verdict(loggedIn, (session) => hasSession(data, session)));
  const { user, token } = sessions[0];
  const answers = await client.throughAll([replacement.pid], 'GET', '/me', { token });
  const isKnown = answers.every(({ status, answer }) => status === 200 && answer.user === user);
  report.check('it serves the clients of the others', isKnown);
}

/** The acknowledged writes that must be found again. */
function promisedWrites(load, kills) {
  return load.acknowledged.filter((write) => isPromisedBy(kills, write));
}

function isPromisedBy(kills, write) {
  return kills.every(({ isPromised }) => isPromised(write));
}

/** Waits until all workers have the same data; returns what each has. */
async function settle({ fleet, report, load, kills }) {
  const writes = promisedWrites(load, kills);
  const startedAt = now();
  let states;
  const isSettled = async () => {
    states = await fleet.askAll('get', []);
    return areAlike(states) && writes.every((write) => hasNote(states[0], write));
  };
  // Whoever looks at the data finds what is wrong with it.
  await until('all workers have the same data', isSettled, SETTLE_MS).catch(() => undefined);
  report.line();
  report.line(`note    the load has stopped; all further checks ${duration(now() - startedAt)} later`);
  return states;
}

function printShares({ fleet, report, load, kills }, states) {
  report.line();
  const row = report.columns([9, -8, -19, -8, -8], ['', 'process', 'acknowledged writes', 'notes', 'sessions']);
  fleet.members.forEach(({ name, pid }, i) => {
    row(name, pid, load.countOf(pid), countNotes(states[i]), Object.keys(states[i].sessions).length);
  });
  for (const { victim } of kills) row(victim.name, victim.pid, load.countOf(victim.pid), 'killed', 'killed');
  report.line();
}

/** Compares what was acknowledged with what the workers have. */
function judge({ report, client, load, sessions, kills, successor, startedAt, endedAt }, states) {
  const seconds = (endedAt - startedAt) / 1000;
  const isEverywhere = (write) => states.every((state) => hasNote(state, write));
  const writes = promisedWrites(load, kills);
  const others = load.acknowledged.filter((write) => !isPromisedBy(kills, write));

  report.check('every acknowledged write is in all workers', ...verdict(writes, isEverywhere));
  report.line(
    `note    without a promise: ${others.length} more that the killed acknowledged after their last flush; ` +
    `${others.filter(isEverywhere).length} of them are in all workers`,
  );
  report.check(
    'every session is in all workers, as each login awaits a flush',
    ...verdict(sessions, (session) => states.every((state) => hasSession(state, session))),
  );
  report.check('all workers have exactly the same data', areAlike(states));
  const named = `${successor.name}, process ${successor.pid}`;
  report.check('all workers name a new manager, and it lives', successor.isAlive, named);
  const refused = [...load.refused].map(([status, count]) => `${count} times ${status}`).join(', ');
  report.check('every answer was 200', load.refused.size === 0, refused === '' ? `${load.answered} requests` : refused);
  report.line(
    `note    ${Math.round(load.answered / seconds)} requests per second; ` +
    `${load.lost + client.lost} requests lost their worker before it answered, which is no failure`,
  );
}

/** Whether `holds` for all `items`, and what a check prints of it. */
function verdict(items, holds) {
  const missing = items.filter((item) => !holds(item));
  if (missing.length === 0) return [true, `${items.length} of ${items.length}`];
  return [false, `${missing.length} of ${items.length} missing, the first is ${JSON.stringify(missing[0])}`];
}

function areAlike(states) {
  return states.every((state) => isDeepStrictEqual(state, states[0]));
}

function hasNote(data, { user, id, text }) {
  return data.users[user]?.notes?.[id] === text;
}

function hasSession(data, { user, token }) {
  return data.sessions[token]?.user === user;
}

function countNotes(data) {
  return Object.values(data.users).reduce((sum, { notes = {} }) => sum + Object.keys(notes).length, 0);
}

module.exports = { part2 };
