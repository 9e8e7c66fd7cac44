/**
 * Reads over a Yjs update (V1) without applying it: who wrote what of which clocks, and whether it is made of
 * nothing but what a document of this library is made of.
 *
 * Yjs trusts its updates. It makes room for as many structs as one claims, holds structs of no length, and takes in
 * texts and documents within documents; what it can no longer find its way through, it never gets rid of. So
 * nothing reaches it that has not been read here. `docs/protocol.md` is the grammar.
 */
import * as decoding from 'lib0/decoding';
import { limits } from '../limits';
import { readVarUint } from '../varuint';

/** An update, and what it covers, by Yjs client: from the first clock to the one after the last. */
export interface Survey {
  readonly update: Uint8Array;
  readonly from: ReadonlyMap<number, number>;
  readonly to: ReadonlyMap<number, number>;
  /** What entries stand in: a segment map by its own struct, or by that of an entry which one of them replaces. */
  readonly places: readonly Place[];
  /** Whether it has structs of which the writer of the update keeps no more than that they were. */
  readonly hasRemoved: boolean;
}

export interface Place {
  /** Yjs client and clock of the last entry that stands there. */
  readonly client: number;
  clock: number;
  /** Yjs client and clock of the struct that tells where. */
  readonly ofClient: number;
  readonly ofClock: number;
}

/** The only root of a document. */
export const ROOT_NAME = 'segments';

const HAS_ORIGIN = 0x80;
const HAS_RIGHT_ORIGIN = 0x40;
const HAS_KEY = 0x20;
const CONTENT = 0x1f;
const content = { collected: 0, deleted: 1, type: 7, any: 8 } as const;
const MAP_TYPE = 1;
const anyTag = {
  undefined: 127, null: 126, integer: 125, float32: 124, float64: 123, bigint: 122, false: 121, true: 120,
  string: 119, object: 118, array: 117, bytes: 116,
} as const;
/** Nesting of what an entry holds. Values have less; one with more is passed over later, as no register. */
const ANY_DEPTH_MAX = 2 * limits.valueDepthMax;

/** Throws where `update` is not what a document of this library could have said. */
export function surveyUpdate(update: Uint8Array): Survey {
  const decoder = decoding.createDecoder(update);
  const from = new Map<number, number>();
  const to = new Map<number, number>();
  const found = { places: [] as Place[], hasRemoved: false };
  for (let runs = readVarUint(decoder); runs > 0; runs--) {
    const structCount = readVarUint(decoder);
    const client = readVarUint(decoder);
    const first = readVarUint(decoder);
    if (structCount === 0 || from.has(client)) throw malformed('a run of structs');
    let clock = first;
    for (let i = 0; i < structCount; i++) clock = after(clock, readStruct(decoder, client, clock, found));
    from.set(client, first);
    to.set(client, clock);
  }
  skipRemovals(decoder);
  if (decoding.hasContent(decoder)) throw malformed('its end');
  return { update, from, to, ...found };
}

/** Passes over one struct, and notes where it stands; how many clocks it takes. */
function readStruct(decoder: decoding.Decoder, client: number, clock: number, found: { places: Place[]; hasRemoved: boolean }): number {
  const { places } = found;
  const info = decoding.readUint8(decoder);
  found.hasRemoved ||= info === content.collected || (info & CONTENT) === content.deleted;
  // Structs that died with their segment map: one for all of them.
  if (info === content.collected) return readVarUint(decoder);
  // Only what stands in a sequence has something on its right, and nothing here does.
  if ((info & HAS_RIGHT_ORIGIN) !== 0) throw malformed('a place in a sequence');
  const [isEntry, hasOrigin] = [(info & CONTENT) === content.any, (info & HAS_ORIGIN) !== 0];
  if (hasOrigin || readVarUint(decoder) !== 1) {
    const [ofClient, ofClock] = [readVarUint(decoder), readVarUint(decoder)];
    // Yjs would look for it among the structs that are there.
    if (ofClient === client && ofClock >= clock) throw malformed('a place that is yet to come');
    const last = places.at(-1);
    if (isEntry && last?.client === client && last.ofClient === ofClient && last.ofClock === ofClock) last.clock = clock;
    else if (isEntry) places.push({ client, clock, ofClient, ofClock });
  } else if (decoding.readVarString(decoder) !== ROOT_NAME) {
    throw malformed('another root');
  }
  if (!hasOrigin) {
    if ((info & HAS_KEY) === 0) throw malformed('an entry without a key');
    skipBytes(decoder, readVarUint(decoder));
  }
  switch (info & CONTENT) {
    case content.deleted:
      return readVarUint(decoder);
    case content.type:
      if (readVarUint(decoder) !== MAP_TYPE) throw malformed('a type that is no map');
      return 1;
    case content.any:
      // Entries of a map come one by one.
      if (readVarUint(decoder) !== 1) throw malformed('a sequence of values');
      skipAny(decoder, 0);
      return 1;
    default:
      throw malformed('some content');
  }
}

function skipAny(decoder: decoding.Decoder, depth: number): void {
  if (depth > ANY_DEPTH_MAX) throw malformed('the depth of a value');
  switch (decoding.readUint8(decoder)) {
    case anyTag.undefined:
    case anyTag.null:
    case anyTag.false:
    case anyTag.true:
      return;
    case anyTag.integer:
      decoding.readVarInt(decoder);
      return;
    case anyTag.float32:
      skipBytes(decoder, 4);
      return;
    case anyTag.float64:
    case anyTag.bigint:
      skipBytes(decoder, 8);
      return;
    case anyTag.string:
    case anyTag.bytes:
      skipBytes(decoder, readVarUint(decoder));
      return;
    case anyTag.object:
      for (let count = readVarUint(decoder); count > 0; count--) {
        skipBytes(decoder, readVarUint(decoder));
        skipAny(decoder, depth + 1);
      }
      return;
    case anyTag.array:
      for (let count = readVarUint(decoder); count > 0; count--) skipAny(decoder, depth + 1);
      return;
    default:
      throw malformed('a value');
  }
}

function skipRemovals(decoder: decoding.Decoder): void {
  for (let clients = readVarUint(decoder); clients > 0; clients--) {
    readVarUint(decoder);
    for (let ranges = readVarUint(decoder); ranges > 0; ranges--) {
      after(readVarUint(decoder), readVarUint(decoder));
    }
  }
}

function skipBytes(decoder: decoding.Decoder, count: number): void {
  if (count > decoder.arr.length - decoder.pos) throw malformed('its length');
  decoder.pos += count;
}

/** The clock after `length` more, of which there must be some. */
function after(clock: number, length: number): number {
  const end = clock + length;
  if (length === 0 || !Number.isSafeInteger(end)) throw malformed('a length');
  return end;
}

function malformed(what: string): RangeError {
  return new RangeError(`An update cannot be read: ${what}`);
}
