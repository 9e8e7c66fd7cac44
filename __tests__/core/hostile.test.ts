/** What a broken or hostile peer can say in well-formed bytes, and what becomes of it. */
import * as Y from 'yjs';
import { EPOCH_NUMBER_MAX } from '../../lib/core/epoch';
import type { Message } from '../../lib/core/message';
import type { Replica } from '../../lib/core/replica';
import { limits } from '../../lib/limits';
import { Bench, entryAt, mergeAll, RETENTION_MS, settle, START_MS, withPoison } from './replicas';
import { openTalk, type Talk } from './talk';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;

/** The Yjs client that a replica writes as. */
function clientOf(replica: Replica): number {
  const clients = [...Y.decodeStateVector(replica.stateVector()).keys()];
  expect(clients).toHaveLength(1);
  return clients[0]!;
}

/** An update in the name of `client`, of `count` entries from `clock` on. */
function forged(client: number, clock: number, count = 1): Uint8Array {
  const doc = new Y.Doc();
  doc.clientID = client;
  const map = new Y.Map<unknown>();
  doc.getMap('segments').set('forged.1', map);
  for (let i = 1; i < clock + count; i++) map.set(`forged${i}`, [1, 0, 0, i]);
  return Y.encodeStateAsUpdate(doc, Y.encodeStateVector(new Map([[client, clock]])));
}

const updateError = expect.objectContaining({ code: 'ERR_CLUSTER_CACHE_UPDATE' }) as Error;

describe('a stamp from the future', () => {
  test('of next year is refused and counted, and overrules nobody', () => {
    const bench = new Bench();
    const [a, b] = [bench.create(), bench.create()];
    a.set('x', 'now');
    expect(a.receive([entryAt(START_MS + YEAR_MS)])).toBe('applied');
    expect([a.get('x'), a.refused]).toEqual(['now', 1]);
    bench.nowMs += 1;
    b.set('x', 'later');
    mergeAll(a, b);
    expect([a.get('x'), b.get('x')]).toEqual(['later', 'later']);
  });

  test('of a file that Yjs cannot go through to its end is believed like all others, and nobody is deaf afterwards', () => {
    const bench = new Bench();
    const [a, b] = [bench.create(), bench.create()];
    // Of two writers: of two segment maps of one name Yjs keeps one, by the random number of its client.
    const file = [entryAt(START_MS + YEAR_MS), entryAt(START_MS, 'poison', 'late', 'another')];
    for (const one of [a, b]) withPoison(() => one.load(one.epoch, file));
    expect([a.get('x'), b.get('x')]).toEqual(['late', 'late']);
    // Later than what the file has, and no later than peers believe of each other then.
    a.set('y', 1);
    b.set('z', 2);
    settle(a, b);
    for (const one of [a, b]) {
      expect(one.get([])).toEqual({ x: 'late', y: 1, z: 2 });
      expect(one.refused).toBe(0);
    }
  });

  test('of an hour ahead is taken in, and what is written after it is later', () => {
    const bench = new Bench();
    const a = bench.create();
    a.receive([entryAt(START_MS + HOUR_MS)]);
    expect([a.get('x'), a.refused]).toEqual(['late', 0]);
    a.set('x', 'mine');
    expect(a.get('x')).toBe('mine');
  });

  test('is taken in up to the bound, and not a millisecond later', () => {
    const bench = new Bench();
    const a = bench.create();
    a.receive([entryAt(START_MS + limits.clockAheadMsMax, 'x', 'last', 'w1')]);
    a.receive([entryAt(START_MS + limits.clockAheadMsMax + 1, 'y', 'late', 'w2')]);
    expect([a.get([]), a.refused]).toEqual([{ x: 'last' }, 1]);
  });

  test('does not lead the bound ahead, a day at a time', () => {
    const bench = new Bench();
    const a = bench.create();
    for (let day = 1; day <= 10; day++) a.receive([entryAt(START_MS + day * DAY_MS, `day${day}`, 'x', `w${day}`)]);
    expect([a.get([]), a.refused]).toEqual([{ day1: 'x' }, 9]);
  });

  test('stays refused, also when its time comes, when it moves, goes, or is asked for again', () => {
    const bench = new Bench();
    const a = bench.create();
    a.set('x', 'now');
    a.commit();
    a.receive([entryAt(START_MS + 2 * DAY_MS)]);
    bench.nowMs += 3 * DAY_MS;
    a.delete('x');
    a.commit();
    for (let round = 0; round < 5; round++) {
      bench.nowMs += RETENTION_MS;
      a.tend(new Set(), true);
      a.sweep();
      a.commit();
    }
    expect([a.get([]), a.census()]).toMatchObject([{}, { entries: 0, tombstones: 0, live: 0 }]);
  });

  test('that stands in the file is believed: the clock may have forgotten it, the file has not', () => {
    const bench = new Bench();
    const [writer, reader, peer] = [bench.create({ now: () => START_MS + YEAR_MS }), bench.create(), bench.create()];
    writer.set('x', 'written while the clock was wrong');
    writer.commit();
    reader.load(writer.epoch, [writer.encodeState()]);
    expect(reader.get('x')).toBe('written while the clock was wrong');
    // From then on it believes others who have it from there, too.
    writer.set('y', 1);
    reader.receive([writer.commit()!]);
    expect([reader.get('y'), reader.refused]).toEqual([1, 0]);
    reader.set('x', 'later');
    mergeAll(reader, writer);
    expect(writer.get('x')).toBe('later');
    peer.receive([writer.encodeState()]);
    expect(peer.refused).toBeGreaterThan(0);
  });

  test.each([HOUR_MS, -HOUR_MS])('a clock that jumps by %i ms leaves the order of writes as it was made', (jumpMs) => {
    const bench = new Bench();
    const [a, b] = [bench.create(), bench.create()];
    a.set('x', 1);
    mergeAll(a, b);
    bench.nowMs += jumpMs;
    b.set('x', 2);
    mergeAll(a, b);
    bench.nowMs -= 2 * jumpMs;
    a.set('x', 3);
    mergeAll(a, b);
    expect([a.get('x'), b.get('x'), a.refused, b.refused]).toEqual([3, 3, 0, 0]);
  });

  test('a clock that runs a year ahead for an hour parts nobody who was there', () => {
    const bench = new Bench();
    const [a, b] = [bench.create(), bench.create()];
    bench.nowMs += YEAR_MS;
    a.set('x', 'wrong clock');
    mergeAll(a, b);
    bench.nowMs -= YEAR_MS;
    b.set('x', 'right clock');
    mergeAll(a, b);
    expect([a.get('x'), b.get('x'), a.refused, b.refused]).toEqual(['right clock', 'right clock', 0, 0]);
  });
});

