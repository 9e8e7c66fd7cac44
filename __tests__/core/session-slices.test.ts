/** Sessions and large states: an answer in slices, with whatever may happen between two of them. */
import { DocumentState } from '../../lib/core/document-state';
import { openTalk, Talk } from './talk';

const KEYS = ['k0', 'k1', 'k2', 'k3', 'k4', 'k5'];

/** A has a state of four slices, and a link that takes one of them at a time; the first is out. */
function beginAnswer(): Talk {
  const talk = new Talk({ stateStructsMax: 2 });
  for (const key of KEYS) talk.set('A', key);
  talk.isBusy = true;
  talk.open('A', 'B');
  expect(talk.settle()).toEqual([
    'A > B state 1', 'B: peer present', 'B > A state 1', 'A: peer present', 'A > B update', 'B > A sync 1', 'A: answered 1',
  ]);
  return talk;
}

const keysAt = (talk: Talk, side: 'A' | 'B'): string[] => Object.keys(talk.replicas[side].get([]) as object).sort();

/** Ends turns, in each of which every session sends one slice and everything is delivered, until nothing is said. */
function goOnToTheEnd(talk: Talk): string[] {
  const said = talk.settle();
  for (let length = -1; length < said.length;) {
    length = said.length;
    for (const side of ['A', 'B'] as const) {
      const update = talk.replicas[side].commit();
      if (update !== null) talk.sessions[side]?.push(update);
      talk.sessions[side]?.complete();
    }
    said.push(...talk.goOn().settle());
  }
  return said;
}

test('a state larger than a slice goes out in updates, one in a turn, and ends with the sync', () => {
  const talk = beginAnswer();
  const seen = [keysAt(talk, 'B').length];
  for (const said of [['A > B update'], ['A > B update'], ['A > B sync 1', 'B: answered 1'], []]) {
    expect([talk.sessions.B!.isPresent, talk.sessions.B!.asking.isOpen]).toEqual([true, seen.length < 4]);
    expect(talk.goOn().settle()).toEqual(said);
    seen.push(keysAt(talk, 'B').length);
  }
  expect(seen).toEqual([1, 3, 5, 6, 6]);
  talk.expectSame(KEYS);
});

test('slices follow each other at once while there is room', () => {
  const talk = beginAnswer();
  talk.isBusy = false;
  expect(talk.goOn().settle()).toEqual(['A > B update', 'A > B update', 'A > B sync 1', 'B: answered 1']);
  talk.expectSame(KEYS);
});

test('what is pushed between two slices is not sent before the sync, which brings it, and what follows is', () => {
  const talk = beginAnswer().set('A', 'between').flush('A', 'x');
  expect(talk.settle()).toEqual([]);
  talk.goOn().set('A', 'k0');
  talk.sessions.A!.compare();
  expect(talk.settle()).toEqual(['A > B update']);
  const said = goOnToTheEnd(talk);
  expect(said).toEqual([
    'A > B update', 'A > B update', 'A > B sync 1', 'B: answered 1', 'A > B flush 1', 'B > A flushed 1', 'A: flush x done',
  ]);
  talk.expectSame(['between', ...KEYS]);
  talk.set('A', 'after');
  expect(talk.settle()).toEqual(['A > B update']);
  talk.expectSame(['after', 'between', ...KEYS]);
});

test('what the receiver writes meanwhile is streamed: it waits for nothing', () => {
  const talk = beginAnswer().set('B', 'own');
  expect(talk.settle()).toEqual(['B > A update']);
  goOnToTheEnd(talk);
  talk.expectSame([...KEYS, 'own']);
});

test.each([
  ['who answers', 'A'],
  ['who has asked', 'B'],
] as const)('an epoch that is begun in the middle by %s ends the answer: what is left comes in the new one', (_name, side) => {
  const talk = beginAnswer();
  talk.goOn();
  talk.replicas[side].beginEpoch();
  talk.sessions[side]!.restart();
  const said = goOnToTheEnd(talk);
  expect(said.filter((line) => line.includes('epoch'))).toEqual([side === 'A' ? 'B: epoch 1' : 'A: epoch 1']);
  expect(said).not.toContain('A > B sync 1');
  for (const each of ['A', 'B'] as const) {
    expect(talk.replicas[each].epoch).toEqual({ number: 1, founder: side.toLowerCase() });
    expect([talk.replicas[each].isWhole, talk.sessions[each]!.asking.isOpen]).toEqual([true, false]);
  }
  talk.expectSame(KEYS);
  talk.set('A', 'after');
  expect(goOnToTheEnd(talk)).toEqual(['A > B update']);
});

test('the turn that was asked for before an epoch began sends nothing of it', () => {
  const talk = beginAnswer();
  talk.replicas.A.beginEpoch();
  talk.sessions.A!.restart();
  // The turn that had been asked for comes all the same.
  const said = talk.goOn().settle();
  expect(said.slice(0, 2)).toEqual(['A > B state 2 mirrored', 'B: epoch 1']);
  expect(said.filter((line) => /A > B (update|sync 1)/.test(line))).toEqual([]);
});

