/** The bytes of a snapshot: what is written is read, and no damage goes unnoticed. */
import { crc32 } from 'node:zlib';

import fc from 'fast-check';

import { CacheError } from '../../lib/errors';
import { limits } from '../../lib/limits';
import { decodeSnapshot, encodeSnapshot, parseSnapshot, SNAPSHOT_VERSION } from '../../lib/storage/snapshot';

const example = { epoch: { number: 7, founder: 'replica-é' }, update: Uint8Array.of(0, 1, 2, 253, 254, 255) };

function decodingError(bytes: Uint8Array): CacheError {
  try {
    decodeSnapshot(bytes);
  } catch (error) {
    if (error instanceof CacheError) return error;
    throw error;
  }
  throw new Error('the damage went unnoticed');
}

test('what was encoded is decoded', () => {
  const epoch = fc.record({ number: fc.maxSafeNat(), founder: fc.string({ unit: 'grapheme', maxLength: 8 }) });
  const snapshot = fc.record({ epoch, update: fc.uint8Array({ maxLength: 500 }) });
  fc.assert(
    fc.property(
      snapshot.filter(({ epoch: { founder } }) => Buffer.byteLength(founder) <= limits.founderBytesMax),
      (original) => {
        expect(decodeSnapshot(encodeSnapshot(original))).toEqual(original);
      },
    ),
  );
});

test('the format is what it was', () => {
  expect(Buffer.from(encodeSnapshot({ epoch: { number: 1, founder: 'ab' }, update: Uint8Array.of(9) })).toString('hex')).toBe(
    '434c43414348450a' + '0100' + '0e00' + '75c24b72' + '01000000' + '000000000000f03f' + '6162' + '09',
  );
});

test('a founder keeps its byte order mark', () => {
  const snapshot = { epoch: { number: 0, founder: '\ufefff' }, update: new Uint8Array() };
  expect(decodeSnapshot(encodeSnapshot(snapshot))).toEqual(snapshot);
});

test('an update that is too large is refused', () => {
  const update = new Uint8Array(limits.snapshotBytesMax + 1);
  expect(() => encodeSnapshot({ ...example, update })).toThrow('(size)');
});

test('the bytes may lie anywhere in a larger buffer, and the update is a plain Uint8Array', () => {
  const bytes = encodeSnapshot(example);
  const larger = Buffer.alloc(bytes.length + 7, 0xaa);
  larger.set(bytes, 3);
  const decoded = decodeSnapshot(larger.subarray(3, 3 + bytes.length));
  expect(decoded).toEqual(example);
  expect(Object.getPrototypeOf(decoded.update)).toBe(Uint8Array.prototype);
});

test('a cut at every byte is detected as such', () => {
  const bytes = encodeSnapshot(example);
  for (let length = 0; length < bytes.length; length++) {
    expect(parseSnapshot(bytes.subarray(0, length))).toBe('truncated');
  }
});

test('every flipped bit is detected', () => {
  const bytes = encodeSnapshot(example);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = bytes.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    expect(decodingError(damaged).code).toBe('ERR_CLUSTER_CACHE_SNAPSHOT');
  }
});

test('another format version is told from damage, whatever follows', () => {
  const bytes = encodeSnapshot(example);
  new DataView(bytes.buffer).setUint16(8, SNAPSHOT_VERSION + 1, true);
  expect(decodingError(bytes).message).toMatch(/\(version\)$/);
  expect(parseSnapshot(bytes.subarray(0, 10))).toBe('version');
});

test.each([
  ['magic', (bytes: Uint8Array) => bytes.fill(0, 0, 1)],
  ['magic', () => Buffer.from('{"some":"thing else altogether, which is longer than a header"}')],
  ['checksum', (bytes: Uint8Array) => bytes.fill(0x55, bytes.length - 1)],
  ['trailing', (bytes: Uint8Array) => Buffer.concat([bytes, Uint8Array.of(0)])],
  ['header', (bytes: Uint8Array) => bytes.fill(0xff, 10, 12)],
  ['truncated', (bytes: Uint8Array) => bytes.fill(0xff, 16, 20)],
] as const)('the message says what is wrong: %s', (fault, damage) => {
  expect(decodingError(damage(encodeSnapshot(example))).message).toContain(`(${fault})`);
});

test.each([
  { number: -1, founder: 'a' },
  { number: 0.5, founder: 'a' },
  { number: Number.NaN, founder: 'a' },
  { number: 2 ** 53, founder: 'a' },
  { number: 1, founder: 'é'.repeat(33) },
  { number: 1, founder: '\ud800' },
])('the epoch %j is refused', (epoch) => {
  expect(() => encodeSnapshot({ epoch, update: new Uint8Array() })).toThrow(
    expect.objectContaining({ code: 'ERR_CLUSTER_CACHE_SNAPSHOT' }) as Error,
  );
});

test('an epoch out of bounds is refused when read, even with the right checksum', () => {
  const bytes = encodeSnapshot(example);
  const view = new DataView(bytes.buffer);
  view.setFloat64(20, -1, true);
  view.setUint32(12, crc32(bytes.subarray(16), crc32(bytes.subarray(8, 12))), true);
  expect(parseSnapshot(bytes)).toBe('header');
});
