/** What a peer says it has. */
import fc from 'fast-check';
import * as Y from 'yjs';
import { decodeVector } from '../../lib/core/vector';
import { DocumentState } from '../../lib/core/document-state';

test('a state vector is read as Yjs has written it', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(2 ** 32 - 1), fc.nat(2 ** 50))), (pairs) => {
      const clocks = new Map(pairs);
      expect(decodeVector(Y.encodeStateVector(clocks))).toEqual(clocks);
    }),
  );
});

test('a clock that is no number is refused: in a later turn it would end the process', () => {
  // From 148 bytes on lib0 makes NaN of zeros.
  const vector = Uint8Array.of(1, 5, ...new Array<number>(148).fill(0x80), 0);
  expect(() => decodeVector(vector)).toThrow(RangeError);
  const doc = new Y.Doc();
  expect(() => new DocumentState(doc, vector)).toThrow(RangeError);
});

test.each([[[]], [[1]], [[1, 5]], [[2, 5, 1]]])('a state vector that ends too early is refused: %j', (bytes) => {
  expect(() => decodeVector(Uint8Array.from(bytes))).toThrow();
});
