/** Sessions: who says what to whom, in order, as scripts of whole conversations. */
import { openTalk, Talk } from './talk';

const BOTH_OPEN = [
  'A > B state 1', 'B: peer present', 'B > A state 1', 'A: peer present',
  'A > B sync 1', 'B: answered 1', 'B > A sync 1', 'A: answered 1',
];

test('both open: each asks once and is answered once, and has what the other had', () => {
  const talk = new Talk().set('A', 'a').set('B', 'b').open('A', 'B');
  expect(talk.settle()).toEqual(BOTH_OPEN);
  talk.expectSame(['a', 'b']);
  expect([talk.sessions.A!.isPersistent, talk.sessions.B!.isPersistent]).toEqual([false, true]);
  talk.set('A', 'c').set('B', 'd');
  expect(talk.settle()).toEqual(['A > B update', 'B > A update']);
  talk.expectSame(['a', 'b', 'c', 'd']);
});

test('nothing is streamed before the state of the peer was answered', () => {
  const talk = new Talk().open('A', 'B').set('A', 'a').set('B', 'b');
  expect(talk.settle()).toEqual(BOTH_OPEN);
  talk.expectSame(['a', 'b']);
});

test('one opens later: the first hears of none, and asks again when the other appears', () => {
  const talk = new Talk().set('A', 'a').set('B', 'b').open('A');
  expect(talk.settle()).toEqual(['A > B state 1', 'B > A none 1', 'A: answered 1']);
  expect(talk.sessions.A!.isPresent).toBe(false);
  talk.open('B');
  expect(talk.settle()).toEqual([
    'B > A state 1', 'A: peer present', 'A > B sync 1', 'B: answered 1',
    'A > B state 2', 'B: peer present', 'B > A sync 2', 'A: answered 2',
    'B > A state 2', 'A > B sync 2', 'B: answered 2',
  ]);
  talk.expectSame(['a', 'b']);
});

test('a peer that lacks the cache is told nothing', () => {
  const talk = new Talk().open('A');
  talk.settle();
  talk.set('A', 'a').sessions.A!.compare();
  expect(talk.settle()).toEqual([]);
});

test('leave and reopen: nothing is streamed in between, and what was missed comes with the answer', () => {
  const talk = openTalk().close('B');
  expect(talk.settle()).toEqual(['B: peer gone', 'B > A leave', 'A: peer gone']);
  talk.set('A', 'a').set('B', 'b').open('B');
  expect(talk.settle()).toEqual([
    'B > A state 1', 'A: peer present', 'A > B sync 1', 'B: answered 1',
    'A > B state 2', 'B: peer present', 'B > A sync 2', 'A: answered 2',
    'B > A state 2', 'A > B sync 2', 'B: answered 2',
  ]);
  talk.expectSame(['a', 'b']);
});

test('overflow and restart: nothing follows what was dropped until a sync has taken its place', () => {
  const talk = openTalk();
  talk.room.B = 2;
  for (const key of ['a', 'b', 'c', 'd']) talk.set('A', key);
  talk.set('B', 'e');
  expect(talk.settle()).toEqual([
    'A > B update', 'B > A update', 'A > B update',
    'A > B state 2 mirrored', 'B > A sync 2', 'A: answered 2', 'B > A state 2', 'A > B sync 2', 'B: answered 2',
  ]);
  talk.expectSame(['a', 'b', 'c', 'd', 'e']);
  talk.set('A', 'f');
  expect(talk.settle()).toEqual(['A > B update']);
  talk.expectSame(['a', 'b', 'c', 'd', 'e', 'f']);
});

test('a gap is not guessed over: it is asked about, once', () => {
  const talk = openTalk().set('A', 'a').lose('B').set('A', 'b').set('A', 'c');
  expect(talk.settle()).toEqual(['A > B update', 'B > A state 2', 'A > B update', 'A > B sync 2', 'B: answered 2']);
  talk.expectSame(['a', 'b', 'c']);
});

