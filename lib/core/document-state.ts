/**
 * The state of a document in slices, so that a large one can be sent or saved without holding up the event loop.
 *
 * A slice is a Yjs update (V1) with the next structs of each client, in order of their clocks; the last one is
 * what Yjs itself would send to who has all the slices before, removals included. Written after
 * `writeClientsStructs` and `writeDeleteSet` of Yjs, which know no upper bound.
 */
import * as encoding from 'lib0/encoding';
import * as Y from 'yjs';
import { Removals } from './removals';
import { limits } from '../limits';

/** No slice, though more will follow: there was much to look at. */
const NOTHING = new Uint8Array();

export interface SliceLimits {
  /** Structs that a slice brings, at most. */
  readonly structsMax?: number | undefined;
  /** Structs that are looked at for one, at most, to see whether they are removed. */
  readonly looksMax?: number | undefined;
}

export class DocumentState {
  readonly #doc: Y.Doc;
  /** What the receiver has once it has taken in all slices so far: clocks by client. */
  readonly #sent: Map<number, number>;
  readonly #structsMax: number;
  readonly #looksMax: number;
  readonly #removals: Removals;
  #isOver = false;

  /** All that a document with `vector` lacks, or everything. */
  constructor(doc: Y.Doc, vector?: Uint8Array, { structsMax, looksMax }: SliceLimits = {}, removals = new Removals(doc)) {
    this.#doc = doc;
    this.#sent = vector === undefined ? new Map<number, number>() : Y.decodeStateVector(vector);
    this.#structsMax = structsMax ?? limits.stateStructsMax;
    this.#looksMax = looksMax ?? limits.stateLooksMax;
    this.#removals = removals;
  }

  /** Begins anew, for a document with `vector`; what was looked at need not be again. This one is over. */
  beginAgain(vector: Uint8Array): DocumentState {
    this.#isOver = true;
    return new DocumentState(this.#doc, vector, { structsMax: this.#structsMax, looksMax: this.#looksMax }, this.#removals);
  }

  /** Nobody asks for the rest any more. */
  abandon(): void {
    this.#isOver = true;
    this.#removals.stop();
  }

  /** Whether the last slice was made. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * The next slice, empty bytes if that takes another call, or null after the last. All together, applied in order,
   * bring the receiver to the state that the document had when the last one was made.
   */
  next(): Uint8Array | null {
    if (this.#isOver) return null;
    const { runs, ends, isLast } = this.#collect();
    if (isLast && !this.#removals.look(this.#looksMax)) return NOTHING;
    this.#isOver = isLast;
    for (const [client, end] of ends) this.#sent.set(client, end);
    return encodeSlice(runs, isLast ? this.#removals.take() : null);
  }

  /** What goes into one slice: runs of structs, and the clocks behind them; whether there are no more. */
  #collect(): { readonly runs: Uint8Array[]; readonly ends: Map<number, number>; readonly isLast: boolean } {
    const runs: Uint8Array[] = [];
    const ends = new Map<number, number>();
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
        ends.set(client, id.clock + length);
      }
      if (next < structs.length) return { runs, ends, isLast: false };
    }
    return { runs, ends, isLast: true };
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

function encodeSlice(runs: readonly Uint8Array[], removals: ReturnType<Removals['take']> | null): Uint8Array {
  const encoder = new Y.UpdateEncoderV1();
  const { restEncoder } = encoder;
  encoding.writeVarUint(restEncoder, runs.length);
  for (const run of runs) encoding.writeUint8Array(restEncoder, run);
  encoding.writeVarUint(restEncoder, removals?.clients.size ?? 0);
  for (const [client, items] of removals?.clients ?? []) {
    encoder.resetDsCurVal();
    encoding.writeVarUint(restEncoder, client);
    encoding.writeVarUint(restEncoder, items.length);
    for (const { clock, len } of items) {
      encoder.writeDsClock(clock);
      encoder.writeDsLen(len);
    }
  }
  return encoder.toUint8Array();
}