test('a peer that is streamed to and asks hears nothing but slices until the sync', () => {
  const talk = new Talk({ stateStructsMax: 2 }).open('A', 'B');
  talk.settle();
  for (const key of KEYS) talk.set('A', key);
  talk.lose('B').isBusy = true;
  talk.sessions.B!.ask();
  expect(talk.settle()).toEqual(['B > A state 2', 'A > B update']);
  talk.set('A', 'between');
  expect(talk.settle()).toEqual([]);
  expect(goOnToTheEnd(talk).slice(-2)).toEqual(['A > B sync 2', 'B: answered 2']);
  talk.expectSame(['between', ...KEYS]);
});

test('a slice that is dropped begins the answer anew, from what has arrived', () => {
  const talk = beginAnswer();
  talk.room.B = 0;
  talk.goOn().goOn();
  // The first that finds no room is the last that is tried.
  expect(talk.dropped.B).toBe(1);
  talk.room.B = Infinity;
  expect(keysAt(talk, 'B')).toHaveLength(1);
  const said = talk.deliver('B').settle();
  expect(said).toEqual([
    'A > B state 2 mirrored', 'B > A sync 2', 'A: answered 2', 'B > A state 2', 'A > B update',
  ]);
  // Of the six, the first was there: two slices of two, and the rest.
  expect(goOnToTheEnd(talk)).toEqual(['A > B update', 'A > B sync 2', 'B: answered 2']);
  talk.expectSame(KEYS);
});

test('a sync that is dropped after its slices is made up for as well', () => {
  const talk = beginAnswer();
  talk.goOn().goOn().settle();
  talk.room.B = 0;
  talk.goOn().set('A', 'between');
  talk.room.B = Infinity;
  const said = [...talk.deliver('B').settle(), ...goOnToTheEnd(talk)];
  expect(said.slice(-2)).toEqual(['A > B sync 2', 'B: answered 2']);
  talk.expectSame(['between', ...KEYS]);
});

test('a state that is asked for again in the middle is answered from what has arrived, once', () => {
  const talk = beginAnswer();
  talk.sessions.B!.ask();
  const said = goOnToTheEnd(talk);
  expect(said.filter((line) => line.includes('sync'))).toEqual(['A > B sync 2']);
  expect(talk.sessions.B!.asking.isOpen).toBe(false);
  talk.expectSame(KEYS);
});

test.each([
  ['who answers', 'A', 'B'],
  ['who has asked', 'B', 'A'],
] as const)('when %s leaves in the middle not a slice more goes out, and what was asked is answered', (_name, side, other) => {
  const talk = beginAnswer().close(side);
  const said = goOnToTheEnd(talk);
  expect(said).toEqual([
    `${side}: peer gone`, ...(side === 'B' ? ['B: answered 1'] : []),
    `${side} > ${other} leave`, `${other}: peer gone`, ...(side === 'A' ? ['B: answered 1'] : []),
  ]);
  expect(talk.sessions[other]!.asking.isOpen).toBe(false);
  expect(keysAt(talk, 'B')).toHaveLength(1);
  talk.open(side);
  goOnToTheEnd(talk);
  talk.expectSame(KEYS);
});

test('the end of the link in the middle is the end of the answer', () => {
  const talk = beginAnswer();
  talk.sessions.A!.end();
  talk.isBusy = false;
  expect(talk.goOn().settle()).toEqual(['A: peer gone']);
});

test('an answer says that it is complete only if nothing waited when its last slice was made', () => {
  const talk = beginAnswer();
  talk.goOn().goOn().settle();
  talk.replicas.A.set('waits', 1);
  expect(talk.goOn().settle()).toEqual(['A > B sync 1']);
  expect(talk.sessions.B!.asking.isOpen).toBe(true);
  expect(goOnToTheEnd(talk)).toEqual(['A > B update', 'A > B complete', 'B: answered 1']);
  talk.expectSame([...KEYS, 'waits']);
});

test('who has everything already is answered with the sync alone', () => {
  const talk = openTalk();
  talk.isBusy = true;
  talk.sessions.B!.ask();
  expect(talk.settle()).toEqual(['B > A state 2', 'A > B sync 2', 'B: answered 2']);
});

test('a slice that is dropped, or a peer that leaves, ends what was begun for it', () => {
  const abandon = jest.spyOn(DocumentState.prototype, 'abandon');
  for (const end of [(talk: Talk) => talk.sessions.A!.end(), (talk: Talk) => talk.sessions.A!.restart()]) {
    const talk = beginAnswer();
    abandon.mockClear();
    end(talk);
    expect(abandon).toHaveBeenCalledTimes(1);
  }
  const talk = beginAnswer();
  talk.room.B = 0;
  abandon.mockClear();
  talk.goOn();
  expect(abandon).toHaveBeenCalledTimes(1);
  abandon.mockRestore();
});
