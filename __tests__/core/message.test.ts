/** Messages: what is encoded is decoded, and whatever else arrives is refused with one code. */
import fc from 'fast-check';
import { decodeEnvelope, encodeEnvelope, type Envelope, type Message } from '../../lib/core/message';
import { limits } from '../../lib/limits';

const text = (maxLength: number): fc.Arbitrary<string> => fc.string({ unit: 'binary', maxLength });
const token = fc.oneof(fc.nat(), fc.maxSafeNat());
const bytes = fc.uint8Array({ maxLength: 40 });
const epoch = fc.record({
  number: fc.oneof(fc.nat(3), fc.integer({ min: 0, max: 0xffff_ffff })),
  founder: fc.stringMatching(/^[0-9a-z]{0,32}$/),
});
const type = <T extends Message['type']>(name: T): fc.Arbitrary<T> => fc.constant(name);

const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    type: type('state'),
    epoch,
    replicaId: fc.stringMatching(/^[0-9a-z]{1,32}$/),
    vector: bytes,
    token,
    isMirrored: fc.boolean(),
    isDeferred: fc.boolean(),
    isPersistent: fc.boolean(),
  }),
  fc.record({ type: type('sync'), epoch, token, isComplete: fc.boolean(), isInformed: fc.boolean(), update: bytes }),
  fc.record({ type: type('none'), token }),
  fc.record({ type: type('complete'), token }),
  fc.record({ type: type('update'), epoch, update: bytes }),
  fc.record({ type: type('compare'), epoch, vector: bytes, entries: fc.maxSafeNat() }),
  fc.record({ type: type('flush'), token, isDurable: fc.boolean(), vector: bytes }),
  fc.record({ type: type('flushed'), token, problem: text(20) }),
  fc.record({ type: type('declined'), token }),
  fc.record({ type: type('leave') }),
);
const envelope: fc.Arbitrary<Envelope> = fc.record({ cache: text(10).filter((name) => name !== ''), message });

const refused = (input: Uint8Array): void =>
  expect(() => decodeEnvelope(input)).toThrow(expect.objectContaining({ code: 'ERR_CLUSTER_CACHE_PROTOCOL' }));

test('what is encoded is decoded', () => {
  fc.assert(
    fc.property(envelope, (sent) => {
      // Strict equality would tell a Buffer from the bytes that it holds.
      expect(decodeEnvelope(encodeEnvelope(sent))).toEqual(sent);
    }),
    { numRuns: 1000 },
  );
});

test('a truncated message is refused, also where other bytes follow in the same memory', () => {
  fc.assert(
    fc.property(envelope, (sent) => {
      const whole = encodeEnvelope(sent);
      const memory = new Uint8Array(whole.length + 64);
      memory.set(whole);
      for (let length = 0; length < whole.length; length++) {
        refused(whole.slice(0, length));
        refused(memory.subarray(0, length));
      }
    }),
    { numRuns: 40 },
  );
});

test('a message with trailing bytes is refused', () => {
  fc.assert(
    fc.property(envelope, fc.uint8Array({ minLength: 1, maxLength: 4 }), (sent, tail) => {
      refused(new Uint8Array([...encodeEnvelope(sent), ...tail]));
    }),
    { numRuns: 500 },
  );
});

test('random and mutated bytes are a message or are refused with the same code', () => {
  const mutated = fc
    .tuple(envelope, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }))
    .map(([sent, changes]) => {
      const encoded = encodeEnvelope(sent).slice();
      for (const [at, byte] of changes) encoded[at % encoded.length] = byte;
      return encoded;
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), mutated), (input) => {
      try {
        const decoded = decodeEnvelope(input);
        expect(decodeEnvelope(encodeEnvelope(decoded))).toEqual(decoded);
      } catch (error) {
        expect(error).toMatchObject({ name: 'CacheError', code: 'ERR_CLUSTER_CACHE_PROTOCOL' });
      }
    }),
    { numRuns: 2000 },
  );
});

/** Zero, in so many bytes that lib0 makes no number of it. */
const noNumber = [...Array<number>(160).fill(0x80), 0];

test.each([
  ['nothing', []],
  ['a name only', [1, 97]],
  ['an empty name', [0, 8]],
  ['an unknown type', [1, 97, 10]],
  ['type 0', [1, 97, 0]],
  ['a name that is no UTF-8', [1, 0xff, 8]],
  ['a length beyond all memory', [1, 97, 4, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]],
  ['a number without an end', [1, 97, 3, ...Array<number>(20).fill(0xff)]],
  ['an epoch of 33 bits', [1, 97, 4, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0]],
  ['an epoch that is no number', [1, 97, 4, ...noNumber, 0, 0]],
  ['a token that is no number', [1, 97, 9, ...noNumber]],
  ['a count of entries that is no number', [1, 97, 5, 0, 0, 0, ...noNumber]],
  ['a length that is no number', [1, 97, 4, 0, 0, ...noNumber]],
  ['a founder of 33 characters', [1, 97, 4, 0, 33, ...Array<number>(33).fill(97), 0]],
  ['a replica of 33 characters', [1, 97, 1, 0, 0, 33, ...Array<number>(33).fill(97), 1, 0, 0]],
])('%s is refused', (_name, input) => refused(new Uint8Array(input)));

test('a name longer than a cache may have is refused', () => {
  const named = (length: number): Uint8Array => encodeEnvelope({ cache: 'a'.repeat(length), message: { type: 'leave' } });
  expect(decodeEnvelope(named(limits.nameBytesMax)).message.type).toBe('leave');
  refused(named(limits.nameBytesMax + 1));
});

test('an endless problem is cut', () => {
  const problem = 'x'.repeat(100_000);
  const encoded = encodeEnvelope({ cache: 'a', message: { type: 'flushed', token: 1, problem } });
  expect(encoded.length).toBeLessThan(1100);
  expect(decodeEnvelope(encoded).message).toMatchObject({ problem: 'x'.repeat(1000) });
});
