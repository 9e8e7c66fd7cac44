/** Whole numbers that a peer or a file has written, as lib0 does: seven bits a byte, the lowest first. */
import * as decoding from 'lib0/decoding';

/** Throws RangeError past 2^53 - 1, and, as lib0 does, at the end of the bytes. */
export function readVarUint(decoder: decoding.Decoder): number {
  const number = decoding.readVarUint(decoder);
  // From 148 bytes on lib0 makes NaN of zeros, which is neither more nor less than any bound.
  if (!Number.isSafeInteger(number)) throw new RangeError('A number is larger than can be.');
  return number;
}