test('a loss is asked about only when two comparisons have shown it', () => {
  const talk = openTalk().set('A', 'a').lose('B');
  talk.sessions.A!.compare();
  expect(talk.settle()).toEqual(['A > B compare']);
  talk.sessions.A!.compare();
  expect(talk.settle()).toEqual(['A > B compare', 'B > A state 2', 'A > B sync 2', 'B: answered 2']);
  talk.expectSame(['a']);
  for (let i = 0; i < 3; i++) talk.sessions.A!.compare();
  expect(talk.settle()).toEqual(['A > B compare', 'A > B compare', 'A > B compare']);
});

test('what was only on its way when it was compared is not asked about', () => {
  const talk = openTalk();
  talk.replicas.A.set('a', 1);
  const update = talk.replicas.A.commit()!;
  talk.sessions.A!.compare();
  talk.settle();
  talk.replicas.B.receive([update]);
  talk.sessions.A!.compare();
  expect(talk.settle()).toEqual(['A > B compare']);
});

describe('a flush', () => {
  test('is answered when the peer has what was pushed before', () => {
    const talk = openTalk().set('A', 'a').flush('A', 'x');
    expect(talk.settle()).toEqual(['A > B update', 'A > B flush 1', 'B > A flushed 1', 'A: flush x done']);
  });

  test('waits for streaming: it is sent after the answer to the peer', () => {
    const talk = new Talk().open('A', 'B').flush('A', 'x');
    expect(talk.settle()).toEqual([
      'A > B state 1', 'B: peer present', 'B > A state 1', 'A: peer present', 'A > B sync 1', 'B: answered 1',
      'B > A sync 1', 'A: answered 1', 'A > B flush 1', 'B > A flushed 1', 'A: flush x done',
    ]);
  });

  test('survives a restart', () => {
    const talk = openTalk();
    talk.room.B = 1;
    talk.set('A', 'a').set('A', 'b').flush('A', 'x').deliver('B');
    talk.room.B = Infinity;
    const said = talk.settle();
    expect(said.filter((line) => line.includes('flush'))).toEqual(['A > B flush 1', 'B > A flushed 1', 'A: flush x done']);
    expect(said.indexOf('A > B flush 1')).toBeGreaterThan(said.indexOf('A > B sync 2'));
    talk.expectSame(['a', 'b']);
  });

  test('finds a peer gone that has not, or no longer, the cache open', () => {
    const talk = new Talk().open('A').flush('A', 'asked');
    expect(talk.settle()).toEqual(['A > B state 1', 'B > A none 1', 'A: flush asked gone', 'A: answered 1']);
    talk.flush('A', 'known');
    expect(talk.settle()).toEqual(['A: flush known gone']);
    talk.open('B').settle();
    talk.flush('A', 'left').close('B');
    expect(talk.settle()).toEqual([
      'B: peer gone', 'A > B flush 2', 'B > A leave', 'A: flush left gone', 'A: peer gone',
    ]);
    talk.open('B').settle();
    talk.flush('A', 'ended').sessions.A!.end();
    expect(talk.script.splice(0)).toEqual(['A: flush ended gone', 'A: peer gone']);
  });

  test('to disk is answered when the peer says so, with its reason if it could not', () => {
    const talk = openTalk();
    talk.isHolding = true;
    talk.flush('B', 'x', true).flush('B', 'y', true).flush('B', 'z', true);
    expect(talk.settle()).toEqual([1, 2, 3].map((token) => `B > A flush durable ${token}`));
    talk.held[2]!({ kind: 'declined' });
    talk.held[1]!({ kind: 'failed', problem: 'disk full' });
    talk.held[0]!({ kind: 'done' });
    expect(talk.settle()).toEqual([
      'A > B declined 3', 'B: flush z declined', 'A > B flushed 2', 'B: flush y disk full', 'A > B flushed 1', 'B: flush x done',
    ]);
  });
});

test('the end of a link answers what was asked', () => {
  const talk = new Talk().open('A');
  expect([talk.sessions.A!.ask(), talk.sessions.A!.asking.isOpen]).toEqual([2, true]);
  talk.sessions.A!.end();
  expect(talk.script.splice(0)).toEqual(['A: answered 2']);
  expect(talk.sessions.A!.asking.isOpen).toBe(false);
});

