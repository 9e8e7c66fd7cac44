/** Sessions and epochs: how a new one spreads over links, and when an answer is all that there is. */
import { openTalk, Talk } from './talk';

/** Commits what waits at a side, as its host does at the end of a turn. */
function endTurn(talk: Talk, side: 'A' | 'B', countMax = Infinity): void {
  const { [side]: replica } = talk.replicas;
  const update = replica.commit(countMax);
  if (update !== null) talk.sessions[side]?.push(update);
  if (!replica.hasUnwritten) talk.sessions[side]?.complete();
}

/** Ends turns and delivers until nothing is left; what was said. */
function settleAll(talk: Talk): string[] {
  const said: string[] = [];
  for (let round = 0; round < 20; round++) {
    said.push(...talk.settle());
    for (const side of ['A', 'B'] as const) endTurn(talk, side);
  }
  return [...said, ...talk.settle()];
}

function begin(talk: Talk, side: 'A' | 'B'): void {
  talk.replicas[side].beginEpoch();
  talk.sessions[side]!.restart();
}

test('a new epoch is told with a state; the peer enters it, restarts, and both write what is theirs', () => {
  const talk = openTalk().set('A', 'a').set('B', 'b');
  talk.settle();
  begin(talk, 'A');
  const said = settleAll(talk);
  expect(said.slice(0, 2)).toEqual(['A > B state 2 mirrored', 'B: epoch 1']);
  expect(said.filter((line) => line.includes('epoch'))).toEqual(['B: epoch 1']);
  expect(said.indexOf('A > B update')).toBeGreaterThan(said.indexOf('A > B sync 2'));
  for (const side of ['A', 'B'] as const) {
    expect(talk.replicas[side].epoch).toEqual({ number: 1, founder: 'a' });
    expect([talk.replicas[side].isWhole, talk.sessions[side]!.asking.isOpen]).toEqual([true, false]);
  }
  talk.expectSame(['a', 'b']);
  talk.set('A', 'c');
  expect(talk.settle()).toEqual(['A > B update']);
  talk.expectSame(['a', 'b', 'c']);
});

test('two that begin one at once end in the later of the two', () => {
  const talk = openTalk().set('A', 'a').set('B', 'b');
  talk.settle();
  begin(talk, 'A');
  begin(talk, 'B');
  expect(settleAll(talk).filter((line) => line.includes('epoch'))).toEqual(['A: epoch 1']);
  for (const side of ['A', 'B'] as const) expect(talk.replicas[side].epoch).toEqual({ number: 1, founder: 'b' });
  talk.expectSame(['a', 'b']);
});

test('who returns with a lower epoch enters the higher one, and brings what it wrote', () => {
  const talk = openTalk().set('A', 'a');
  talk.settle();
  talk.close('B').settle();
  begin(talk, 'A');
  settleAll(talk);
  talk.set('A', 'c').set('B', 'b').open('B');
  expect(settleAll(talk).filter((line) => line.includes('epoch'))).toEqual(['B: epoch 1']);
  talk.expectSame(['a', 'b', 'c']);
  expect(talk.replicas.B.epoch.founder).toBe('a');
});

test('the one with the lower epoch may have to be told: its state is answered with a state, not with a sync', () => {
  const talk = openTalk();
  talk.replicas.A.beginEpoch();
  talk.sessions.B!.ask();
  const said = talk.deliver('A', 1).script.splice(0);
  expect(said).toEqual(['B > A state 2']);
  talk.deliver('B', 1);
  expect(talk.script.splice(0)).toEqual(['A > B state 2 mirrored', 'B: epoch 1']);
});

test('an update of a later epoch is not applied; its sender is asked, once', () => {
  const talk = openTalk();
  const epoch = { number: 1, founder: 'a' };
  talk.replicas.A.set('a', 1);
  talk.replicas.A.enterEpoch(epoch);
  const update = { type: 'update', epoch, update: talk.replicas.A.commit()! } as const;
  talk.sessions.B!.receive([update, update]);
  talk.sessions.B!.receive([update]);
  expect(talk.replicas.B.get([])).toEqual({});
  expect(settleAll(talk).find((line) => line.startsWith('B > A state'))).toBe('B > A state 2');
  talk.expectSame(['a']);
});

