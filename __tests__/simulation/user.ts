/** The user of the simulation: what random programs do to a cache. */
import type { Random } from './random';

export interface Action {
  readonly kind: 'set' | 'delete' | 'clear';
  readonly path: string[];
  readonly value?: unknown;
  /** Milliseconds, or 0. */
  readonly ttl: number;
}

const NAMES = ['a', 'b', 'c', '0', '1', '2', 'x.y', '40'];

/** One random action; `mark` is a number of its own by which its values can be told from all others. */
export function randomAction(random: Random, mark: number): Action {
  const path = Array.from({ length: 1 + random.int(3) }, () => random.pick(NAMES));
  const ttl = random.chance(0.3) ? 1 + random.int(random.chance(0.5) ? 300 : 6000) : 0;
  const roll = random.next();
  if (roll < 0.02) return { kind: 'clear', path: [], ttl: 0 };
  if (roll < 0.25) return { kind: 'delete', path, ttl: 0 };
  return { kind: 'set', path, value: randomValue(random, mark, 0), ttl };
}

function randomValue(random: Random, mark: number, depth: number): unknown {
  const roll = random.next();
  if (depth > 2 || roll < 0.55) return `#${mark}`;
  if (roll < 0.6) return null;
  if (roll < 0.7) return Array.from({ length: random.int(3) }, () => randomValue(random, mark, depth + 1));
  const entries = Array.from({ length: random.int(4) }, () => [random.pick(NAMES), randomValue(random, mark, depth + 1)]);
  return Object.fromEntries(entries) as unknown;
}