test('answers to nothing, or to what was answered already, are passed over', () => {
  const talk = openTalk();
  const { A } = talk.sessions;
  A!.receive([{ type: 'none', token: 99 }, { type: 'flushed', token: 99, problem: '' }]);
  expect(talk.script.splice(0)).toEqual(['A: peer gone']);
});

test('messages of another epoch change nothing', () => {
  const talk = openTalk();
  const { B } = talk.replicas;
  B.set('b', 1);
  B.commit();
  const epoch = { number: 0, founder: 'x' };
  talk.sessions.A!.receive([
    { type: 'update', epoch, update: B.encodeState() },
    { type: 'sync', epoch, token: 1, isComplete: true, isInformed: true, update: B.encodeState() },
    { type: 'compare', epoch, vector: B.stateVector(), entries: 7 },
  ]);
  expect(talk.replicas.A.get([])).toEqual({});
});

describe('what is asked', () => {
  test('is no more than once by who waits for its turn, whatever a comparison brings to light meanwhile', () => {
    const talk = openTalk();
    talk.isWaiting.B = true;
    talk.set('A', 'a').lose('B');
    let waits = 0;
    for (let round = 0; round < 4; round++) {
      talk.sessions.A!.compare();
      talk.settle();
      waits = talk.waits.B;
    }
    expect(waits).toBe(1);
    talk.isWaiting.B = false;
    talk.sessions.B!.ask();
    talk.settle();
    talk.expectSame(['a']);
  });

  test('and dropped before it was sent keeps nobody waiting', () => {
    const talk = openTalk();
    talk.room.A = 0;
    talk.caughtUp.B = 0;
    talk.sessions.B!.ask();
    expect([talk.dropped.A, talk.caughtUp.B]).toEqual([1, 1]);
  });
});

describe('whose turn it is not', () => {
  test('is known to be there, and asks when it is', () => {
    const talk = new Talk().set('A', 'a').set('B', 'b');
    talk.isWaiting.B = true;
    talk.open('A', 'B');
    expect(talk.settle()).toEqual([
      'A > B state 1', 'B: peer present', 'B > A state 1 deferred', 'A: peer present', 'B > A sync 1', 'A: answered 1',
    ]);
    // A may not tell B yet: it would build on what B lacks.
    expect(talk.set('A', 'c').settle()).toEqual([]);
    expect(talk.sessions.B!.asking.isOpen).toBe(true);
    talk.sessions.B!.ask();
    expect(talk.settle()).toEqual(['B > A state 2', 'A > B sync 2', 'B: answered 2']);
    talk.expectSame(['a', 'b', 'c']);
  });

  test('and starts anew asks later, but is asked at once; what it streams to is not interrupted', () => {
    const talk = openTalk();
    talk.isWaiting.A = true;
    talk.room.B = 1;
    talk.set('A', 'a').set('A', 'b');
    expect(talk.dropped.B).toBe(1);
    talk.deliver('B');
    talk.set('B', 'c');
    expect(talk.settle()).toEqual([
      'A > B update', 'A > B state 2 mirrored deferred', 'B > A update', 'B > A state 2', 'A > B sync 2', 'B: answered 2',
    ]);
    talk.expectSame(['a', 'b', 'c']);
  });

  test('has a flush answered once it has asked', () => {
    const talk = new Talk().set('A', 'a');
    talk.isWaiting.B = true;
    talk.open('A', 'B').flush('A', 'f');
    expect(talk.settle()).not.toContain('A: flush f done');
    talk.sessions.B!.ask();
    expect(talk.settle()).toContain('A: flush f done');
  });

  test('and has closed the cache and opened it again lacks everything: nothing is streamed to it', () => {
    const talk = openTalk().set('B', 'a');
    talk.settle();
    // Its word that it leaves, and its first state, do not fit on the link.
    talk.room.B = 0;
    talk.close('A').replicas.A = talk.bench.create({ id: 'a2' });
    talk.isWaiting.A = true;
    talk.open('A');
    talk.room.B = Infinity;
    talk.deliver('B').settle();
    talk.set('B', 'b').flush('B', 'f');
    expect(talk.settle()).toEqual([]);
    talk.sessions.A!.ask();
    expect(talk.settle()).toContain('B: flush f done');
    talk.expectSame(['a', 'b']);
  });
});