describe('an epoch', () => {
  const stateOf = (number: number): Message => ({
    type: 'state', epoch: { number, founder: 'evil' }, replicaId: 'evil', vector: Uint8Array.of(0), token: 1,
    isMirrored: false, isDeferred: false, isPersistent: false,
  });

  test('that is absurdly far ahead ends the link and is not entered', () => {
    const talk = openTalk();
    for (const number of [limits.epochsAheadMax + 1, EPOCH_NUMBER_MAX]) {
      expect(() => talk.sessions.A!.receive([stateOf(number)])).toThrow(updateError);
    }
    expect(talk.replicas.A.epoch.number).toBe(0);
    talk.sessions.A!.receive([stateOf(limits.epochsAheadMax)]);
    expect(talk.replicas.A.epoch.number).toBe(limits.epochsAheadMax);
  });

  test('that is the last one is never left, and the cache goes on in it', () => {
    const bench = new Bench();
    const [a, b] = [bench.create(), bench.create()];
    for (const replica of [a, b]) replica.enterEpoch({ number: EPOCH_NUMBER_MAX, founder: 'zz' });
    a.beginEpoch();
    a.set('x', 1);
    mergeAll(a, b);
    expect([a.epoch.number, b.get('x')]).toEqual([EPOCH_NUMBER_MAX, 1]);
  });

  test.each([limits.epochsAheadMax + 1, EPOCH_NUMBER_MAX, EPOCH_NUMBER_MAX + 1])(
    'of a file that is number %i is not entered, but what the file holds is kept',
    (number) => {
      const bench = new Bench();
      const [writer, reader] = [bench.create(), bench.create()];
      writer.set('x', 1);
      writer.commit();
      reader.load({ number, founder: '' }, [writer.encodeState()]);
      expect([reader.epoch.number, reader.get('x')]).toEqual([0, 1]);
    },
  );
});

