/** Entries and the document: what is written where, and what is passed over, the same at every peer. */
import fc from 'fast-check';
import * as encoding from 'lib0/encoding';
import * as Y from 'yjs';
import type { Commit, CommitOrder, EntryPlace } from '../../lib/core/commit';
import { Document } from '../../lib/core/document';
import { decodeEntry, encodeEntry, formatSegmentId, parseSegmentId, segmentOwner, writerIn } from '../../lib/core/entry';
import { firstEpoch } from '../../lib/core/epoch';
import type { Register } from '../../lib/core/register';
import type { JsonValue } from '../../lib/core/value';
import { HYBRID_TIME_MAX } from '../../lib/core/stamp';
import { surveyUpdate, type Survey } from '../../lib/core/update';
import { Bench, send } from './replicas';

let clients = 1000;
const create = (replicaId: string, segmentWritesMax = 3): Document =>
  new Document({ epoch: firstEpoch, replicaId, clientId: ++clients, segmentWritesMax });
const register = (key: string, time: number, value?: JsonValue, writer = 'r0'): Register =>
  ({ key, time, writer, value, expiresAt: 0, bytes: 0, home: null });

/** Removes and appends, without compaction. */
const commit = (document: Document, registers: readonly Register[], removals: readonly EntryPlace[] = []): Commit =>
  carryOut(document, { registers, removals });

/** Carries out what of an order is given, and nothing else. */
const carryOut = (document: Document, order: Partial<CommitOrder>): Commit =>
  document.commit({ ...NOTHING, ...order });

const NOTHING: CommitOrder = {
  ...{ removals: [], onRemoved: () => {}, tombstones: [], outrun: [], onOutrun: () => {} },
  ...{ movesMax: 0, survivor: () => null, onMoved: () => {}, registers: [] },
};

const survey = (...updates: Uint8Array[]): Survey[] => updates.map(surveyUpdate);

/** A peer that writes to the shared document whatever it likes, and what it wrote as one update each. */
class Vandal {
  readonly doc = new Y.Doc();
  readonly segments = this.doc.getMap<unknown>('segments');

  write(act: () => void): Uint8Array {
    const updates: Uint8Array[] = [];
    const keep = (update: Uint8Array): void => void updates.push(update);
    this.doc.on('update', keep);
    this.doc.transact(act);
    this.doc.off('update', keep);
    return updates[0]!;
  }

  /** Adds a segment map. */
  segment(id: string, entries: Record<string, unknown>): Uint8Array {
    return this.write(() => this.segments.set(id, new Y.Map(Object.entries(entries))));
  }

  map(id: string): Y.Map<unknown> {
    return this.segments.get(id) as Y.Map<unknown>;
  }
}

