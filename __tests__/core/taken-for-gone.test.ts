/** Who was taken for gone writes on into segment maps that are gone elsewhere: it hears of that, and no flush is confirmed before. */
import fc from 'fast-check';
import type { Replica } from '../../lib/core/replica';
import { Soundness } from '../../lib/core/soundness';
import { Bench, entryAt, RETENTION_MS, START_MS, withPoison } from './replicas';
import { openTalk, Talk, type Side } from './talk';

const SIDES = ['A', 'B'] as const;

/** Commits what waits at a side, as its host does at the end of a turn. */
function endTurn(talk: Talk, side: Side): void {
  const update = talk.replicas[side].commit();
  if (update !== null) talk.sessions[side]!.push(update);
  if (!talk.replicas[side].hasUnwritten) talk.sessions[side]!.complete();
}

/** A manager that has a link to B alone takes A for gone, and moves what that wrote. */
function adoptA(talk: Talk): void {
  const { bench, replicas } = talk;
  const manager = bench.create({ id: 'm' });
  manager.receive([replicas.B.encodeState()]);
  for (let i = 0; i < 2; i++) {
    manager.tend(new Set(['b']), true);
    bench.nowMs += RETENTION_MS;
  }
  while (manager.hasUncommitted) {
    const update = manager.commit();
    if (update !== null) replicas.B.receive([update]);
  }
  expect(replicas.B.takeDead()).toBe(false);
}

/** Lets both talk until the flush of A named f is over, or nothing is left to say; whether it is. */
function talkUntilFlushed(talk: Talk): boolean {
  for (let round = 0; round < 30; round++) {
    for (const side of SIDES) {
      talk.deliver(side, 1);
      if (talk.script.includes('A: flush f done')) return true;
      endTurn(talk, side);
    }
  }
  return false;
}

/** A has written two keys, and is taken for gone. */
function openTaken(): Talk {
  const talk = openTalk().set('A', 'k').set('A', 'l');
  talk.settle();
  adoptA(talk);
  expect(talk.replicas.B.get([])).toEqual({ k: 1, l: 1 });
  return talk;
}

test.each([
  ['a new value', (talk: Talk) => talk.replicas.A.set('x', 'new'), { k: 1, l: 1, x: 'new' }],
  ['a value in the place of another', (talk: Talk) => talk.replicas.A.set('k', 'new'), { k: 'new', l: 1 }],
  ['a delete', (talk: Talk) => talk.replicas.A.delete('k'), { l: 1 }],
])('%s is there when its flush is confirmed', (_what, write, expected) => {
  const talk = openTaken();
  write(talk);
  endTurn(talk, 'A');
  talk.flush('A', 'f');
  expect(talkUntilFlushed(talk)).toBe(true);
  expect(talk.replicas.B.get([])).toEqual(expected);
  expect(talk.replicas.A.get([])).toEqual(expected);
});

test.each([
  ['knows nothing of that', (): void => undefined],
  ['has heard of it', (q: Replica, b: Replica): void => void q.receive([b.encodeState()])],
])('so it is where the write comes by way of somebody first who %s', (_who, prepare) => {
  const talk = openTaken();
  const { A, B } = talk.replicas;
  const q = talk.bench.create({ id: 'q' });
  prepare(q, B);
  talk.set('A', 'x');
  q.receive([A.encodeState(q.stateVector())]);
  B.receive([q.encodeState(B.stateVector())]);
  // That the sender of this is to be told does not help who wrote it.
  B.takeDead();
  talk.flush('A', 'f');
  expect(talkUntilFlushed(talk)).toBe(true);
  expect(B.get('x')).toBe(1);
});

test('so it is where Yjs throws at something that came with the write', () => {
  const talk = openTaken();
  const { A, B } = talk.replicas;
  talk.set('A', 'x');
  const batch = [A.encodeState(B.stateVector()), entryAt(START_MS, 'poison')];
  withPoison(() => B.receive(batch));
  talk.flush('A', 'f');
  expect(talkUntilFlushed(talk)).toBe(true);
  expect(B.get('x')).toBe(1);
});

test('so it is where the peer has what is dead from its file', () => {
  const talk = openTaken();
  const { A, B } = talk.replicas;
  talk.sessions.A!.end();
  A.set('x', 1);
  A.commit();
  B.receive([A.encodeState(B.stateVector())]);
  const later = new Talk();
  Object.assign(later.replicas, { A, B: talk.bench.create({ id: 'b2' }) });
  later.replicas.B.load(B.epoch, [B.encodeState()]);
  later.open('A', 'B').flush('A', 'f');
  expect(talkUntilFlushed(later)).toBe(true);
  expect(later.replicas.B.get([])).toEqual({ k: 1, l: 1, x: 1 });
});

