/** The state in slices: together they are the whole, whatever happens between two of them. */
import fc from 'fast-check';
import * as Y from 'yjs';
import { DocumentState } from '../../lib/core/document-state';
import { limits } from '../../lib/limits';

afterEach(() => {
  jest.restoreAllMocks();
});

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

/** `owner` writes into maps of its own, and removes from others' as well. */
function happen(doc: Y.Doc, { kind, map, key }: Event, value: number, owner = 'm'): void {
  const root = doc.getMap<Y.Map<number>>('maps');
  const name = `${kind === 'set' ? owner : key % 2 === 0 ? 'm' : 'o'}${map}`;
  if (kind === 'set') {
    if (!root.has(name)) root.set(name, new Y.Map<number>());
    root.get(name)!.set(`k${key}`, value);
  } else if (kind === 'remove') root.get(name)?.delete(`k${key}`);
  else if (kind === 'drop') root.delete(name);
}

const removalsOf = (doc: Y.Doc): ReturnType<typeof Y.createDeleteSet> => Y.createDeleteSetFromStructStore(doc.store);

function takeAll(state: DocumentState, receiver: Y.Doc): number {
  let count = 0;
  for (let slice = state.next(); slice !== null; slice = state.next()) {
    if (slice.length > 0) Y.applyUpdate(receiver, slice);
    expect(receiver.store.pendingStructs).toBeNull();
    count++;
  }
  return count;
}

test('slices with changes between them end in the state of the last', () => {
  fc.assert(
    fc.property(eventsOf, eventsOf, fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 }), fc.nat(9), (before, during, structsMax, looksMax, notedMax) => {
      jest.replaceProperty(limits, 'removalsNotedMax', notedMax as never);
      const other = new Y.Doc();
      const doc = new Y.Doc();
      const receiver = new Y.Doc();
      before.forEach((event, i) => {
        happen(doc, event, i);
        // Somewhere on the way the receiver has heard of everything: then slices begin in the middle.
        if (event.kind === 'slice' && event.key === 0) Y.applyUpdate(receiver, Y.encodeStateAsUpdate(doc));
      });
      const state = new DocumentState(doc, Y.encodeStateVector(receiver), { structsMax, looksMax });
      during.forEach((event, i) => {
        // Some of it comes from elsewhere, and may be gone already when it comes.
        if (event.key < 5) happen(doc, event, 1000 + i);
        else happen(other, event, 1000 + i, 'o');
        if (event.kind !== 'slice') return;
        if (event.map === 0) Y.applyUpdate(other, Y.encodeStateAsUpdate(doc, Y.encodeStateVector(other)));
        if (event.map === 1) Y.applyUpdate(doc, Y.encodeStateAsUpdate(other, Y.encodeStateVector(doc)));
        if (event.map === 2) Y.applyUpdate(receiver, Y.encodeStateAsUpdate(other, Y.encodeStateVector(receiver)));
        const slice = state.next();
        if (slice !== null && slice.length > 0) Y.applyUpdate(receiver, slice);
      });
      if (!state.isOver) {
        // Whatever the receiver has heard elsewhere.
        Y.applyUpdate(doc, Y.encodeStateAsUpdate(other, Y.encodeStateVector(doc)));
        takeAll(state, receiver);
        expect(receiver.getMap('maps').toJSON()).toEqual(doc.getMap('maps').toJSON());
        expect(Y.encodeStateVector(receiver)).toEqual(Y.encodeStateVector(doc));
        expect(Y.equalDeleteSets(removalsOf(receiver), removalsOf(doc))).toBe(true);
      }
    }),
  );
});

