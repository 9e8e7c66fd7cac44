/** The bytes of snapshots and logs: what is written is read, and no damage goes unnoticed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import fc from 'fast-check';

import { limits } from '../../lib/limits';
import { beginLog, parseLog } from '../../lib/storage/log';
import { FORMAT_VERSION, type StoredUpdate } from '../../lib/storage/records';
import { parseSnapshot, releaseSnapshot, SnapshotEncoder } from '../../lib/storage/snapshot';

const examples: readonly StoredUpdate[] = [
  { epoch: { number: 7, founder: 'replica-é' }, update: Uint8Array.of(0, 1, 2, 253, 254, 255) },
  { epoch: { number: 7, founder: 'replica-é' }, update: new Uint8Array() },
  { epoch: { number: 8, founder: '' }, update: Uint8Array.of(9) },
];

function encodeSnapshot(updates: readonly StoredUpdate[], generation = 3): Uint8Array {
  const encoder = new SnapshotEncoder(generation);
  for (const update of updates) encoder.add(update);
  return Uint8Array.from(encoder.finish().bytes);
}

function encodeLog(updates: readonly StoredUpdate[]): Uint8Array {
  const encoder = beginLog({ generation: 5, base: 4 });
  return Uint8Array.from(Buffer.concat([encoder.header, ...updates.map((update) => encoder.encode(update))]));
}

/** Where each record of a log ends. */
function endsOf(updates: readonly StoredUpdate[]): number[] {
  return updates.map((_, i) => encodeLog(updates.slice(0, i + 1)).length);
}

const epoch = fc.record({
  number: fc.maxSafeNat(),
  founder: fc.string({ unit: 'grapheme', maxLength: 8 }).filter((text) => Buffer.byteLength(text) <= limits.founderBytesMax),
});
const updates = fc.array(fc.record({ epoch, update: fc.uint8Array({ maxLength: 200 }) }), { maxLength: 5 });

test('what was encoded is read again', () => {
  fc.assert(
    fc.property(updates, fc.maxSafeNat(), (original, generation) => {
      expect(parseSnapshot(encodeSnapshot(original, generation))).toEqual({ generation, updates: original });
      expect(parseLog(encodeLog(original))).toEqual({ header: { generation: 5, base: 4 }, updates: original, fault: null });
    }),
  );
});

test('the format is what it was', () => {
  const update = { epoch: { number: 1, founder: 'ab' }, update: Uint8Array.of(9) };
  expect(Buffer.from(encodeSnapshot([update])).toString('hex')).toBe(
    '434c43414348450a' + '02000000' + 'f2ae5e08' + '0000000000000840' + '0000000000000000' +
      '0c000000' + '0a36f8be' + '6096e829' + '000000000000f03f' + '02' + '6162' + '09' +
      '00000000' + 'd50de937' + 'd50de937',
  );
  expect(Buffer.from(encodeLog([update])).toString('hex')).toBe(
    '434c434c4f47310a' + '02000000' + '559cd209' + '0000000000001440' + '0000000000001040' +
      '0c000000' + '99c19aa9' + '964fe28f' + '000000000000f03f' + '02' + '6162' + '09',
  );
});

const fixture = (name: string): Uint8Array => readFileSync(join(__dirname, '..', 'fixtures', name));

test('a file of the first format is told from damage', () => {
  expect(parseSnapshot(fixture('format-1.snapshot'))).toBe('version');
});

test('files of this format that were once written are read', () => {
  const snapshot = parseSnapshot(fixture('format-2.snapshot'));
  if (typeof snapshot === 'string') throw new Error(snapshot);
  expect(snapshot.updates.length).toBe(1);
  const log = parseLog(fixture('format-2.log'));
  expect(log).toMatchObject({ header: { generation: snapshot.generation }, fault: null });
  expect(log.updates.length).toBe(2);
});

test('the bytes may lie anywhere in a larger buffer, and updates are plain Uint8Arrays', () => {
  const bytes = encodeSnapshot(examples);
  const larger = Buffer.alloc(bytes.length + 7, 0xaa);
  larger.set(bytes, 3);
  const parsed = parseSnapshot(larger.subarray(3, 3 + bytes.length));
  expect(parsed).toEqual({ generation: 3, updates: examples });
  if (typeof parsed !== 'string') expect(Object.getPrototypeOf(parsed.updates[0]!.update)).toBe(Uint8Array.prototype);
});

test('a founder keeps its byte order mark', () => {
  const update = { epoch: { number: 0, founder: '\ufefff' }, update: new Uint8Array() };
  expect(parseLog(encodeLog([update])).updates).toEqual([update]);
});