describe('an entry', () => {
  const SEGMENT = parseSegmentId('r0.1')!;

  test('encoded and decoded is the same register, at home in its segment map', () => {
    const any = fc.record({
      time: fc.integer({ min: 0, max: HYBRID_TIME_MAX }),
      writer: fc.stringMatching(/^[0-9a-z]{1,32}$/),
      expiresAt: fc.maxSafeNat(),
      value: fc.constantFrom<JsonValue | undefined>(undefined, null, 0, '', false, 'text', [1, { a: null }]),
    });
    fc.assert(
      fc.property(any, fc.boolean(), (written, isOwn) => {
        const owner = isOwn ? written.writer : 'other';
        const register = { ...written, key: 'a[0]', bytes: 0, home: null };
        const entry = encodeEntry(register, writerIn(register, owner));
        const decoded = decodeEntry(JSON.parse(JSON.stringify(entry)), 'a[0]', parseSegmentId(formatSegmentId(owner, 7))!);
        expect(decoded).toMatchObject({ ...written, key: 'a[0]', home: `${owner}.7` });
      }),
    );
  });

  test.each([
    ['nothing', undefined],
    ['an object', { 0: 1, 1: 0, 2: 0, length: 3 }],
    ['too short', [1, 0]],
    ['too long', [1, 0, 0, 'v', 'x']],
    ['a time that is no number', ['1', 0, 0, 'v']],
    ['a negative time', [-1, 0, 0, 'v']],
    ['a fraction of a time', [1.5, 0, 0, 'v']],
    ['a time beyond exact integers', [2 ** 53, 0, 0, 'v']],
    ['a time too late to be followed by another', [HYBRID_TIME_MAX + 1, 0, 0, 'v']],
    ['a bigint as time', [1n, 0, 0, 'v']],
    ['an expiry that is NaN', [1, NaN, 0, 'v']],
    ['a negative expiry', [1, -5, 0, 'v']],
    ['a writer that is another number', [1, 0, 1, 'v']],
    ['an empty writer', [1, 0, '', 'v']],
    ['a writer with other letters', [1, 0, 'A.b', 'v']],
    ['a value that is undefined', [1, 0, 0, undefined]],
    ['a value that is bytes', [1, 0, 0, new Uint8Array(1)]],
    ['a value that is a bigint', [1, 0, 0, [1n]]],
    ['a value that is NaN', [1, 0, 0, NaN]],
  ])('that is %s is no register', (_name, entry) => expect(decodeEntry(entry, 'a', SEGMENT)).toBeNull());

  test.each(['a["b"]', '.a', '__proto__', 'a.__proto__', 'x'.repeat(1025), '\ud800'])('at the key %j is none', (key) => {
    expect(decodeEntry([1, 0, 0, 'v'], key, SEGMENT)).toBeNull();
  });

  test('of a segment map without an owner there is none', () => {
    for (const home of ['', '.', '.1', 'nodot', 'A.1', 'a.b.1', `${'x'.repeat(33)}.1`]) {
      expect(segmentOwner(home)).toBeNull();
      expect(parseSegmentId(home)).toBeNull();
    }
    expect(segmentOwner('r0.12')).toBe('r0');
  });
});

