/** Paths and values that users make of names they did not choose: refused, or stored exactly, and the same at a peer. */
import { isDeepStrictEqual } from 'node:util';
import toPath from 'lodash/toPath';
import type { Path } from '../../../lib/core/path';
import { Replica } from '../../../lib/core/replica';
import type { Random } from '../../simulation/random';
import { check, valueOf, type Target } from '../target';

export const paths: Target = { inputs: 100, play };

const NAMES = [
  '__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__', 'length', 'toJSON',
  'then', 'get', 'set', 'map', '0', '1', '7', '01', '-1', '1.5', '1e3', '1024', '4294967294', '4294967295', '99999999999',
  'NaN', 'null', 'undefined', '', ' ', '.', '[', ']', '"', "'", '\\', '\\"', '[0]', '["a"]', 'a.b', 'a[0]', "it's", '\n',
  '\0', 'é', 'e\u0301', '日本', '😀', '\ud83d', '\ude00', '\ufeff', '\u2028', 'a', 'b', 'list', 'x'.repeat(300),
];
const LEAVES = [null, true, false, 0, -0, 1.5, -1e300, 2 ** 53, '', 'text', '__proto__', '\ud800', NaN, Infinity, undefined];

function play(random: Random): void {
  let nowMs = Date.UTC(2026, 0, 1);
  let clients = 0;
  const create = (id: string): Replica =>
    new Replica({ id, now: () => nowMs, nextClientId: () => ++clients, retentionMs: () => 60_000 });
  const [a, b] = [create('a'), create('b')];
  const written: Path[] = [];
  for (let i = 0; i < 100; i++) {
    nowMs++;
    const [path, value] = [makePath(random), makeValue(random, random.int(3))];
    const stored = valueOf(() => a.set(path, value), 'ERR_CLUSTER_CACHE_PATH', 'ERR_CLUSTER_CACHE_VALUE');
    if (stored === undefined) {
      valueOf(() => a.get(path), 'ERR_CLUSTER_CACHE_PATH');
      continue;
    }
    const exact: unknown = JSON.parse(JSON.stringify(value));
    const segments = typeof path === 'string' ? toPath(path) : path.map(String);
    check(isDeepStrictEqual(stored, exact) && isDeepStrictEqual(a.get(path), exact), `stored exactly: ${JSON.stringify(path)}`);
    check(a.get(segments) === a.get(path), `one place, however it is spelled: ${JSON.stringify(path)}`);
    check(isDeepStrictEqual(walk(a.get([]), segments), exact), `the whole has it where the path says: ${JSON.stringify(path)}`);
    written.push(path);
  }
  for (let update = a.commit(); update !== null; update = a.commit()) b.receive([update]);
  check(JSON.stringify(b.get([])) === JSON.stringify(a.get([])), 'a peer has the same');
  for (const path of written) check(isDeepStrictEqual(a.get(path), b.get(path)), `a peer has the same at ${JSON.stringify(path)}`);
  check(b.refused === 0, 'a peer refuses nothing that was not refused here');
}

/** What stands at `segments` below `value`, own properties only. */
function walk(value: unknown, segments: readonly string[]): unknown {
  let here = value;
  for (const segment of segments) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, segment)) return undefined;
    here = (here as Readonly<Record<string, unknown>>)[segment];
  }
  return here;
}

function makePath(random: Random): Path {
  const depth = random.chance(0.02) ? 60 + random.int(10) : 1 + random.int(4);
  const names = Array.from({ length: depth }, () => random.pick(NAMES));
  switch (random.int(5)) {
    case 0:
      return names;
    case 1:
      return names.map((name) => (random.chance(0.3) ? random.pick([0, 1, -1, 1.5, NaN, 2 ** 32, random.int(2000)]) : name));
    case 2:
      return names.map((name) => `["${name}"]`).join('');
    case 3:
      return names.map((name) => random.pick([name, `.${name}`, `[${name}]`, `['${name}']`])).join(random.pick(['', '.']));
    default:
      return names.join('.');
  }
}

function makeValue(random: Random, depth: number): unknown {
  if (depth === 0 || random.chance(0.3)) return random.chance(0.8) ? random.int(1000) : random.pick(LEAVES);
  const count = random.int(4);
  if (random.chance(0.4)) return Array.from({ length: count }, () => makeValue(random, depth - 1));
  const result: object = random.chance(0.2) ? (Object.create(null) as object) : {};
  for (let i = 0; i < count; i++) {
    const value = makeValue(random, depth - 1);
    // As JSON.parse makes it, a property like any other.
    Object.defineProperty(result, random.pick(NAMES), { value, enumerable: true, configurable: true, writable: true });
  }
  return result;
}
