/** Damage from a seed: bytes that were valid, changed the way that broken senders and attackers change them. */
import * as encoding from 'lib0/encoding';
import type { Random } from '../simulation/random';

type Operator = (random: Random, bytes: Uint8Array, others: readonly Uint8Array[]) => Uint8Array;

const EDGES = [0, 1, 127, 128, 255, 256, 2 ** 14, 2 ** 16 - 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];
/** A number of more digits than any number has. */
const ENDLESS: Uint8Array = new Uint8Array(12).fill(0xff);

const operators: readonly Operator[] = [
  function flipBit(random, bytes) {
    if (bytes.length > 0) bytes[random.int(bytes.length)]! ^= 1 << random.int(8);
    return bytes;
  },
  function setByte(random, bytes) {
    if (bytes.length > 0) bytes[random.int(bytes.length)] = random.pick([0, 1, 10, 0x7f, 0x80, 0xff, random.int(256)]);
    return bytes;
  },
  function truncate(random, bytes) {
    return bytes.slice(0, random.int(bytes.length + 1));
  },
  function cut(random, bytes) {
    const [from, to] = range(random, bytes);
    return join(bytes.subarray(0, from), bytes.subarray(to));
  },
  function repeat(random, bytes) {
    const [from, to] = range(random, bytes);
    const times = random.chance(0.1) ? 50 : 1;
    return join(bytes.subarray(0, to), ...Array.from({ length: times }, () => bytes.subarray(from, to)), bytes.subarray(to));
  },
  function splice(random, bytes, others) {
    const other = random.pick(others);
    return join(bytes.subarray(0, random.int(bytes.length + 1)), other.subarray(random.int(other.length + 1)));
  },
  function insertNumber(random, bytes) {
    const at = random.int(bytes.length + 1);
    return join(bytes.subarray(0, at), edge(random), bytes.subarray(at));
  },
  function overwriteNumber(random, bytes) {
    const at = random.int(bytes.length + 1);
    return join(bytes.subarray(0, at), edge(random), bytes.subarray(at + 1));
  },
  function overwriteLength(random, bytes) {
    if (bytes.length < 4) return bytes;
    new DataView(bytes.buffer).setUint32(random.int(bytes.length - 3), random.pick(EDGES) >>> 0, true);
    return bytes;
  },
];

/** `bytes` with one to four damages; `others` lend their parts. */
export function mutate(random: Random, bytes: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  let result: Uint8Array = bytes.slice();
  for (let count = 1 + random.int(4); count > 0; count--) result = random.pick(operators)(random, result, others);
  return result;
}

function range(random: Random, bytes: Uint8Array): [number, number] {
  const from = random.int(bytes.length + 1);
  return [from, Math.min(bytes.length, from + random.int(20))];
}

function edge(random: Random): Uint8Array {
  if (random.chance(0.1)) return ENDLESS;
  return encoding.encode((encoder) => encoding.writeVarUint(encoder, random.pick(EDGES)));
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
