import fc from 'fast-check';
import {
  compareSeniority,
  decodeHello,
  decodeSeniority,
  encodeHello,
  encodeSeniority,
  type Hello,
} from '../../lib/mesh/hello';
import { mostSenior } from '../../lib/mesh/manager';

const digits = Array.from({ length: 36 }, (_, digit) => digit.toString(36));
const hello: fc.Arbitrary<Hello> = fc.record({
  id: fc.string({ unit: fc.constantFrom(...digits), minLength: 1, maxLength: 32 }),
  seniority: fc.record({
    rank: fc.integer({ min: 0, max: 1 }),
    startedAt: fc.double({ min: 0, max: 1e15, noNaN: true }).map((ms) => ms + 0),
  }),
  pid: fc.nat(),
  threadId: fc.nat(),
});
const example: Hello = { id: 'abc', seniority: { rank: 1, startedAt: 5 }, pid: 1, threadId: 0 };
const coded = (code: string): Error => expect.objectContaining({ code }) as Error;

test('a hello arrives as it was sent', () => {
  fc.assert(fc.property(hello, (sent) => expect(decodeHello(encodeHello(sent))).toEqual(sent)));
});

test('a seniority arrives as it was sent', () => {
  fc.assert(
    fc.property(hello, ({ seniority }) => expect(decodeSeniority(encodeSeniority(seniority))).toEqual(seniority)),
  );
});

test('any bytes are a hello or a coded error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), hello.map(encodeHello)), fc.nat(), fc.nat(), (bytes, at, to) => {
      const mutated = bytes.slice();
      if (mutated.length > 0) mutated[at % mutated.length] = to;
      try {
        const { seniority } = decodeHello(mutated);
        expect(Number.isFinite(seniority.startedAt)).toBe(true);
      } catch (error) {
        expect((error as { code?: unknown }).code).toMatch(/^ERR_CLUSTER_CACHE_(FRAME|PROTOCOL)$/);
      }
    }),
    { numRuns: 2000 },
  );
});

test('a truncated hello is refused, and so is one with more behind it', () => {
  const bytes = encodeHello(example);
  for (let length = 0; length < bytes.length; length++) {
    expect(() => decodeHello(bytes.slice(0, length))).toThrow(coded('ERR_CLUSTER_CACHE_FRAME'));
  }
  expect(() => decodeHello(Uint8Array.of(...bytes, 0))).toThrow(coded('ERR_CLUSTER_CACHE_FRAME'));
});

test('another version is refused by name of the peer, whatever follows its id', () => {
  const bytes = encodeHello(example);
  bytes[0] = 2;
  expect(() => decodeHello(bytes)).toThrow(coded('ERR_CLUSTER_CACHE_PROTOCOL'));
  expect(() => decodeHello(bytes.slice(0, 5))).toThrow(/Peer abc speaks version 2/);
});

test.each(['', 'ABC', '../x', 'a'.repeat(33), 'a b'])('the id %p is refused', (id) => {
  expect(() => decodeHello(encodeHello({ ...example, id }))).toThrow(coded('ERR_CLUSTER_CACHE_FRAME'));
});

test.each([NaN, Infinity, -1])('the start time %p is refused', (startedAt) => {
  const bytes = encodeHello({ ...example, seniority: { rank: 1, startedAt } });
  expect(() => decodeHello(bytes)).toThrow(coded('ERR_CLUSTER_CACHE_FRAME'));
});

test('a rank or process id that is no number is refused', () => {
  // Zero, in so many bytes that lib0 makes no number of it; it would be as senior as everybody.
  const noNumber = [...Array<number>(160).fill(0x80), 0];
  const rank = encodeSeniority(example.seniority);
  expect(() => decodeSeniority(Uint8Array.of(...noNumber, ...rank.slice(1)))).toThrow(coded('ERR_CLUSTER_CACHE_FRAME'));
  const bytes = encodeHello(example);
  expect(() => decodeHello(Uint8Array.of(...bytes.slice(0, -1), ...noNumber))).toThrow(coded('ERR_CLUSTER_CACHE_FRAME'));
});

test('seniority goes by rank, then by start, then by id', () => {
  const ordered: Hello[] = [
    { ...example, id: 'z', seniority: { rank: 0, startedAt: 9 } },
    { ...example, id: 'y', seniority: { rank: 1, startedAt: 1 } },
    { ...example, id: 'a', seniority: { rank: 1, startedAt: 2 } },
    { ...example, id: 'b', seniority: { rank: 1, startedAt: 2 } },
  ];
  expect([...ordered].reverse().sort(compareSeniority)).toEqual(ordered);
});

test('all peers find the same most senior one, in whatever order they know each other', () => {
  fc.assert(
    fc.property(fc.uniqueArray(hello, { selector: ({ id }) => id }), fc.infiniteStream(fc.nat()), (peers, chance) => {
      const shuffled = peers.map((peer) => ({ peer, key: chance.next().value! })).sort((a, b) => a.key - b.key);
      const expected = [...peers].sort(compareSeniority)[0];
      expect(mostSenior(shuffled.map(({ peer }) => peer))).toEqual(expected);
    }),
  );
  expect(mostSenior([])).toBeUndefined();
});