describe('a document', () => {
  test('begins a new segment map after so many writes, all of them its own', () => {
    const document = create('r0');
    const places = [1, 2, 3, 4, 5, 6, 7].flatMap((n) => commit(document, [register(`k${n}`, n, n)]).entries);
    expect(places.map(({ segmentId }) => segmentId)).toEqual(['r0.1', 'r0.1', 'r0.1', 'r0.2', 'r0.2', 'r0.2', 'r0.3']);
    expect(document.segmentCount).toBe(3);
  });

  test('never writes into a segment map that was there before it began', () => {
    const vandal = new Vandal();
    const document = create('r0');
    document.apply(survey(vandal.segment('r0.1', {}), vandal.segment('r0.2', {})));
    expect(commit(document, [register('a', 1, 1)]).entries[0]!.segmentId).toBe('r0.3');
  });

  test('says which entry stands in the place of another', () => {
    const document = create('r0');
    const [a1, a2, b] = commit(document, [register('a', 1, 1), register('a', 2, 2), register('b', 3)]).entries;
    expect([a1!.isReplacement, a2!.isReplacement, b!.isReplacement]).toEqual([false, true, false]);
  });

  test('hands what it wrote to another as added and removed entries', () => {
    const [a, b] = [create('r0'), create('r1')];
    const first = commit(a, [register('x', 1, 'v'), register('y', 2)]).update!;
    expect(b.apply(survey(first)).added).toEqual([
      { register: { ...register('x', 1, 'v'), home: 'r0.1', bytes: 3 }, isReplacement: false },
      { register: { ...register('y', 2), home: 'r0.1' }, isReplacement: false },
    ]);
    const second = commit(a, [register('z', 3, 1)], [{ segmentId: 'r0.1', key: 'x' }]).update!;
    const { added, removed, refused } = b.apply(survey(second));
    expect([added.length, removed, refused]).toEqual([1, [{ segmentId: 'r0.1', key: 'x' }], 0]);
  });

  test('has no update of a commit that changes nothing: of none, of a removal of what is not there, of what only lost', () => {
    const document = create('r0');
    commit(document, [register('x', 1, 1)]);
    expect(carryOut(document, {})).toEqual({ update: null, dropped: [], displaced: [], entries: [] });
    const removals = [{ segmentId: 'r0.1', key: 'no' }, { segmentId: 'r9.1', key: 'x' }];
    expect(commit(document, [], removals)).toEqual({ update: null, dropped: [], displaced: [], entries: [] });
    document.lose({ ...register('x', 1, 1), home: 'r0.1' });
    expect(carryOut(document, { movesMax: 9 }).update).toBeNull();
  });

  test('takes nothing for lost that is not there any more, or has something else in its place', () => {
    const [document, other] = [create('r0', 9), create('r1')];
    const here = (time: number, key = 'x'): Register => ({ ...register(key, time, 1), home: 'r0.1' });
    const first = commit(document, [register('x', 1, 1), register('y', 1, 1), register('z', 1, 1)]).update!;
    commit(document, [register('x', 2, 1)], [{ segmentId: 'r0.1', key: 'y' }]);
    expect([here(1), here(2), here(2), here(1, 'y'), { ...here(1), home: 'r1.1' }].map((one) => document.lose(one))).toEqual([
      false, true, true, false, false,
    ]);
    // Somebody who has taken it for gone has removed another.
    other.apply(survey(first));
    other.adopt('r0');
    document.apply(survey(commit(other, [], [{ segmentId: 'r0.1', key: 'z' }]).update!));
    expect(document.lose(here(1, 'z'))).toBe(false);
  });

  test.each(['removed here', 'removed by somebody else'])('likewise where that was all that ever happened to the segment map: %s', (how) => {
    const [document, other] = [create('r0'), create('r1')];
    other.apply(survey(commit(document, [register('x', 1, 1)]).update!));
    other.adopt('r0');
    const removals = [{ segmentId: 'r0.1', key: 'x' }];
    if (how === 'removed here') commit(document, [], removals);
    else document.apply(survey(commit(other, [], removals).update!));
    expect(document.lose({ ...register('x', 1, 1), home: 'r0.1' })).toBe(false);
  });

  test('puts a tombstone into the place of its value: an entry is replaced, there and at a peer', () => {
    const [a, b] = [create('r0'), create('r1')];
    const kept = register('kept', 2, 'v');
    b.apply(survey(commit(a, [register('x', 1, 'long ago'), kept, register('y', 3), register('z', 4)]).update!));
    const { update, displaced } = carryOut(a, { tombstones: [{ ...register('x', 1), home: 'r0.1' }] });
    expect(displaced).toEqual([]);
    expect(b.apply(survey(update!))).toEqual({
      added: [{ register: { ...register('x', 1), home: 'r0.1' }, isReplacement: true }],
      removed: [],
      refused: 0,
      isNews: true,
      gap: 'none',
      isDead: false,
      hasRemoved: false,
    });
    for (const one of [a, b]) expect(one.registersAt('x')).toEqual([{ ...register('x', 1), home: 'r0.1' }]);
    expect(Buffer.from(a.encodeState()).includes('long ago')).toBe(false);
  });

  test('hands back a tombstone for which there is no place: the entry has gone, has lost, or is none of its own', () => {
    const document = create('r0');
    document.apply(survey(commit(create('r1'), [register('x', 1, 1)]).update!));
    commit(document, [register('lost', 2, 2), register('here', 3, 3)]);
    document.lose({ ...register('lost', 2, 2), home: 'r0.1' });
    const tombstones = [['lost', 'r0.1'], ['never', 'r0.1'], ['x', 'r1.1'], ['here', 'r0.9'], ['here', 'r0.1']].map(
      ([key, home]) => ({ ...register(key!, 4), home: home! }),
    );
    expect(carryOut(document, { tombstones }).displaced).toEqual(tombstones.slice(0, 4));
  });

  test('finds a gap before an update, and what it lacks', () => {
    const [a, b] = [create('r0'), create('r1')];
    const [first, second] = [1, 2].map((n) => commit(a, [register(`k${n}`, n)]).update!);
    expect([first!, second!].map((update) => b.isBehind(surveyUpdate(update).from))).toEqual([false, true]);
    const lacking = b.lacks(a.stateVector());
    expect([lacking.size, b.isBehind(lacking), a.isBehind(lacking)]).toEqual([1, true, false]);
    expect(b.apply(survey(first!, second!)).gap).toBe('none');
    expect([b.isBehind(lacking), b.lacks(a.stateVector()).size]).toEqual([false, 0]);
  });

  test('goes on in a new segment map when somebody has deleted its current one', () => {
    const vandal = new Vandal();
    const document = create('r0');
    Y.applyUpdate(vandal.doc, commit(document, [register('a', 1, 1)]).update!);
    document.apply(survey(vandal.write(() => vandal.segments.delete('r0.1'))));
    Y.applyUpdate(vandal.doc, commit(document, [register('b', 2, 2)]).update!);
    const keys = [...vandal.segments.values()].flatMap((map) => [...(map as Y.Map<unknown>).keys()]);
    expect(keys).toEqual(['b']);
  });

  test('does not tell of an entry as removed that it never told of as added', () => {
    const vandal = new Vandal();
    const document = create('r0');
    document.apply(survey(vandal.segment('v.1', {})));
    const batch = [
      vandal.write(() => vandal.map('v.1').set('a', [1, 0, 0, 'x'])),
      vandal.write(() => vandal.segments.delete('v.1')),
    ];
    expect(document.apply(survey(...batch))).toMatchObject({ added: [], removed: [] });
  });

  test('does not tell of garbage as removed', () => {
    const vandal = new Vandal();
    const document = create('r0');
    document.apply(survey(vandal.segment('v.1', { a: 'garbage' })));
    expect(document.apply(survey(vandal.write(() => vandal.map('v.1').delete('a')))).removed).toEqual([]);
  });
});

