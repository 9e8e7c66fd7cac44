/**
 * What Yjs holds of an entry: its register, and not a list that says the same in more objects.
 *
 * It is written as the `ContentAny` of the list that `encodeEntry` gives, and comes to every other document as such: there
 * it is read, found to be a register, and becomes content of this kind (docs/decisions/0015-registers-as-content.md).
 */
import * as Y from 'yjs';
import { encodeEntry } from './entry';
import { isSameWrite, type Register } from './register';
import type { Stamp } from './stamp';

/** What `ContentAny` would have. */
const NO_LIST: unknown[] = [];

export class EntryContent extends Y.ContentAny {
  /** The write. Its `home` is where the tree has it now, which may be elsewhere. */
  readonly #register: Register;
  /** How the entry names the writer: 0 is the owner of the segment map. */
  readonly #by: string | 0;

  constructor(register: Register, by: string | 0) {
    super(NO_LIST);
    this.#register = register;
    this.#by = by;
  }

  /** The register, as it stands in the segment map `home`. */
  registerIn(home: string): Register {
    return this.#register.home === home ? this.#register : { ...this.#register, home };
  }

  /** Whether it is the same write as `stamp`. */
  isOf(stamp: Stamp): boolean {
    return isSameWrite(this.#register, stamp);
  }

  override getLength(): number {
    return 1;
  }

  override getContent(): unknown[] {
    return [this];
  }

  /** Two entries are never one. */
  override mergeWith(): boolean {
    return false;
  }

  override write(encoder: Y.UpdateEncoderV1 | Y.UpdateEncoderV2): void {
    encoder.writeLen(1);
    encoder.writeAny(encodeEntry(this.#register, this.#by));
  }
}

/** Puts an entry into a map of a document, as `typeMapSet` of Yjs does with content of its own. In a transaction. */
export function putEntry(map: Y.Map<unknown>, key: string, content: EntryContent): void {
  Y.transact(map.doc!, (transaction) => {
    const { clientID, store } = transaction.doc;
    const left = map._map.get(key) ?? null;
    const id = Y.createID(clientID, Y.getState(store, clientID));
    new Y.Item(id, left, left?.lastId ?? null, null, null, map, key, content).integrate(transaction, 0);
  });
}

/** Keeps what `map` has at `key`, which Yjs has just read, as the register that it was found to be. */
export function keepEntry(map: Y.Map<unknown>, key: string, content: EntryContent): void {
  map._map.get(key)!.content = content;
}