test('a slice holds no more structs than it may, nor many bytes', () => {
  const doc = new Y.Doc();
  const map = doc.getMap('maps');
  for (let i = 0; i < 1000; i++) map.set(`k${i}`, i);
  expect(takeAll(new DocumentState(doc, undefined, { structsMax: 100 }), new Y.Doc())).toBe(10);
  for (let i = 0; i < 20; i++) map.set(`large${i}`, 'x'.repeat(100_000));
  const receiver = new Y.Doc();
  expect(takeAll(new DocumentState(doc, Y.encodeStateVector(doc), { structsMax: 100 }), receiver)).toBe(1);
  const state = new DocumentState(doc, undefined, { structsMax: 10_000 });
  for (let slice = state.next(); slice !== null; slice = state.next()) expect(slice.length).toBeLessThan(400_000);
});

test('a slice ends early when there is no time left, but brings something, and nothing is lost by that', () => {
  const doc = new Y.Doc();
  const map = doc.getMap<string>('m');
  for (let i = 0; i < 100; i++) map.set(`k${i}`, `value ${i}`);
  // Of a second client, so that time is over between two runs as well.
  const other = new Y.Doc();
  Y.applyUpdate(other, Y.encodeStateAsUpdate(doc));
  other.getMap<string>('m').set('other', 'value');
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(other));
  const state = new DocumentState(doc);
  const receiver = new Y.Doc();
  let count = 0;
  for (let slice = state.next(() => false); slice !== null; slice = state.next(() => false)) {
    expect(slice.length).toBeLessThan(1000);
    Y.applyUpdate(receiver, slice);
    expect(receiver.store.pendingStructs).toBeNull();
    count++;
  }
  expect(count).toBe(Math.ceil(101 / 16));
  expect(receiver.getMap('m').toJSON()).toEqual(doc.getMap('m').toJSON());
});

test('a slice stays as it is when the next one is made', () => {
  const doc = new Y.Doc();
  const map = doc.getMap<string>('m');
  for (let i = 0; i < 100; i++) map.set(`k${i}`, `value ${i}`);
  const state = new DocumentState(doc, undefined, { structsMax: 10 });
  const slices: Uint8Array[] = [];
  for (let slice = state.next(); slice !== null; slice = state.next()) slices.push(slice);
  const receiver = new Y.Doc();
  for (const slice of slices) if (slice.length > 0) Y.applyUpdate(receiver, slice);
  expect(receiver.getMap('m').toJSON()).toEqual(map.toJSON());
});

test('nothing is left to say to who has everything', () => {
  const doc = new Y.Doc();
  doc.getMap('maps').set('k', 1);
  const state = new DocumentState(doc, Y.encodeStateVector(doc), { structsMax: 1 });
  expect(state.next()).toEqual(Y.encodeStateAsUpdate(doc, Y.encodeStateVector(doc)));
  expect(state.next()).toBeNull();
});

test.each([
  ['taken down', 10],
  ['too many to take down', 0],
])('what is removed is looked for bit by bit; what is removed meanwhile is %s', (_, removalsNotedMax) => {
  jest.replaceProperty(limits, 'removalsNotedMax', removalsNotedMax as never);
  const doc = new Y.Doc();
  const map = doc.getMap('maps');
  for (let i = 0; i < 100; i++) map.set(`k${i}`, i);
  const receiver = new Y.Doc();
  Y.applyUpdate(receiver, Y.encodeStateAsUpdate(doc));
  map.delete('k30');
  const state = new DocumentState(doc, Y.encodeStateVector(receiver), { looksMax: 10 });
  for (let i = 0; i < 5; i++) expect(state.next()).toHaveLength(0);
  // Of what was looked at, and of what was not.
  for (const i of [10, 11, 70]) map.delete(`k${i}`);
  expect(takeAll(state, receiver)).toBeGreaterThan(5);
  expect(Y.equalDeleteSets(removalsOf(receiver), removalsOf(doc))).toBe(true);
  expect(receiver.getMap('maps').size).toBe(96);
});