test('an update of an earlier epoch changes nothing, and nobody is asked', () => {
  const talk = openTalk();
  talk.replicas.B.set('b', 1);
  const update = { type: 'update', epoch: talk.replicas.B.epoch, update: talk.replicas.B.commit()! } as const;
  talk.replicas.A.beginEpoch();
  talk.sessions.A!.receive([update]);
  expect(talk.replicas.A.get([])).toEqual({});
  expect(talk.settle()).toEqual([]);
});

test('a sync of an epoch that was left meanwhile is passed over: the question stays open', () => {
  const talk = openTalk().set('B', 'b');
  talk.sessions.A!.ask();
  talk.deliver('B').replicas.A.beginEpoch();
  talk.deliver('A');
  expect(talk.sessions.A!.asking.isOpen).toBe(true);
  expect(talk.script.splice(0).filter((line) => line.includes('answered'))).toEqual([]);
});

describe('all that a peer had to write into an epoch has come', () => {
  test('with a sync that is complete, or with the word that it is, until the next epoch', () => {
    const talk = openTalk().set('A', 'a').set('B', 'b');
    talk.settle();
    const { A, B } = talk.sessions;
    expect([A!.hasHeardAll, B!.hasHeardAll]).toEqual([true, true]);
    begin(talk, 'A');
    expect([A!.hasHeardAll, B!.hasHeardAll]).toEqual([false, true]);
    talk.settle();
    // Each has answered, and neither has written again what is its own.
    expect([A!.hasHeardAll, B!.hasHeardAll]).toEqual([false, false]);
    endTurn(talk, 'B');
    talk.settle();
    expect([A!.hasHeardAll, B!.hasHeardAll]).toEqual([true, false]);
    // What it has yet to write is new.
    talk.replicas.B.set('c', 1);
    A!.ask();
    talk.settle();
    expect(A!.hasHeardAll).toBe(true);
    settleAll(talk);
    expect([A!.hasHeardAll, B!.hasHeardAll]).toEqual([true, true]);
  });

  test('is not what was complete of the epoch before', () => {
    const talk = new Talk().set('A', 'a');
    talk.replicas.A.set('b', 1);
    talk.open('A', 'B').settle();
    endTurn(talk, 'A');
    talk.replicas.B.beginEpoch();
    talk.settle();
    expect(talk.sessions.B!.hasHeardAll).toBe(false);
  });

  test('is not what answers a session that is over, on the same link', () => {
    const talk = new Talk();
    const { B } = talk.replicas;
    B.set('b', 1);
    B.commit();
    const [file, epoch] = [B.encodeState(), B.epoch];
    talk.open('A', 'B').settle();
    begin(talk, 'B');
    talk.settle();
    B.commit();
    talk.sessions.B!.restart();
    talk.settle();
    talk.sessions.A!.ask();
    // The answer is on its way.
    talk.deliver('B').close('A');
    const again = talk.bench.create({ id: 'again' });
    again.load(epoch, [file]);
    again.load(B.epoch, []);
    talk.replicas.A = again;
    talk.isWaiting.A = true;
    talk.tokenBase.A = 100;
    talk.open('A').deliver('A', 1).deliver('B').deliver('A');
    expect([talk.sessions.A!.isPresent, talk.sessions.A!.hasHeardAll]).toEqual([true, false]);
    talk.sessions.A!.ask();
    talk.settle();
    expect([talk.sessions.A!.hasHeardAll, again.get('b')]).toEqual([true, 1]);
  });

  test('is not known of who left and opened it again', () => {
    const talk = openTalk().set('A', 'a');
    talk.settle();
    talk.close('A').settle();
    expect(talk.sessions.B!.hasHeardAll).toBe(false);
  });
});

test('in a new epoch all are asked at once, whoever was to wait for its turn', () => {
  const talk = openTalk().set('A', 'a').set('B', 'b');
  talk.settle();
  talk.isWaiting.B = true;
  begin(talk, 'A');
  expect(settleAll(talk).filter((line) => line.includes('deferred'))).toEqual([]);
  for (const side of ['A', 'B'] as const) expect(talk.replicas[side].isWhole).toBe(true);
});