describe('what is said in the name of another', () => {
  /** Lets both compare until they have nothing to say; commits what that brings about. */
  function converge(talk: Talk): string[] {
    const { sessions, replicas } = talk;
    const said: string[] = [];
    for (let round = 0; round < 6; round++) {
      for (const side of ['A', 'B'] as const) {
        const update = replicas[side].commit();
        if (update !== null) sessions[side]!.push(update);
        if (!replicas[side].hasUnwritten) sessions[side]!.complete();
        sessions[side]!.compare();
      }
      said.push(...talk.settle());
    }
    return said;
  }

  test('to that other ends the link, changes nothing and prints nothing', () => {
    const log = jest.spyOn(console, 'log').mockImplementation(() => undefined);
    const bench = new Bench();
    const a = bench.create();
    a.set('x', 1);
    a.commit();
    const before = a.encodeState();
    const client = clientOf(a);
    const clock = Y.decodeStateVector(a.stateVector()).get(client)!;
    for (const claim of [forged(client, clock), forged(client, clock + 5), forged(client, 0, 50)]) {
      expect(() => a.receive([claim])).toThrow(updateError);
    }
    expect(a.encodeState()).toEqual(before);
    a.set('y', 2);
    a.commit();
    // The same client, and nobody else: Yjs has not given it another one.
    expect(clientOf(a)).toBe(client);
    expect(log).not.toHaveBeenCalled();
    log.mockRestore();
  });

  test('also ends the link of a session', () => {
    const talk = openTalk();
    talk.set('A', 'x');
    const update = forged(clientOf(talk.replicas.A), 2);
    const { epoch } = talk.replicas.A;
    expect(() => talk.sessions.A!.receive([{ type: 'update', epoch, update }])).toThrow(updateError);
  });

  test('to a third is found out by comparison, and nothing is lost', () => {
    const talk = openTalk();
    const { A: a, B: b } = talk.replicas;
    talk.set('A', 'first');
    talk.settle();
    // Told that it knows what A is about to write, B passes over what A then writes.
    b.receive([forged(clientOf(a), 2, 20)]);
    talk.set('A', 'second').set('A', 'third');
    talk.settle();
    expect(b.get('third')).toBeUndefined();
    converge(talk);
    expect([a.get('third'), b.get('third')]).toEqual([1, 1]);
    // What was made up in A's name A does not write again, and so it is forgotten.
    talk.bench.nowMs += RETENTION_MS;
    for (const replica of [a, b]) replica.tend(new Set(['a', 'b']), replica === a);
    converge(talk);
    expect(a.get([])).toEqual({ first: 1, second: 1, third: 1 });
    expect(b.get([])).toEqual(a.get([]));
    expect([a.epoch.number, b.epoch]).toEqual([1, a.epoch]);
  });

  test('to a third is found out by its flush, which is answered in a new epoch', () => {
    const talk = openTalk();
    talk.set('A', 'first');
    talk.settle();
    talk.replicas.B.receive([forged(clientOf(talk.replicas.A), 2, 20)]);
    talk.set('B', 'theirs').flush('B', 'f');
    talk.deliver('A');
    expect(talk.replicas.A.epoch.number).toBe(1);
    converge(talk);
    // What was made up has an owner that is nowhere.
    talk.replicas.B.writeOrphans();
    expect(converge(talk)).toContain('B: flush f done');
    expect(talk.replicas.A.get('theirs')).toBe(1);
  });

  test('at the very clock of its next write is found out by counting entries, and nothing is lost', () => {
    const talk = openTalk();
    const { A: a, B: b } = talk.replicas;
    talk.set('A', 'first');
    talk.settle();
    // The next struct of A, with a key that is none.
    const doc = new Y.Doc();
    Y.applyUpdate(doc, a.encodeState());
    doc.clientID = clientOf(a);
    const vector = Y.encodeStateVector(doc);
    (doc.getMap('segments').get('a.1') as Y.Map<unknown>).set('["', 'garbage');
    b.receive([Y.encodeStateAsUpdate(doc, vector)]);
    talk.set('A', 'second');
    talk.settle();
    expect(b.get('second')).toBeUndefined();
    converge(talk);
    expect([a.get([]), b.get([])]).toEqual([{ first: 1, second: 1 }, { first: 1, second: 1 }]);
  });

  test('removals that only one has heard of are found out by counting entries', () => {
    const talk = openTalk();
    const { A: a, B: b } = talk.replicas;
    talk.set('A', 'x').set('B', 'y');
    talk.settle();
    const doc = new Y.Doc();
    Y.applyUpdate(doc, b.encodeState());
    const vector = Y.encodeStateVector(doc);
    doc.getMap('segments').delete('a.1');
    b.receive([Y.encodeStateAsUpdate(doc, vector)]);
    // What A writes from now on goes into a segment map that B takes for deleted.
    talk.set('A', 'z');
    talk.settle();
    expect(b.get('z')).toBeUndefined();
    converge(talk);
    expect([a.get([]), b.get([])]).toEqual([{ x: 1, y: 1, z: 1 }, { x: 1, y: 1, z: 1 }]);
    expect(a.epoch.number).toBe(0);
  });

  test('into the segment map of another is undone by that other', () => {
    const bench = new Bench();
    const [a, b] = [bench.create({ id: 'a' }), bench.create({ id: 'b' })];
    a.set('x', 1);
    a.set('y', 2);
    mergeAll(a, b);
    const doc = new Y.Doc();
    // The highest client wins the place.
    doc.clientID = 2 ** 52;
    Y.applyUpdate(doc, a.encodeState());
    const map = doc.getMap('segments').get('a.1') as Y.Map<unknown>;
    const vector = Y.encodeStateVector(doc);
    doc.transact(() => {
      map.set('x', 'garbage');
      map.delete('y');
      map.set('z', [1, 0, 0, 'mine']);
    });
    b.receive([Y.encodeStateAsUpdate(doc, vector)]);
    settle(a, b);
    expect([a.get([]), b.get([])]).toEqual([{ x: 1, y: 2, z: 'mine' }, { x: 1, y: 2, z: 'mine' }]);
    a.set('x', 3);
    a.delete('z');
    settle(a, b);
    expect(b.get([])).toEqual({ x: 3, y: 2 });
    expect(a.get([])).toEqual(b.get([]));
  });
});
