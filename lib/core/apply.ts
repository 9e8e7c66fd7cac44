/**
 * Has Yjs take updates in, which trusts them more than it should: what would make it lose its way is cut off before,
 * and nothing stays with it that it could not place.
 */
import * as Y from 'yjs';
import type { DocumentChanges } from './commit';
import type { Survey } from './update';

/** Applies updates in one transaction. Throws whatever Yjs throws nevertheless. */
export function applyUpdates(doc: Y.Doc, surveys: readonly Survey[]): Pick<DocumentChanges, 'isNews' | 'gap' | 'isDead' | 'hasRemoved'> {
  const { store } = doc;
  let isDead = false;
  const applyAll = (transaction: Y.Transaction): Y.Transaction => {
    for (const survey of surveys) {
      isDead ||= bringsDead(survey, doc);
      Y.applyUpdate(doc, withoutKnown(survey, doc));
    }
    return transaction;
  };
  try {
    const isNews = hasNews(Y.transact(doc, applyAll, null, false));
    const gap = store.pendingStructs !== null ? 'writes' : store.pendingDs !== null ? 'removals' : 'none';
    return { isNews, gap, isDead, hasRemoved: surveys.some((survey) => survey.hasRemoved) };
  } finally {
    // What Yjs holds back, a sync brings again. Kept, it would swallow what comes later, here and nowhere else; or be
    // what Yjs throws at, each time anew.
    store.pendingStructs = store.pendingDs = null;
  }
}

/**
 * Whether entries that an update brings, and `doc` does not have, stand in a segment map that is gone here. Yjs takes them in
 * as removed, and says nothing.
 */
function bringsDead({ places }: Survey, { store }: Y.Doc): boolean {
  return places.some(({ client, clock, ofClient, ofClock }) => {
    if (clock < Y.getState(store, client) || ofClock >= Y.getState(store, ofClient)) return false;
    const structs = store.clients.get(ofClient)!;
    const struct = structs[Y.findIndexSS(structs, ofClock)]!;
    if (!(struct instanceof Y.Item)) return true;
    // Of an entry, the segment map that it stands in; that itself stands in the root.
    return ((struct.parent as Y.AbstractType<unknown>)._item ?? struct).deleted;
  });
}

/** Whether a transaction has brought structs or removals. */
function hasNews({ deleteSet, beforeState, afterState }: Y.Transaction): boolean {
  for (const [client, clock] of afterState) if (beforeState.get(client) !== clock) return true;
  return deleteSet.clients.size > 0;
}

/**
 * An update without what `doc` has of it. Yjs takes a struct of which it has a part for a continuation of that, and
 * loses its way where the two are said to stand in different places. Cut off, it stands behind what is there.
 */
function withoutKnown({ update, from }: Survey, doc: Y.Doc): Uint8Array {
  for (const [client, clock] of from) {
    if (clock < Y.getState(doc.store, client)) return Y.diffUpdate(update, Y.encodeStateVector(doc));
  }
  return update;
}
