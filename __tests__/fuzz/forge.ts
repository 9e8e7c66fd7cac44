/** Updates (Yjs, V1) written by the grammar, whose every number may be a lie: closer to a hit than damaged ones. */
import * as encoding from 'lib0/encoding';
import type { Random } from '../simulation/random';

/** Clients that a document knows, with the clock that it has of each. */
export type Clocks = ReadonlyMap<number, number>;

const KEYS = ['a', 'a.b', 'list[0]', 'x', '__proto__', 'constructor', 'a["', '', 'toString'];
const SEGMENT_IDS = ['a.1', 'b.1', 'evil.1', 'evil.2', '__proto__', 'NOBODY', 'hasOwnProperty'];

export function forgeUpdate(random: Random, clocks: Clocks): Uint8Array {
  const encoder = encoding.createEncoder();
  const runs = random.int(3);
  encoding.writeVarUint(encoder, runs);
  for (let i = 0; i < runs; i++) {
    const [client, clock] = pickId(random, clocks);
    const structs = 1 + random.int(4);
    encoding.writeVarUint(encoder, random.chance(0.02) ? 2 ** 30 : structs);
    encoding.writeVarUint(encoder, client);
    encoding.writeVarUint(encoder, clock);
    for (let j = 0; j < structs; j++) writeStruct(encoder, random, clocks);
  }
  writeRemovals(encoder, random, clocks);
  return encoding.toUint8Array(encoder);
}

function writeStruct(encoder: encoding.Encoder, random: Random, clocks: Clocks): void {
  if (random.chance(0.1)) {
    encoding.writeUint8(encoder, random.pick([0, 0, 10]));
    encoding.writeVarUint(encoder, pickLength(random));
    return;
  }
  const tag = random.pick([1, 7, 8, 8, 8, 8, random.int(12)]);
  const place = random.pick(['root', 'map', 'map', 'behind']);
  const info = tag | (place === 'behind' ? 0x80 : 0x20) | (random.chance(0.03) ? 0x40 : 0);
  encoding.writeUint8(encoder, info);
  if (place === 'behind') writeId(encoder, pickId(random, clocks, -1));
  if ((info & 0x40) !== 0) writeId(encoder, pickId(random, clocks, -1));
  else if (place === 'root') {
    encoding.writeVarUint(encoder, 1);
    encoding.writeVarString(encoder, random.chance(0.95) ? 'segments' : 'elsewhere');
    encoding.writeVarString(encoder, random.pick(SEGMENT_IDS));
  } else if (place === 'map') {
    encoding.writeVarUint(encoder, 0);
    // Segment maps are the first that their writers make.
    const [client, clock] = pickId(random, clocks, -1);
    writeId(encoder, [client, random.chance(0.7) ? 0 : clock]);
    encoding.writeVarString(encoder, random.pick(KEYS));
  }
  if (tag === 1) encoding.writeVarUint(encoder, pickLength(random));
  else if (tag === 7) encoding.writeVarUint(encoder, random.chance(0.95) ? 1 : random.int(8));
  else if (tag === 8) writeEntry(encoder, random);
}

function writeEntry(encoder: encoding.Encoder, random: Random): void {
  encoding.writeVarUint(encoder, random.chance(0.97) ? 1 : random.int(3));
  const time = random.pick([1, 2 ** 40, 2 ** 49, 7.7e14, 2 ** 53, -1, 0.5]);
  const writer = random.pick<unknown>([0, 0, 0, 'a', 'b', 'evil', '', 'toString', null]);
  const value = random.pick<unknown>([1, 'text', null, [1, [2]], { a: { b: 1 } }, { constructor: 1 }, undefined, 1n, NaN, '\ud800']);
  // What lib0 reads as `__proto__` it assigns as such.
  const entry = random.chance(0.1) ? polluting : [time, random.pick([0, 1, 2e12, -1]), writer, value];
  encoding.writeAny(encoder, (random.chance(0.1) ? value : entry) as Parameters<typeof encoding.writeAny>[1]);
}

const polluting = [7.7e14, 0, 0, JSON.parse('{ "__proto__": { "polluted": true }, "a": { "__proto__": [] } }') as object];

function writeRemovals(encoder: encoding.Encoder, random: Random, clocks: Clocks): void {
  const count = random.int(3);
  encoding.writeVarUint(encoder, count);
  for (let i = 0; i < count; i++) {
    const [client, clock] = pickId(random, clocks, -3);
    encoding.writeVarUint(encoder, client);
    encoding.writeVarUint(encoder, 1);
    writeId(encoder, [clock, pickLength(random)]);
  }
}

function writeId(encoder: encoding.Encoder, [client, clock]: readonly [number, number]): void {
  encoding.writeVarUint(encoder, client);
  encoding.writeVarUint(encoder, clock);
}

/** A client that is known, or one that is not, and a clock about where it stands. */
function pickId(random: Random, clocks: Clocks, offset = 0): [number, number] {
  if (random.chance(0.2)) return [random.pick([0, 1, 666, 2 ** 32, 2 ** 53 - 1]), random.pick([0, 0, 0, 1, 5, 2 ** 53 - 2])];
  const [client, clock] = random.pick([...clocks]);
  return [client, Math.max(0, clock + offset + (random.chance(0.7) ? 0 : random.int(7) - 3))];
}

function pickLength(random: Random): number {
  return random.chance(0.8) ? 1 + random.int(3) : random.pick([0, 100, 2 ** 31, 2 ** 50, 2 ** 53 - 1]);
}
