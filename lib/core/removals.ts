/**
 * What is removed in a document, found out bit by bit: Yjs looks at every struct for it, in one piece.
 *
 * What is looked at in one turn of the event loop may be removed in the next: that is taken down as it happens.
 * Written after `createDeleteSetFromStructStore` of Yjs.
 */
import * as Y from 'yjs';
import { limits } from '../limits';

type DeleteSet = ReturnType<typeof Y.createDeleteSet>;

export class Removals {
  readonly #doc: Y.Doc;
  #found: DeleteSet | null = null;
  /** Clocks up to which structs have been looked at, by client. */
  readonly #positions = new Map<number, number>();
  /** Of the transactions since the first look. */
  #later: DeleteSet[] = [];
  /** Ranges in those. */
  #laterCount = 0;
  /** Those were too many to keep: then all is looked at once more. */
  #isOverrun = false;

  constructor(doc: Y.Doc) {
    this.#doc = doc;
  }

  /** Looks at `countMax` more structs, at most; whether all that are there now have been looked at. */
  look(countMax: number): boolean {
    this.#found ??= this.#begin();
    let left = countMax;
    for (const [client, structs] of this.#doc.store.clients) {
      let clock = this.#positions.get(client) ?? 0;
      if (clock >= Y.getState(this.#doc.store, client)) continue;
      const items = this.#found.clients.get(client) ?? [];
      for (let i = Y.findIndexSS(structs, clock); i < structs.length && left > 0; i++, left--) {
        const struct = structs[i]!;
        const end = struct.id.clock + struct.length;
        if (struct.deleted) addRange(items, clock, end);
        clock = end;
      }
      if (items.length > 0) this.#found.clients.set(client, items);
      this.#positions.set(client, clock);
      if (left === 0) break;
    }
    return left > 0;
  }

  /** All of it, in the form of Yjs; `look` must just have said that it is. */
  take(): DeleteSet {
    this.stop();
    if (this.#isOverrun) return Y.createDeleteSetFromStructStore(this.#doc.store);
    const found = this.#found ?? Y.createDeleteSet();
    return this.#later.length === 0 ? found : Y.mergeDeleteSets([found, ...this.#later]);
  }

  /** Takes nothing down any more. */
  stop(): void {
    this.#doc.off('afterTransaction', this.#note);
  }

  #begin(): DeleteSet {
    this.#doc.on('afterTransaction', this.#note);
    return Y.createDeleteSet();
  }

  readonly #note = ({ deleteSet }: Y.Transaction): void => {
    if (deleteSet.clients.size > 0) this.#later.push(deleteSet);
    for (const items of deleteSet.clients.values()) this.#laterCount += items.length;
    if (this.#laterCount <= limits.removalsNotedMax) return;
    this.stop();
    this.#isOverrun = true;
    this.#later = [];
  };
}

/** Adds a range that begins where the last one ends, or later. */
function addRange(items: { clock: number; len: number }[], from: number, to: number): void {
  const last = items.at(-1);
  if (last !== undefined && last.clock + last.len === from) last.len = to - last.clock;
  else items.push({ clock: from, len: to - from });
}