describe('an answer', () => {
  test('is complete at once where nothing waits to be written', () => {
    const talk = new Talk().set('A', 'a').open('A', 'B');
    const said = talk.settle();
    expect(said).toContain('B: answered 1');
    expect(said).not.toContain('A > B complete');
  });

  test('counts only when all that waited has been written and sent, in as many slices as that takes', () => {
    const talk = new Talk();
    for (let i = 0; i < 5; i++) talk.replicas.A.set(`k${i}`, i);
    talk.open('A', 'B');
    expect(talk.settle().filter((line) => line.startsWith('B: answered'))).toEqual([]);
    const seen: [number, boolean][] = [];
    for (let turn = 0; turn < 3; turn++) {
      endTurn(talk, 'A', 2);
      talk.settle();
      seen.push([Object.keys(talk.replicas.B.get([]) as object).length, talk.sessions.B!.asking.isOpen]);
    }
    expect(seen).toEqual([[2, true], [4, true], [5, false]]);
    talk.sessions.A!.complete();
    expect(talk.settle()).toEqual([]);
  });

  test('that is not complete holds back a flush until it is', () => {
    const talk = new Talk();
    for (let i = 0; i < 3; i++) talk.replicas.A.set(`k${i}`, i);
    talk.open('A', 'B').flush('A', 'early').settle();
    for (let turn = 0; turn < 2; turn++) {
      endTurn(talk, 'A', 1);
      if (turn === 0) talk.flush('A', 'late');
      expect(talk.settle()).toEqual(['A > B update']);
    }
    endTurn(talk, 'A', 1);
    expect(talk.settle()).toEqual([
      'A > B update', 'A > B complete', 'B: answered 1', 'A > B flush 1', 'B > A flushed 1', 'A: flush early done',
      'A > B flush 2', 'B > A flushed 2', 'A: flush late done',
    ]);
  });

  test.each([
    ['an update of an epoch that the peer has left', 'update'],
    ['an answer in an epoch that the peer has left', 'sync'],
    ['an update after one that was lost', 'gap'],
  ])('is what a flush waits for where %s was passed over', (_, kind) => {
    const talk = kind === 'sync' ? new Talk().set('A', 'x').open('A', 'B').deliver('A') : openTalk();
    if (kind === 'gap') talk.set('A', 'lost').lose('B');
    else begin(talk, 'B');
    if (kind !== 'sync') talk.set('A', 'x');
    talk.flush('A', 'f');
    let seen: unknown = 'nothing';
    for (let round = 0; round < 10 && seen === 'nothing'; round++) {
      talk.deliver('B', round === 0 ? Infinity : 1).deliver('A');
      endTurn(talk, 'A');
      if (talk.script.includes('A: flush f done')) seen = talk.replicas.B.get('x');
    }
    expect(seen).toBe(1);
  });

  test('that was not complete is asked for once more after a gap, and a flush is answered after that', () => {
    const talk = new Talk();
    talk.replicas.A.set('waits', 1);
    talk.open('A', 'B').settle();
    expect(talk.sessions.B!.asking.isOpen).toBe(true);
    const other = talk.bench.create({ id: 'c' });
    const updates = ['lost', 'late'].map((key) => {
      other.set(key, 1);
      return other.commit()!;
    });
    talk.replicas.A.receive(updates);
    talk.sessions.A!.push(updates[1]!);
    endTurn(talk, 'A');
    talk.flush('A', 'f');
    const said = talk.settle();
    expect(said).toContain('A: flush f done');
    talk.expectSame(['late', 'lost', 'waits']);
  });

  test('that was not complete when its link was lost is not completed on the next', () => {
    const talk = new Talk();
    talk.replicas.A.set('a', 1);
    talk.open('A', 'B').settle();
    talk.sessions.A!.end();
    endTurn(talk, 'A');
    expect(talk.settle().filter((line) => line.includes('complete'))).toEqual([]);
  });

  test('in a new epoch is complete when the peer has written again what is its own', () => {
    const talk = openTalk().set('A', 'a').set('B', 'b');
    talk.settle();
    begin(talk, 'A');
    talk.settle();
    expect(talk.sessions.A!.asking.isOpen).toBe(true);
    endTurn(talk, 'B');
    talk.settle();
    expect([talk.sessions.A!.asking.isOpen, talk.replicas.A.hasUnwritten]).toEqual([false, true]);
    expect(talk.sessions.B!.asking.isOpen).toBe(true);
    endTurn(talk, 'A');
    talk.settle();
    expect(talk.sessions.B!.asking.isOpen).toBe(false);
    talk.expectSame(['a', 'b']);
  });
});
