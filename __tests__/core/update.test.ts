/** The survey of an update: it says of every honest one what Yjs says, and lets nothing else through. */
import fc from 'fast-check';
import * as encoding from 'lib0/encoding';
import * as Y from 'yjs';
import { surveyUpdate } from '../../lib/core/update';
import { Bench, entryAt, RETENTION_MS, START_MS, withPoison } from './replicas';

/** An update of one client with these structs, written byte by byte, and nothing removed. */
function update(...structs: readonly (readonly number[])[]): Uint8Array {
  return Uint8Array.from([1, structs.length, 7, 0].concat(structs.flat(), 0));
}

/** What stands at the key `k` of the root, before its content. */
const at = (content: number): number[] => [0x20 | content, 1, 8, ...Buffer.from('segments'), 1, 107];
const bytes = (write: (encoder: encoding.Encoder) => void): number[] => [...encoding.encode(write)];
const varUint = (num: number): number[] => bytes((encoder) => encoding.writeVarUint(encoder, num));
const ofDocument = (act: (doc: Y.Doc) => void): Uint8Array => {
  const doc = new Y.Doc();
  act(doc);
  return Y.encodeStateAsUpdate(doc);
};

test('of whatever replicas say to each other it says what Yjs says', () => {
  const step = fc.tuple(fc.nat(2), fc.constantFrom('set', 'delete', 'clear', 'sync', 'wait'), fc.constantFrom('a', 'b', 'a.c', 'd[0]'));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const bench = new Bench();
      const replicas = [0, 1, 2].map(() => bench.create({ segmentWritesMax: 3, movesMax: 2 }));
      const look = (update: Uint8Array): void => expect(surveyUpdate(update)).toMatchObject({ update, ...Y.parseUpdateMeta(update) });
      for (const [index, verb, path] of steps) {
        const replica = replicas[index]!;
        if (verb === 'set') replica.set(path, { list: [1, 1.5, null, true, false, 'text', 2 ** 40, { deep: [] }] });
        else if (verb === 'delete') replica.delete(path);
        else if (verb === 'clear') replica.delete([]);
        else if (verb === 'wait') bench.nowMs += 40_000;
        replica.sweep();
        replica.tend(new Set(), index === 0);
        const committed = replica.commit();
        if (committed !== null) look(committed);
        if (verb !== 'sync') continue;
        for (const other of replicas) {
          const state = other.encodeState(replica.stateVector());
          look(state);
          replica.receive([state]);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('an honest update that is cut anywhere is refused', () => {
  const bench = new Bench();
  const replica = bench.create();
  replica.set('a', { b: [1, 'text'] });
  replica.set('c', 2);
  replica.commit();
  replica.delete('c');
  replica.commit();
  const whole = replica.encodeState();
  for (let length = 0; length < whole.length; length++) expect(() => surveyUpdate(whole.subarray(0, length))).toThrow();
  expect(() => surveyUpdate(Uint8Array.of(...whole, 0))).toThrow('its end');
});

test.each<[string, Uint8Array]>([
  ['room for more structs than it has', Uint8Array.of(1, ...varUint(2 ** 31), 7, 0, 0, 1, 0)],
  ['a run without structs', update()],
  ['two runs of one client', Uint8Array.of(2, 1, 7, 0, 0, 1, 1, 7, 100, 0, 1, 0)],
  ['collected structs of no length', update([0, 0])],
  ['removed entries of no length', update([...at(1), 0])],
  ['an entry without a value', update([...at(8), 0])],
  ['two values in one entry', update([...at(8), 2, 126, 126])],
  ['clocks past exact integers', update([0, ...varUint(2 ** 53 - 1)], [0, 2])],
  ['a skipped struct', update([10, 5])],
  ['a right neighbour', update([0x48, 7, 0, 1, 126])],
  ['an entry behind one of its own writer that is yet to come', Uint8Array.of(1, 1, 0xe7, 7, 0, 0x88, 0xe7, 7, 5, 1, 126, 0)],
  ['another root', update([0x28, 1, 5, ...Buffer.from('other'), 1, 107, 1, 126])],
  ['a place without a key', update([0x08, 1, 8, ...Buffer.from('segments'), 1, 126])],
  ['a string longer than the update', update([...at(8), 1, 119, ...varUint(2 ** 40)])],
  ['a list longer than the update', update([...at(8), 1, 117, ...varUint(2 ** 40)])],
  ['a value of an unknown kind', update([...at(8), 1, 115])],
  ['a value nested beyond all bounds', update([...at(8), 1, ...Array.from({ length: 100_000 }, () => [117, 1]).flat(), 126])],
  ['a removal of no length', Uint8Array.of(0, 1, 7, 1, 0, 0)],
  ['more removals than there are', Uint8Array.of(0, 1, 7, ...varUint(2 ** 40), 0, 1)],
  ['an array', ofDocument((doc) => doc.getMap('segments').set('v.1', new Y.Array()))],
  ['a text', ofDocument((doc) => doc.getMap('segments').set('v.1', new Y.Text('text')))],
  ['a fragment of XML', ofDocument((doc) => doc.getMap('segments').set('v.1', new Y.XmlFragment()))],
  ['a document within the document', ofDocument((doc) => doc.getMap('segments').set('v.1', new Y.Doc()))],
  ['bytes as an entry', ofDocument((doc) => doc.getMap('segments').set('v.1', new Uint8Array(3)))],
  ['a sequence', ofDocument((doc) => doc.getArray('segments').push([1, 2]))],
])('%s is refused', (_name, input) => expect(() => surveyUpdate(input)).toThrow());

test('what is refused leaves the replica as it was, and in touch with its peers', () => {
  const bench = new Bench();
  const [a, b] = [bench.create(), bench.create()];
  const text = ofDocument((doc) => doc.getMap('segments').set('v.1', new Y.Text('text')));
  const before = a.encodeState();
  expect(() => a.receive([text])).toThrow(RangeError);
  expect(a.encodeState()).toEqual(before);
  b.set('x', 1);
  expect(a.receive([b.commit()!])).toBe('applied');
  expect(a.get('x')).toBe(1);
});

test('structs that build on something unknown, though they do not seem to, are dropped, not kept waiting', () => {
  const bench = new Bench();
  const [a, b] = [bench.create(), bench.create()];
  // An entry to the right of one that nobody has.
  const dangling = update([0x88, 9, 5, 1, 126]);
  expect(surveyUpdate(dangling).from).toEqual(new Map([[7, 0]]));
  expect(a.receive([dangling])).toBe('gap');
  expect(a.gapCount).toBe(1);
  b.set('x', 1);
  // Nothing that was held back makes a gap of what comes later.
  expect(a.receive([b.commit()!])).toBe('applied');
});

test('a removal of what is still to be written removes nothing, and is asked about', () => {
  const bench = new Bench();
  const [a, b] = [bench.create(), bench.create()];
  b.set('x', 1);
  a.receive([b.commit()!]);
  const [[client, clock]] = [...Y.decodeStateVector(b.stateVector())] as [[number, number]];
  expect(a.receive([Uint8Array.of(0, 1, client, 1, clock, 100)])).toBe('gap');
  b.set('y', 2);
  expect(a.receive([b.commit()!])).toBe('applied');
  expect(a.get([])).toEqual({ x: 1, y: 2 });
});

test('what a replica takes in is told of once, and what a file holds not at all', () => {
  const bench = new Bench();
  const told: Uint8Array[] = [];
  const [from, to] = [bench.create(), bench.create({ onUpdate: (bytesOf) => void told.push(bytesOf) })];
  const commits = ['a', 'b'].map((path) => {
    from.set(path, 1);
    return from.commit()!;
  });
  to.receive(commits);
  expect(told.splice(0)).toEqual(commits);
  // Whoever keeps a log would write the same again and again: after a reconnection, or from the files of another.
  to.receive(commits);
  to.receive([from.encodeState()]);
  to.load(from.epoch, [from.encodeState()]);
  from.set('c', 1);
  to.load(from.epoch, [from.commit()!]);
  expect([told, to.get('c')]).toEqual([[], 1]);
  // A removal alone is news as well.
  from.delete('a');
  to.receive([from.commit()!]);
  told.length = 0;
  bench.nowMs += RETENTION_MS + 1;
  from.sweep();
  const removal = from.commit()!;
  to.receive([removal]);
  expect(told).toEqual([removal]);
});

test('what had come before Yjs threw is told of like everything else: what builds on it is no gap for who reads the log', () => {
  const bench = new Bench();
  const log: Uint8Array[] = [];
  const [a, b] = [bench.create(), bench.create({ onUpdate: (bytesOf) => void log.push(bytesOf) })];
  a.set('x', 1);
  const [first, poison] = [a.commit()!, entryAt(START_MS, 'poison')];
  withPoison(() => b.receive([first, poison]));
  expect(b.get('x')).toBe(1);
  b.receive([first]);
  a.set('y', 2);
  b.receive([a.commit()!]);
  const reader = bench.create();
  reader.load(b.epoch, log);
  expect([b.get([]), reader.get([])]).toEqual([{ x: 1, y: 2 }, { x: 1, y: 2 }]);
  // But for what a file holds.
  log.length = 0;
  const starting = bench.create({ onUpdate: (bytesOf) => void log.push(bytesOf) });
  withPoison(() => starting.load(starting.epoch, [first, poison]));
  expect([starting.get('x'), log]).toEqual([1, []]);
});
