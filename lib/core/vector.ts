/** State vectors of peers, as Yjs encodes them: how many clients, then each with its clock. */
import * as decoding from 'lib0/decoding';
import { readVarUint } from '../varuint';

/** Clocks by Yjs client. Throws where one is no number, with which Yjs would look for a struct that there is not, or is missing. */
export function decodeVector(bytes: Uint8Array): Map<number, number> {
  const decoder = decoding.createDecoder(bytes);
  const clocks = new Map<number, number>();
  for (let left = readVarUint(decoder); left > 0; left--) {
    const client = readVarUint(decoder);
    clocks.set(client, readVarUint(decoder));
  }
  return clocks;
}
