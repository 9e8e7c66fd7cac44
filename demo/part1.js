/**
 * Part 1: worker 1 writes, the others show what they see and when.
 */
'use strict';

const { inspect, isDeepStrictEqual } = require('node:util');
const { duration } = require('./report');
const { until } = require('./wait');

const TTL_MS = 1_000;
/** How often the greeting is written in all, should this machine stand still until it has expired. */
const ATTEMPTS = 3;

async function part1(fleet, report) {
  report.heading('Part 1: worker 1 writes, the others see it in their own memory');
  await fleet.askAll('watch', true);
  const row = report.columns([41, 9, -8], ['worker 1 calls', 'then in', 'after', 'the value is']);
  const play = (command, ...args) => playStep(fleet, row, command, args);

  const foo = await play('set', 'foo', 'Hello');
  const bar = await play('set', 'bar', { name: 'John' });
  const name = await play('set', 'bar.name', 'Jane');
  const gone = await play('delete', 'foo');
  const greeting = await playGreeting(fleet, play);
  await fleet.askAll('watch', false);
  printFate(fleet, report, greeting);

  report.line();
  const shows = (step, value) => step.values.every((other) => isDeepStrictEqual(other, value));
  const results = [foo, bar, name, gone].map(({ reply }) => reply.result);
  report.check(
    'set returns what is stored, delete whether there was something',
    isDeepStrictEqual(results, ['Hello', { name: 'John' }, 'Jane', true]),
    results.map(show).join(', '),
  );
  report.check(
    'every other worker shows what worker 1 has set',
    shows(foo, 'Hello') && shows(bar, { name: 'John' }) && shows(name, 'Jane') && shows(greeting, 'Hi!'),
  );
  report.check('what worker 1 has deleted is null in every other worker', shows(gone, null));
  checkFate(report, greeting);
  const parents = await fleet.askAll('get', 'bar');
  const isThere = await fleet.askAll('has', 'bar.greeting');
  report.check(
    'bar is left with its name alone, in all workers',
    parents.every((value) => isDeepStrictEqual(value, { name: 'Jane' })) && !isThere.includes(true),
    [...new Set(parents.map(show))].join(' or '),
  );

  const delays = [foo, bar, name, gone, greeting].flatMap((step) => step.delays).sort((a, b) => a - b);
  const median = delays[Math.floor(delays.length / 2)];
  const longest = delays.at(-1);
  report.line(`note    from the call to the value elsewhere: median ${duration(median)}, longest ${duration(longest)}`);
}

/** Has worker 1 do one thing; resolves to its reply and to what the others show, when all have heard of it. */
async function playStep(fleet, row, command, args) {
  const [writer, ...others] = fleet.members;
  const [path] = args;
  const call = `cache.${command}(${args.map(show).join(', ')})`;
  const arrivals = new Map();
  const listeners = others.map((member) => (change) => {
    if (change.path === path && !arrivals.has(member)) arrivals.set(member, change);
  });
  others.forEach((member, i) => member.on('change', listeners[i]));
  const reply = await writer.ask(command, ...args);
  await until(`${call} reaches all workers`, () => arrivals.size === others.length);
  others.forEach((member, i) => member.off('change', listeners[i]));

  const inOrder = [...arrivals].sort(([, a], [, b]) => a.at - b.at);
  inOrder.forEach(([member, { value, at }], i) => {
    row(i === 0 ? call : '', member.name, duration(at - reply.at), show(value));
  });
  return {
    reply,
    values: inOrder.map(([, { value }]) => value),
    delays: inOrder.map(([, { at }]) => at - reply.at),
  };
}

/** Writes a greeting that expires, while all workers watch it come and go; resolves to the step and the `sights`. */
async function playGreeting(fleet, play) {
  for (let attempt = 1; ; attempt++) {
    const watching = fleet.askAll('observe', 'bar', 'greeting', 3 * TTL_MS);
    const [step, sights] = await Promise.all([play('set', 'bar.greeting', 'Hi!', TTL_MS), watching]);
    const wasSeen = sights.every(({ child, parent }) => child.seen !== undefined && parent.seen !== undefined);
    if ((wasSeen && !step.values.includes(null)) || attempt === ATTEMPTS) return { ...step, sights };
  }
}

function printFate(fleet, report, { reply, sights }) {
  report.line();
  const row = report.columns(
    [9, -20, -14, -22, -14],
    ['in', 'bar.greeting seen at', 'then missed at', 'bar seen with it at', 'without it at'],
  );
  const age = (moment) => (moment === undefined ? 'never' : `${moment.before - reply.before} ms`);
  fleet.members.forEach(({ name }, i) => {
    const { child, parent } = sights[i];
    row(name, age(child.seen), age(child.missed), age(parent.seen), age(parent.missed));
  });
}

function checkFate(report, { reply, sights }) {
  const all = sights.flatMap(({ child, parent }) => [child, parent]);
  // Worker 1 has read the clock for the deadline somewhere between these two moments.
  const deadlineMin = reply.before + TTL_MS;
  const deadlineMax = reply.after + TTL_MS;
  report.check(
    `after ${TTL_MS} ms the greeting is gone everywhere, also from its parent`,
    all.every(({ seen, missed }) => missed !== undefined && seen.before < deadlineMax),
  );
  report.check(
    'and nowhere earlier',
    all.every(({ missed }) => missed !== undefined && missed.after >= deadlineMin),
  );
}

function show(value) {
  return inspect(value, { breakLength: Infinity });
}

module.exports = { part1 };
