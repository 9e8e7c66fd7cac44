/**
 * The state of a document in slices, so that a large one can be sent or saved without holding up the event loop.
 *
 * A slice is a Yjs update (V1) with the next structs of each client, in order of their clocks; the last one is
 * what Yjs itself would send to who has all the slices before, removals included. Written after
 * `writeClientsStructs` of Yjs, which knows no upper bound.
 */
import * as encoding from 'lib0/encoding';
import * as Y from 'yjs';
import { limits } from '../limits';

export class DocumentState {
  readonly #doc: Y.Doc;
  /** What the receiver has once it has taken in all slices so far: clocks by client. */
  readonly #sent: Map<number, number>;
  readonly #structsMax: number;
  #isOver = false;

  /** All that a document with `vector` lacks, or everything, in slices of at most `structsMax` structs. */
  constructor(doc: Y.Doc, vector?: Uint8Array, structsMax: number = limits.stateStructsMax) {
    this.#doc = doc;
    this.#sent = vector === undefined ? new Map<number, number>() : Y.decodeStateVector(vector);
    this.#structsMax = structsMax;
  }

  /** Whether the last slice was made. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * The next slice, or null after the last. All together, applied in order, bring the receiver to the state
   * that the document had when the last one was made.
   */
  next(): Uint8Array | null {
    if (this.#isOver) return null;
    const slice = this.#slice();
    if (slice !== null) return slice;
    this.#isOver = true;
    return Y.encodeStateAsUpdate(this.#doc, Y.encodeStateVector(this.#sent));
  }

  /** The next slice; null if all that is left fits into it, so that it is the last. */
  #slice(): Uint8Array | null {
    const runs: Uint8Array[] = [];
    const sent = new Map<number, number>();
    let [count, bytes] = [0, 0];
    for (const [client, structs] of this.#doc.store.clients) {
      const clock = this.#sent.get(client) ?? 0;
      if (clock >= Y.getState(this.#doc.store, client)) continue;
      const first = Y.findIndexSS(structs, clock);
      const content = new Y.UpdateEncoderV1();
      let next = first;
      while (next < structs.length && count < this.#structsMax && bytes + lengthOf(content) < limits.stateBytesMax) {
        structs[next]!.write(content, next === first ? clock - structs[first]!.id.clock : 0);
        next++;
        count++;
      }
      if (next > first) {
        const run = encodeRun(client, clock, next - first, content);
        bytes += run.length;
        runs.push(run);
        const { id, length } = structs[next - 1]!;
        sent.set(client, id.clock + length);
      }
      if (next === structs.length) continue;
      for (const [each, end] of sent) this.#sent.set(each, end);
      return encodeSlice(runs);
    }
    return null;
  }
}

function lengthOf({ restEncoder }: Y.UpdateEncoderV1): number {
  return encoding.length(restEncoder);
}

function encodeRun(client: number, clock: number, count: number, content: Y.UpdateEncoderV1): Uint8Array {
  const encoder = new Y.UpdateEncoderV1();
  encoding.writeVarUint(encoder.restEncoder, count);
  encoder.writeClient(client);
  encoding.writeVarUint(encoder.restEncoder, clock);
  encoding.writeUint8Array(encoder.restEncoder, content.toUint8Array());
  return encoder.toUint8Array();
}

function encodeSlice(runs: readonly Uint8Array[]): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, runs.length);
  for (const run of runs) encoding.writeUint8Array(encoder, run);
  const removals = 0;
  encoding.writeVarUint(encoder, removals);
  return encoding.toUint8Array(encoder);
}