describe('a snapshot', () => {
  const bytes = encodeSnapshot(examples);

  test('that is cut at any byte is truncated', () => {
    for (let length = 0; length < bytes.length; length++) expect(parseSnapshot(bytes.subarray(0, length))).toBe('truncated');
  });

  test('in which any bit is flipped is faulty', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = bytes.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(typeof parseSnapshot(damaged)).toBe('string');
    }
  });

  test('of another format version is told from damage, whatever follows', () => {
    const other = bytes.slice();
    new DataView(other.buffer).setUint16(8, FORMAT_VERSION + 1, true);
    expect(parseSnapshot(other)).toBe('version');
    expect(parseSnapshot(other.subarray(0, 10))).toBe('version');
  });

  test.each([
    ['magic', (good: Uint8Array) => good.fill(0, 0, 1)],
    ['magic', () => Buffer.from('{"some":"thing else altogether, which is longer than a header"}')],
    ['magic', () => encodeLog(examples)],
    ['checksum', (good: Uint8Array) => good.fill(0x55, 20, 21)],
    ['checksum', (good: Uint8Array) => good.fill(0x55, 32, 33)],
    ['trailing', (good: Uint8Array) => Buffer.concat([good, Uint8Array.of(0)])],
    ['truncated', () => new Uint8Array()],
  ] as const)('has a name for what is wrong: %s', (fault, damage) => {
    expect(parseSnapshot(damage(bytes.slice()))).toBe(fault);
  });

  test('that is too large is refused', () => {
    jest.replaceProperty(limits, 'snapshotBytesMax', 10);
    const encoder = new SnapshotEncoder(1);
    const update = new Uint8Array(11);
    expect(() => {
      encoder.add({ epoch: { number: 1, founder: '' }, update });
    }).toThrow('(size)');
    jest.restoreAllMocks();
  });
});

describe('a log', () => {
  const bytes = encodeLog(examples);
  const ends = endsOf(examples);

  test('that is cut at any byte holds the records before that, and is not damaged', () => {
    for (let length = 0; length <= bytes.length; length++) {
      const { updates: found, fault } = parseLog(bytes.subarray(0, length));
      expect({ length, fault }).toEqual({ length, fault: null });
      expect(found).toEqual(examples.slice(0, ends.filter((end) => end <= length).length));
    }
  });

  test('in which any bit is flipped holds the records before that, and says so if others follow', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const at = bit >> 3;
      const damaged = bytes.slice();
      damaged[at]! ^= 1 << (bit & 7);
      const { header, updates: found, fault } = parseLog(damaged);
      const before = at < 32 ? 0 : ends.filter((end) => end <= at).length;
      expect({ bit, found: found.length }).toEqual({ bit, found: before });
      expect(found).toEqual(examples.slice(0, before));
      if (at < 32) expect(header).toBeNull();
      if (at < ends.at(-2)!) expect({ bit, fault }).toEqual({ bit, fault: expect.any(String) as unknown });
    }
  });

  test('that ends in zeros was not written there before a crash', () => {
    const grown = Buffer.concat([bytes, new Uint8Array(100)]);
    expect(parseLog(grown)).toMatchObject({ updates: examples, fault: null });
    expect(parseLog(new Uint8Array(20))).toEqual({ header: null, updates: [], fault: null });
  });

  test('of another version, or of something else, has nothing to be read', () => {
    const other = bytes.slice();
    new DataView(other.buffer).setUint16(8, FORMAT_VERSION + 1, true);
    expect(parseLog(other)).toEqual({ header: null, updates: [], fault: 'version' });
    expect(parseLog(encodeSnapshot(examples))).toEqual({ header: null, updates: [], fault: 'magic' });
  });

  test('whose records come in another order is damaged', () => {
    const [first, second] = ends;
    const swapped = Buffer.concat([bytes.subarray(0, 32), bytes.subarray(first, second), bytes.subarray(32, first)]);
    expect(parseLog(swapped)).toMatchObject({ updates: [], fault: 'checksum' });
  });
});

test.each([
  { number: -1, founder: 'a' },
  { number: 0.5, founder: 'a' },
  { number: Number.NaN, founder: 'a' },
  { number: 2 ** 53, founder: 'a' },
  { number: 1, founder: 'é'.repeat(33) },
  { number: 1, founder: '\ud800' },
])('the epoch %j is refused', (refused) => {
  expect(() => encodeLog([{ epoch: refused, update: new Uint8Array() }])).toThrow(
    expect.objectContaining({ code: 'ERR_CLUSTER_CACHE_SNAPSHOT' }) as Error,
  );
});

test('an epoch out of bounds is not read, even with the right checksums', () => {
  const bytes = encodeLog([examples[0]!]);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setFloat64(44, -1, true);
  view.setUint32(40, crc32(bytes.subarray(44), view.getUint32(36, true)), true);
  expect(parseLog(bytes)).toMatchObject({ updates: [], fault: 'header' });
});

test('a large snapshot is put together a piece at a time', async () => {
  const parts = Array.from({ length: 50 }, (_, i) => ({ epoch: { number: 1, founder: 'f' }, update: new Uint8Array(100_000).fill(i) }));
  const encoder = new SnapshotEncoder(3);
  for (const part of parts) encoder.add(part);
  let pauses = 0;
  const { bytes, generation } = await encoder.finishBetween(() => Promise.resolve(pauses++));
  expect(pauses).toBe(4);
  expect(generation).toBe(3);
  expect(Buffer.compare(bytes, encodeSnapshot(parts))).toBe(0);
});

test('a snapshot of about the expected size is where it was put from the first, and its memory can be given back', async () => {
  const parts = Array.from({ length: 50 }, (_, i) => ({ epoch: { number: 1, founder: 'f' }, update: new Uint8Array(100_000).fill(i) }));
  const encoder = new SnapshotEncoder(3, 5_000_000);
  for (const part of parts) encoder.add(part);
  let pauses = 0;
  const snapshot = await encoder.finishBetween(() => Promise.resolve(pauses++));
  expect(pauses).toBe(0);
  expect(Buffer.compare(snapshot.bytes, encodeSnapshot(parts))).toBe(0);
  releaseSnapshot(snapshot);
  expect(snapshot.bytes.buffer.byteLength).toBe(0);
});
