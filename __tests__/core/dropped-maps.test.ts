/** What it costs to drop a segment map of which little is left, here and at a peer. */
import fc from 'fast-check';
import * as Y from 'yjs';
import { DroppedMaps } from '../../lib/core/dropped-maps';
import { Bench, send } from './replicas';
import type { Replica } from '../../lib/core/replica';

const RETENTION_MS = 1_000;
const TTL_MS = 1_000;

let bench: Bench;
let a: Replica;
let b: Replica;

/** Entries of `mapCount` segment maps, a hundred in each, have expired, and are to be removed now. */
function expire(mapCount: number): void {
  bench = new Bench();
  const options = { retentionMs: () => RETENTION_MS, segmentWritesMax: 100, movesMax: 1 };
  [a, b] = [bench.create(options), bench.create(options)];
  // Map by map, in each from the last to the first.
  const ttlOf = (i: number): number => TTL_MS + 100 * Math.floor(i / 100) + (99 - (i % 100));
  for (let i = 0; i < 100 * mapCount; i++) a.set(`k${i}`, i, ttlOf(i));
  send(a, b);
  expect(a.census().segments).toBe(mapCount);
  for (let i = 0; i < 3; i++) {
    bench.nowMs += TTL_MS;
    for (const one of [a, b]) one.sweep();
    if (i < 2) while (a.hasUncommitted) send(a, b);
  }
}

test('each commit drops a few of them and no more, though nothing is left in any', () => {
  expire(8);
  const counts: number[] = [];
  while (a.hasUncommitted) {
    send(a, b);
    counts.push(b.census().segments);
  }
  expect(counts).toEqual([7, 6, 5, 4, 3, 2, 1, 0]);
});

test('Yjs moves its structs a few times for each, not once for each entry that was in it', () => {
  expire(8);
  const { splice } = Array.prototype;
  let moves = 0;
  const spy = jest.spyOn(Array.prototype, 'splice').mockImplementation(function count(this: unknown[], ...args: [number, number]) {
    moves++;
    return splice.apply(this, args) as unknown[];
  });
  try {
    while (a.hasUncommitted) send(a, b);
  } finally {
    spy.mockRestore();
  }
  expect(a.census()).toMatchObject({ segments: 0, entries: 0 });
  // 800 entries, each there as a value and as a tombstone, in two documents.
  expect(moves).toBeLessThan(100);
});

const actionsOf = fc.array(
  fc.record({ kind: fc.constantFrom('set', 'set', 'set', 'set', 'remove', 'drop'), map: fc.nat(3), key: fc.nat(3) }),
  { maxLength: 60 },
);
type Action = ReturnType<typeof actionsOf.generate>['value_'][number];

function tidyDocument(): Y.Doc {
  const doc = new Y.Doc();
  const dropped = new DroppedMaps(doc);
  doc.getMap('root').observeDeep((events, transaction) => {
    for (const event of events) {
      if (event.target === doc.getMap('root')) for (const { oldValue } of event.changes.keys.values()) dropped.note(oldValue, transaction);
    }
  });
  return doc;
}

function act(doc: Y.Doc, { kind, map, key }: Action, value: number): void {
  const root = doc.getMap<Y.Map<number>>('root');
  const name = `m${map}`;
  if (kind === 'drop') root.delete(name);
  else if (kind === 'remove') root.get(name)?.delete(`k${key}`);
  else (root.get(name) ?? root.set(name, new Y.Map<number>())).set(`k${key}`, value);
}

const shownBy = (doc: Y.Doc): unknown => doc.getMap('root').toJSON();

/** Clocks of structs without a gap or an overlap, as every Yjs document has them. */
function clocksOf(doc: Y.Doc): number[] {
  return [...doc.store.clients.values()].flatMap((structs) => {
    const ends = structs.map(({ id, length }) => id.clock + length);
    expect(structs.slice(1).map(({ id }) => id.clock)).toEqual(ends.slice(0, -1));
    return structs.map(({ id }) => id.clock);
  });
}

/** What went before the last is behind what goes with it. */
const BEHIND: Action[][] = [
  [{ kind: 'set', map: 2, key: 0 }],
  [{ kind: 'set', map: 0, key: 0 }, { kind: 'remove', map: 0, key: 0 }, { kind: 'set', map: 2, key: 0 }],
  [{ kind: 'drop', map: 2, key: 0 }],
  [{ kind: 'drop', map: 0, key: 0 }],
];

test('what is left is merged as Yjs does, or further, and the document goes on as any other', () => {
  fc.assert(
    fc.property(fc.array(actionsOf, { maxLength: 8 }), (transactions) => {
      const [plain, tidy, peer] = [new Y.Doc(), tidyDocument(), tidyDocument()];
      plain.on('update', (update: Uint8Array) => Y.applyUpdate(tidy, update));
      tidy.on('update', (update: Uint8Array) => Y.applyUpdate(peer, update));
      for (const [i, actions] of transactions.entries()) {
        plain.transact(() => {
          for (const [j, action] of actions.entries()) act(plain, action, 100 * i + j);
        });
        for (const doc of [tidy, peer]) {
          expect(shownBy(doc)).toEqual(shownBy(plain));
          expect(clocksOf(doc).length).toBeLessThanOrEqual(clocksOf(plain).length);
          expect(Y.encodeStateVector(doc)).toEqual(Y.encodeStateVector(plain));
        }
        // Who has nothing yet gets from each of them the same.
        const [late, other] = [new Y.Doc(), new Y.Doc()];
        Y.applyUpdate(late, Y.encodeStateAsUpdate(plain));
        Y.applyUpdate(other, Y.encodeStateAsUpdate(peer));
        expect(shownBy(other)).toEqual(shownBy(late));
      }
      // The rest by itself, so that each struct must be found.
      act(tidy, { kind: 'set', map: 0, key: 0 }, -1);
      expect(shownBy(peer)).toEqual(shownBy(tidy));
    }),
    { numRuns: 200, examples: [[BEHIND]] },
  );
});
