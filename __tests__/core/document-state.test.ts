/** The state in slices: together they are the whole, whatever happens between two of them. */
import fc from 'fast-check';
import * as Y from 'yjs';
import { DocumentState } from '../../lib/core/document-state';

/** What happens to a document: a key is set or removed, a whole map is dropped, or a slice is taken. */
const eventsOf = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('set' as const), map: fc.nat(2), key: fc.nat(9) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), map: fc.nat(2), key: fc.nat(9) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), map: fc.nat(2), key: fc.nat(9) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('slice' as const), map: fc.nat(2), key: fc.nat(9) }) },
  ),
  { maxLength: 120 },
);

type Event = ReturnType<typeof eventsOf.generate>['value_'][number];

function happen(doc: Y.Doc, { kind, map, key }: Event, value: number): void {
  const root = doc.getMap<Y.Map<number>>('maps');
  const name = `m${map}`;
  if (kind === 'set') {
    if (!root.has(name)) root.set(name, new Y.Map<number>());
    root.get(name)!.set(`k${key}`, value);
  } else if (kind === 'remove') root.get(name)?.delete(`k${key}`);
  else if (kind === 'drop') root.delete(name);
}

function takeAll(state: DocumentState, receiver: Y.Doc): number {
  let count = 0;
  for (let slice = state.next(); slice !== null; slice = state.next()) {
    Y.applyUpdate(receiver, slice);
    expect(receiver.store.pendingStructs).toBeNull();
    count++;
  }
  return count;
}

test('slices with changes between them end in the state of the last', () => {
  fc.assert(
    fc.property(eventsOf, eventsOf, fc.integer({ min: 1, max: 7 }), (before, during, structsMax) => {
      const doc = new Y.Doc();
      const receiver = new Y.Doc();
      before.forEach((event, i) => {
        happen(doc, event, i);
        // Somewhere on the way the receiver has heard of everything: then slices begin in the middle.
        if (event.kind === 'slice' && event.key === 0) Y.applyUpdate(receiver, Y.encodeStateAsUpdate(doc));
      });
      const state = new DocumentState(doc, Y.encodeStateVector(receiver), structsMax);
      during.forEach((event, i) => {
        happen(doc, event, 1000 + i);
        if (event.kind !== 'slice') return;
        const slice = state.next();
        if (slice !== null) Y.applyUpdate(receiver, slice);
      });
      const isOver = state.next();
      if (isOver !== null) {
        Y.applyUpdate(receiver, isOver);
        takeAll(state, receiver);
        expect(receiver.getMap('maps').toJSON()).toEqual(doc.getMap('maps').toJSON());
        expect(Y.encodeStateVector(receiver)).toEqual(Y.encodeStateVector(doc));
      }
    }),
  );
});

test('a slice holds no more structs than it may, nor many bytes', () => {
  const doc = new Y.Doc();
  const map = doc.getMap('maps');
  for (let i = 0; i < 1000; i++) map.set(`k${i}`, i);
  expect(takeAll(new DocumentState(doc, undefined, 100), new Y.Doc())).toBe(10);
  for (let i = 0; i < 20; i++) map.set(`large${i}`, 'x'.repeat(100_000));
  const receiver = new Y.Doc();
  expect(takeAll(new DocumentState(doc, Y.encodeStateVector(doc), 100), receiver)).toBe(1);
  const state = new DocumentState(doc, undefined, 10_000);
  for (let slice = state.next(); slice !== null; slice = state.next()) expect(slice.length).toBeLessThan(400_000);
});

test('nothing is left to say to who has everything', () => {
  const doc = new Y.Doc();
  doc.getMap('maps').set('k', 1);
  const state = new DocumentState(doc, Y.encodeStateVector(doc), 1);
  expect(state.next()).toEqual(Y.encodeStateAsUpdate(doc, Y.encodeStateVector(doc)));
  expect(state.next()).toBeNull();
});