test('so it is where the peer had not yet been answered, and where what tells of it is dropped', () => {
  for (const room of [0, 1, 2, Infinity]) {
    for (const side of SIDES) {
      const talk = openTaken();
      talk.sessions[side]!.restart();
      talk.replicas.A.set('x', 'new');
      endTurn(talk, 'A');
      talk.flush('A', 'f');
      talk.room.A = room;
      talk.deliver('B', 1).deliver('A', 1).deliver('B', 2);
      talk.room.A = Infinity;
      expect(talkUntilFlushed(talk)).toBe(true);
      expect(talk.replicas.B.get('x')).toBe('new');
    }
  }
});

test('who was told in an answer that was dropped is not told yet', () => {
  const talk = openTaken();
  talk.replicas.A.set('x', 'new');
  endTurn(talk, 'A');
  talk.flush('A', 'f');
  // B restarts; A answers, and asks.
  talk.deliver('B').deliver('A');
  expect(talk.script.splice(0)).toEqual(expect.arrayContaining(['A > B flush 1', 'B > A state 2 mirrored']));
  talk.room.A = 0;
  talk.deliver('B');
  expect(talk.dropped.A).toBeGreaterThan(0);
  talk.room.A = Infinity;
  // What is dropped makes B start anew once there is room: A answers that before it has asked again.
  talk.deliver('A', 0).deliver('A').deliver('B', 1).deliver('B', 1);
  expect(talk.script).not.toContain('A: flush f done');
  expect(talkUntilFlushed(talk)).toBe(true);
  expect(talk.replicas.B.get('x')).toBe('new');
});

test('only what is new can be dead, and only what a peer sends', () => {
  const talk = openTalk().set('A', 'k');
  talk.settle();
  const known = talk.replicas.A.encodeState();
  adoptA(talk);
  const { A, B } = talk.replicas;
  B.receive([known]);
  expect(B.takeDead()).toBe(false);
  A.set('x', 1);
  A.commit();
  const loading = talk.bench.create();
  loading.receive([B.encodeState()]);
  loading.load(A.epoch, [A.encodeState()]);
  expect(loading.takeDead()).toBe(false);
  // Some of it is known, and the rest is not.
  B.receive([A.encodeState()]);
  expect([B.takeDead(), B.takeDead()]).toEqual([true, false]);
});

test('all of it ends: nobody goes on asking', () => {
  const talk = openTaken();
  for (const key of ['x', 'y', 'k']) {
    talk.replicas.A.set(key, 2);
    endTurn(talk, 'A');
  }
  for (let round = 0; round < 10; round++) {
    talk.settle();
    for (const side of SIDES) endTurn(talk, side);
  }
  expect(talk.settle()).toEqual([]);
  expect(talk.replicas.B.get([])).toEqual({ k: 2, l: 1, x: 2, y: 2 });
  talk.set('A', 'z');
  expect(talk.settle()).toEqual(['A > B update']);
});

test('nothing counts as dead that its owner has removed, however much is taken in at once', () => {
  const step = fc.record({ who: fc.nat(1), verb: fc.constantFrom('set', 'set', 'set', 'delete', 'tell', 'wait'), key: fc.constantFrom('a', 'b', 'a.c', 'd[0]', 'e') });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const bench = new Bench();
      const replicas = [0, 1].map(() => bench.create({ segmentWritesMax: 3, movesMax: 2 }));
      const untold: Uint8Array[][] = [[], []];
      for (const { who, verb, key } of steps) {
        const replica = replicas[who]!;
        if (verb === 'set') replica.set(key, 1, 100);
        else if (verb === 'delete') replica.delete(key);
        else if (verb === 'wait') bench.nowMs += RETENTION_MS;
        else replicas[1 - who]!.receive(untold[who]!.splice(0));
        replica.sweep();
        const update = replica.commit();
        if (update !== null) untold[who]!.push(update);
        expect(replicas.map((one) => one.takeDead())).toEqual([false, false]);
      }
    }),
  );
});

test('soundness is lost and found again by tokens', () => {
  const soundness = new Soundness();
  const seen: boolean[] = [];
  const look = (): unknown => seen.push(soundness.isSound);
  look();
  soundness.passOver();
  look();
  soundness.hear(1);
  look();
  expect([soundness.bury(1), soundness.bury(1)]).toEqual([true, false]);
  soundness.passOver();
  soundness.hear(9);
  look();
  soundness.tell(() => 11);
  soundness.tell(() => 12);
  soundness.hear(10);
  look();
  soundness.passOver();
  soundness.hear(10);
  look();
  soundness.hear(11);
  look();
  expect(seen).toEqual([true, false, true, false, false, false, true]);
});