test('an update that says of what is known that it stands elsewhere, and goes on, leaves the document whole', () => {
  const vandal = new Vandal();
  const document = create('r0');
  const { clientID } = vandal.doc;
  document.apply(survey(vandal.segment('v.1', { a: [1, 0, 0, 'x'] })));
  document.apply(survey(vandal.write(() => vandal.map('v.1').set('a', [2, 0, 0, 'y']))));
  const segmentMap = 0;
  const known = 2;
  const forged = encoding.encode((encoder) => {
    // One run of one struct: three deleted entries, from one that is known on, at another key.
    for (const each of [1, 1, clientID, known, 0x21, 0, clientID, segmentMap]) encoding.writeVarUint(encoder, each);
    encoding.writeVarString(encoder, 'elsewhere');
    encoding.writeVarUint(encoder, 3);
    encoding.writeVarUint(encoder, 0);
  });
  document.apply(survey(forged));
  document.apply(survey(vandal.write(() => vandal.segments.delete('v.1'))));
  expect(document.segmentCount).toBe(0);
  const copy = new Y.Doc();
  Y.applyUpdate(copy, document.encodeState());
  expect(Y.encodeStateVector(copy)).toEqual(document.stateVector());
  expect(document.lacks(Y.encodeStateVector(new Y.Doc()))).toEqual(new Map());
  expect(document.isBehind(new Map([[clientID, known + 3]]))).toBe(false);
});

