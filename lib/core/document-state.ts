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
import { decodeVector } from './vector';
import { limits } from '../limits';

/** Structs after which a slice asks whether there is still time. */
const STRUCTS_BETWEEN = 16;

/** Slices that may come beyond what twice the structs at the beginning take, before a document that is written to counts as quicker. */
const SLICES_BEYOND = 20;

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
  readonly #content = new Scratch();
  readonly #runs = new Scratch();
  readonly #slice = new Scratch();
  /** Structs that slices have brought, and how many they may before the rest comes in one piece; null before the first. */
  #brought = 0;
  #broughtMax: number | null = null;
  #isOver = false;

  /** All that a document with `vector` lacks, or everything. */
  constructor(doc: Y.Doc, vector?: Uint8Array, { structsMax, looksMax }: SliceLimits = {}, removals = new Removals(doc)) {
    this.#doc = doc;
    this.#sent = vector === undefined ? new Map<number, number>() : decodeVector(vector);
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

  /** Whether the document is written to more quickly than slices are asked for: without an end they would go on for ever. */
  get #isOutrun(): boolean {
    this.#broughtMax ??= 2 * this.#countLacking() + SLICES_BEYOND * this.#structsMax;
    return this.#brought > this.#broughtMax;
  }

  #countLacking(): number {
    let count = 0;
    for (const [client, structs] of this.#doc.store.clients) {
      const clock = this.#sent.get(client) ?? 0;
      if (clock < Y.getState(this.#doc.store, client)) count += structs.length - Y.findIndexSS(structs, clock);
    }
    return count;
  }

  /**
   * The next slice, empty bytes if that takes another call, or null after the last. All together, applied in order,
   * bring the receiver to the state that the document had when the last one was made. `hasTime` is asked now and then,
   * and may end a slice early: what is run seldom runs slowly at first, by more than ten times. Where slices are outrun by
   * what is written, the rest of the structs comes in one.
   */
  next(hasTime: () => boolean = () => true): Uint8Array | null {
    if (this.#isOver) return null;
    // Not again and again, while removals are looked for: the rest may be large, and grows.
    if (this.#isOutrun && !this.#removals.look(this.#looksMax)) return NOTHING;
    const { runCount, count, ends, isLast } = this.#collect(hasTime);
    if (isLast && !this.#removals.look(this.#looksMax)) return NOTHING;
    this.#isOver = isLast;
    this.#brought += count;
    for (const [client, end] of ends) this.#sent.set(client, end);
    return this.#encodeSlice(runCount, isLast ? this.#removals.take() : null);
  }

  /** Collects the structs of one slice, as runs of one client each; how many of both, the clocks behind them, whether there are no more. */
  #collect(hasTime: () => boolean): { readonly runCount: number; readonly count: number; readonly ends: Map<number, number>; readonly isLast: boolean } {
    const { restEncoder: runs } = this.#runs.begin();
    const ends = new Map<number, number>();
    let count = 0;
    const isOutrun = this.#isOutrun;
    const bytesMax = isOutrun ? Infinity : limits.stateBytesMax;
    const hasRoom = (): boolean => isOutrun || (count < this.#structsMax && (count === 0 || count % STRUCTS_BETWEEN !== 0 || hasTime()));
    for (const [client, structs] of this.#doc.store.clients) {
      const clock = this.#sent.get(client) ?? 0;
      if (clock >= Y.getState(this.#doc.store, client)) continue;
      const first = Y.findIndexSS(structs, clock);
      const content = this.#content.begin();
      let next = first;
      while (next < structs.length && encoding.length(runs) + this.#content.length < bytesMax && hasRoom()) {
        structs[next]!.write(content, next === first ? clock - structs[first]!.id.clock : 0);
        next++;
        count++;
      }
      if (next > first) {
        encoding.writeVarUint(runs, next - first);
        encoding.writeVarUint(runs, client);
        encoding.writeVarUint(runs, clock);
        encoding.writeUint8Array(runs, this.#content.bytes());
        const { id, length } = structs[next - 1]!;
        ends.set(client, id.clock + length);
      }
      if (next < structs.length) return { runCount: ends.size, count, ends, isLast: false };
    }
    return { runCount: ends.size, count, ends, isLast: true };
  }

  #encodeSlice(runCount: number, removals: ReturnType<Removals['take']> | null): Uint8Array {
    const encoder = this.#slice.begin();
    const { restEncoder } = encoder;
    encoding.writeVarUint(restEncoder, runCount);
    encoding.writeUint8Array(restEncoder, this.#runs.bytes());
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
}

/**
 * An encoder that uses its memory again. What a new one for each slice leaves behind, V8 has to collect in the middle of
 * the others: with 100,000 entries that made single slices of 14 to 97 ms, instead of 2 to 11.
 */
class Scratch {
  readonly #encoder = new Y.UpdateEncoderV1();

  /** The encoder, empty. */
  begin(): Y.UpdateEncoderV1 {
    const { restEncoder } = this.#encoder;
    restEncoder.cpos = 0;
    restEncoder.bufs = [];
    return this.#encoder;
  }

  /** Bytes written since. */
  get length(): number {
    return encoding.length(this.#encoder.restEncoder);
  }

  /** What was written since; only until the next `begin`. */
  bytes(): Uint8Array {
    const { bufs, cbuf, cpos } = this.#encoder.restEncoder;
    return bufs.length === 0 ? cbuf.subarray(0, cpos) : this.#encoder.toUint8Array();
  }
}