test('who begins anew goes on looking where the one before was; who gives up leaves nothing behind', () => {
  const doc = new Y.Doc();
  const map = doc.getMap('maps');
  for (let i = 0; i < 100; i++) map.set(`k${i}`, i);
  const vector = Y.encodeStateVector(doc);
  const listeners = (): number => doc._observers.get('afterTransaction')?.size ?? 0;
  const state = new DocumentState(doc, vector, { looksMax: 10 });
  for (let i = 0; i < 6; i++) state.next();
  map.delete('k3');
  const again = state.beginAgain(vector);
  expect(state.next()).toBeNull();
  const receiver = new Y.Doc();
  Y.applyUpdate(receiver, Y.encodeStateAsUpdate(doc));
  // Of eleven looks.
  expect(takeAll(again, receiver)).toBe(5);
  expect(Y.equalDeleteSets(removalsOf(receiver), removalsOf(doc))).toBe(true);
  expect(listeners()).toBe(0);
  const last = new DocumentState(doc, vector, { looksMax: 10 });
  last.next();
  expect(listeners()).toBe(1);
  last.abandon();
  expect([listeners(), last.next()]).toEqual([0, null]);
});

test('a document that is written to more quickly than slices are taken is told all the same, in a bounded number of them', () => {
  const doc = new Y.Doc();
  const receiver = new Y.Doc();
  let value = 0;
  const write = (count: number): void => {
    for (let i = 0; i < count; i++) happen(doc, { kind: 'set', map: value % 3, key: value % 100 }, value++);
  };
  write(200);
  const state = new DocumentState(doc, undefined, { structsMax: 10, looksMax: 1000 });
  let slices = 0;
  for (let slice = state.next(); slice !== null; slice = state.next()) {
    if (slice.length > 0) Y.applyUpdate(receiver, slice);
    if (!state.isOver) write(30);
    expect(++slices).toBeLessThan(200);
  }
  expect(receiver.getMap('maps').toJSON()).toEqual(doc.getMap('maps').toJSON());
  expect(Y.encodeStateVector(receiver)).toEqual(Y.encodeStateVector(doc));
  expect(Y.equalDeleteSets(removalsOf(receiver), removalsOf(doc))).toBe(true);
});

test('what is removed meanwhile is taken down up to a bound, however much each transaction removes', () => {
  jest.replaceProperty(limits, 'removalsNotedMax', 10 as never);
  const doc = new Y.Doc();
  const map = doc.getMap('maps');
  for (let i = 0; i < 100; i++) map.set(`k${i}`, i);
  const listeners = (): number => doc._observers.get('afterTransaction')?.size ?? 0;
  const state = new DocumentState(doc, Y.encodeStateVector(doc), { looksMax: 10 });
  const receiver = new Y.Doc();
  Y.applyUpdate(receiver, Y.encodeStateAsUpdate(doc));
  state.next();
  const removeSome = (from: number): void => {
    // No two of them side by side.
    doc.transact(() => {
      for (let i = 0; i < 6; i++) map.delete(`k${from + 2 * i}`);
    });
  };
  removeSome(0);
  expect(listeners()).toBe(1);
  removeSome(20);
  expect(listeners()).toBe(0);
  takeAll(state, receiver);
  expect(Y.equalDeleteSets(removalsOf(receiver), removalsOf(doc))).toBe(true);
});

test('the rest of a document that is outrun is written once, however long removals are looked for', () => {
  const doc = new Y.Doc();
  const map = doc.getMap('maps');
  for (let i = 0; i < 100; i++) map.set(`k${i}`, i);
  const written = jest.spyOn(Y.Item.prototype, 'write');
  const state = new DocumentState(doc, undefined, { structsMax: 1, looksMax: 5 });
  const receiver = new Y.Doc();
  for (let slice = state.next(), i = 100; slice !== null; slice = state.next(), i++) {
    if (slice.length > 0) Y.applyUpdate(receiver, slice);
    if (!state.isOver) map.set(`k${i}`, i);
  }
  expect(receiver.getMap('maps').size).toBe(map.size);
  expect(written).toHaveBeenCalledTimes(map.size);
});