test('after removals that Yjs cannot remember it takes in what comes next', () => {
  const vandal = new Vandal();
  const document = create('r0');
  const { clientID } = vandal.doc;
  document.apply(survey(vandal.segment('v.1', {})));
  const removals = (...ranges: readonly (readonly [number, number])[]): Uint8Array =>
    encoding.encode((encoder) => {
      for (const each of [0, 1, clientID, ranges.length, ...ranges.flat()]) encoding.writeVarUint(encoder, each);
    });
  // Of what is to come, one within the other: Yjs writes them down by their differences, and reads something else.
  const remembered = removals([0, Number.MAX_SAFE_INTEGER], [0, 2]);
  expect(() => document.apply(survey(remembered, removals([0, 1])))).toThrow();
  const changes = document.apply(survey(vandal.segment('v.2', { b: [2, 0, 0, 'y'] })));
  expect(changes).toMatchObject({ gap: 'none' });
  expect(changes.added.map(({ register: { key } }) => key)).toEqual(['b']);
});

describe('what is no register', () => {
  /** Checks that who heard of `updates` one by one shows what they show who hear of all at once. */
  function expectAgreement(...updates: Uint8Array[]): { shown: unknown; refused: number } {
    const bench = new Bench();
    const [early, late, batch] = [bench.create(), bench.create(), bench.create()];
    for (const update of updates) {
      early.receive([update]);
      early.get([]);
    }
    batch.receive(updates);
    late.receive([early.encodeState()]);
    for (const other of [batch, late]) expect(other.get([])).toEqual(early.get([]));
    return { shown: early.get([]), refused: early.refused };
  }

  test('is passed over and counted, and what stands beside it is shown', () => {
    const vandal = new Vandal();
    const update = vandal.segment('v.1', { a: [1, 0, 0, 'x'], b: 'garbage', 'c["d"]': [1, 0, 0, 'x'], e: [1] });
    expect(expectAgreement(update)).toEqual({ shown: { a: 'x' }, refused: 3 });
  });

  test('at the root is passed over and counted, be it no map or a map of nobody', () => {
    const vandal = new Vandal();
    const updates = [
      vandal.write(() => vandal.segments.set('v.1', 5)),
      vandal.segment('NOBODY.1', { a: [1, 0, 'v', 'x'] }),
      vandal.segment('v.4', { b: [1, 0, 0, 'x'] }),
      vandal.write(() => vandal.segments.delete('v.1')),
    ];
    expect(expectAgreement(...updates)).toEqual({ shown: { b: 'x' }, refused: 2 });
  });

  test('in a map of nobody is passed over also when it comes later', () => {
    const vandal = new Vandal();
    const later = (): Uint8Array => vandal.write(() => vandal.map('NOBODY.1').set('a', [1, 0, 'v', 'x']));
    expect(expectAgreement(vandal.segment('NOBODY.1', {}), later()).shown).toEqual({});
  });

  test('in the place of a register shows the same to who saw that register and to who did not', () => {
    const vandal = new Vandal();
    const first = vandal.segment('v.1', { a: [1, 0, 0, 'x'] });
    const bench = new Bench();
    const [early, late] = [bench.create(), bench.create()];
    early.receive([first, vandal.write(() => vandal.map('v.1').set('a', 'garbage'))]);
    late.receive([early.encodeState()]);
    bench.nowMs += 1e6;
    for (const replica of [early, late]) replica.tend(new Set(), false);
    // Whoever saw it writes it again, since who replaced it is gone.
    late.receive([early.commit()!]);
    expect([early.get([]), late.get([])]).toEqual([{ a: 'x' }, { a: 'x' }]);
  });

  test('does not keep its peers from writing', () => {
    const bench = new Bench();
    const [a, b] = [bench.create(), bench.create()];
    const update = new Vandal().segment('r0.1', { a: 'garbage', 'a.b': null });
    a.receive([update]);
    b.receive([update]);
    a.set('a.b', 1);
    send(a, b);
    expect(b.get([])).toEqual({ a: { b: 1 } });
  });
});
