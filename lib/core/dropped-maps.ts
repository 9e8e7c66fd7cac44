/**
 * What Yjs keeps of segment maps that were dropped: a struct for each run of entries that were in them.
 *
 * Yjs looks only after entries that went with a map, not after all of those that were replaced or removed in it before.
 * And it merges one struct at a time, each time moving all that are behind, of which there are as many as entries: a map
 * whose entries were written here and there, as tombstones are, would take tens of milliseconds.
 */
import * as Y from 'yjs';

type Structs = (Y.Item | Y.GC)[];

export class DroppedMaps {
  /** What is to be merged when the transaction is over. */
  #items: Y.Item[] = [];

  constructor(doc: Y.Doc) {
    doc.on('afterTransactionCleanup', () => {
      this.#merge(doc);
    });
  }

  /** Something was taken from the root by a transaction that goes on. */
  note(dropped: unknown, { _mergeStructs }: Y.Transaction): void {
    if (!(dropped instanceof Y.Map)) return;
    // Yjs would merge some of those that follow.
    _mergeStructs.length = 0;
    for (const latest of dropped._map.values()) {
      for (let item: Y.Item | null = latest; item !== null; item = item.left) this.#items.push(item);
    }
  }

  #merge({ store }: Y.Doc): void {
    if (this.#items.length === 0) return;
    const clocks = new Map<number, number[]>();
    for (const { id } of this.#items) {
      const ofClient = clocks.get(id.client);
      if (ofClient === undefined) clocks.set(id.client, [id.clock]);
      else ofClient.push(id.clock);
    }
    this.#items = [];
    for (const [client, ofClient] of clocks) mergeAt(store.clients.get(client)!, ofClient);
  }
}

/** Merges what is left of the structs at `clocks` with one another, and with what is left of others beside them. */
function mergeAt(structs: Structs, clocks: readonly number[]): void {
  const places = new Set<number>();
  for (const clock of clocks) {
    const place = Y.findIndexSS(structs, clock);
    places.add(place);
    places.add(place + 1);
  }
  const merged: number[] = [];
  let left: Y.Item | Y.GC | undefined;
  for (const place of [...places].sort((a, b) => a - b)) {
    if (merged.at(-1) !== place - 1) left = structs[place - 1];
    const right = structs[place];
    if (left instanceof Y.GC && right instanceof Y.GC && left.mergeWith(right)) merged.push(place);
  }
  remove(structs, merged);
}

/** Removes the elements at `places`, which ascend, moving each of the others once. */
function remove(structs: Structs, places: readonly number[]): void {
  if (places.length === 0) return;
  let [to, next] = [places[0]!, 0];
  for (let from = to; from < structs.length; from++) {
    if (from === places[next]) next++;
    else structs[to++] = structs[from]!;
  }
  structs.length = to;
}
