/**
 * A salvage: what updates of another epoch, from a file, have and the tree lacks is written again, same stamps.
 *
 * They make sense as a whole only: what one brings another may remove. So all of them go into a document of their own
 * first, and what that has in the end is looked at then. Both may take longer than a turn of the event loop has time.
 */
import { reasonOf, type Change } from './change';
import type { Document } from './document';
import type { Register } from './register';
import { surveyUpdate, type Survey } from './update';

export interface SalvageOptions {
  /** An empty one of their epoch, for nothing else. */
  readonly document: Document;
  readonly updates: readonly Uint8Array[];
  /** Throws where an update cannot be what it seems. */
  readonly check: (survey: Survey) => void;
  /** Whatever is done begins with this. */
  readonly prepare: () => void;
  /** Has a register written again, unless it has lost; whether it has not. */
  readonly write: (register: Register) => boolean;
  readonly onChange: (change: Change) => void;
}

export class Salvage {
  readonly #options: SalvageOptions;
  /** What the document has, by the place where it stands. */
  readonly #found = new Map<string, Register>();
  readonly #steps: Iterator<void>;
  readonly #changes: Change[] = [];

  constructor(options: SalvageOptions) {
    this.#options = options;
    this.#steps = this.#begin();
  }

  /** Goes on while there is time; whether something is left. Throws at what is no update: nothing is written then. */
  goOn(hasTime: () => boolean = () => true): boolean {
    this.#options.prepare();
    let isDone: boolean;
    try {
      do isDone = this.#steps.next().done === true;
      while (!isDone && hasTime());
    } finally {
      for (const change of this.#changes.splice(0)) this.#options.onChange(change);
    }
    return !isDone;
  }

  *#begin(): Generator<void, void> {
    const { document, updates, check, write } = this.#options;
    let lacking: Survey[] = [];
    for (const update of updates) {
      const survey = surveyUpdate(update);
      check(survey);
      if (this.#apply(survey).isLacking) lacking.push(survey);
      yield;
    }
    // What they build on may have come later, from another log. Yjs could wait for it, too, but puts all that waits together
    // anew with each update that comes: the square of what a log has that lacks its beginning.
    for (let isNews = true; isNews && lacking.length > 0; ) {
      isNews = false;
      const again = lacking;
      lacking = [];
      for (const survey of again) {
        const applied = this.#apply(survey);
        // A part of it may have found its place.
        isNews ||= applied.isNews;
        if (applied.isLacking) lacking.push(survey);
        yield;
      }
    }
    for (const register of this.#found.values()) {
      if (write(register)) this.#changes.push({ register, reason: reasonOf(register), isLocal: false });
      yield;
    }
    document.destroy();
  }

  /** Applies one update: whether it has brought anything, and whether something of it builds on what is not there. */
  #apply(survey: Survey): { readonly isNews: boolean; readonly isLacking: boolean } {
    const { added, removed, isNews, gap } = this.#options.document.apply([survey]);
    for (const { segmentId, key } of removed) this.#found.delete(placeOf(segmentId, key));
    for (const { register } of added) this.#found.set(placeOf(register.home!, register.key), register);
    return { isNews, isLacking: gap !== 'none' };
  }
}

/** No name of a segment map has a space. */
function placeOf(segmentId: string, key: string): string {
  return `${segmentId} ${key}`;
}
