/**
 * Flushes of what was set before a new epoch began: it may have lost to a write of a third replica, which only that one
 * writes into the new epoch. Whoever confirms the flush must have that.
 */
import type { Replica } from '../../lib/core/replica';
import { openTalk, type Talk } from './talk';

/** A has set x, which B has never heard of; a third replica has set it anew, and B has begun an epoch. */
function beginAnew(): { readonly talk: Talk; readonly third: Replica } {
  const talk = openTalk();
  const { A, B } = talk.replicas;
  A.set('x', 'of A');
  talk.sessions.A!.push(A.commit()!);
  talk.lose('B');
  const third = talk.bench.create({ id: 'c' });
  third.receive([A.encodeState()]);
  talk.bench.nowMs += 1;
  third.set('x', 'of the third');
  A.receive([third.commit()!]);
  endTurn(talk);
  talk.lose('B');
  talk.flush('A', 'f').lose('B');
  for (const replica of [B, third]) replica.beginEpoch();
  third.enterEpoch(B.epoch);
  talk.sessions.B!.restart(true);
  return { talk, third };
}

function endTurn(talk: Talk): void {
  for (const side of ['A', 'B'] as const) {
    const update = talk.replicas[side].commit();
    if (update !== null) talk.sessions[side]!.push(update);
    if (!talk.replicas[side].hasUnwritten) talk.sessions[side]!.complete();
  }
}

function settle(talk: Talk): string[] {
  const said: string[] = [];
  for (let round = 0; round < 5; round++) {
    said.push(...talk.settle());
    endTurn(talk);
  }
  return said.filter((line) => line.includes('flush'));
}

/** The third replica has carried what is its into the epoch of the others. */
function carry(third: Replica, { replicas }: Talk): Uint8Array {
  third.enterEpoch(replicas.B.epoch);
  return third.commit()!;
}

test('a flush waits for what has taken the place of what was set, and until the peer has it as well', () => {
  const { talk, third } = beginAnew();
  const { A, B } = talk.replicas;
  expect(settle(talk)).toEqual([]);
  expect([A.get('x'), B.get('x'), A.isWhole, B.isWhole]).toEqual(['of the third', undefined, false, true]);
  // Only A has a link to the third.
  A.receive([carry(third, talk)]);
  expect(A.isWhole).toBe(true);
  const said = settle(talk);
  expect(said).toEqual(['A > B flush 1', 'A > B flush 1', 'B > A flushed 1', 'A: flush f done']);
  expect(B.get('x')).toBe('of the third');
});

test('what somebody writes in the stead of the third will do', () => {
  const { talk } = beginAnew();
  const { A, B } = talk.replicas;
  expect(settle(talk)).toEqual([]);
  A.writeOrphans();
  expect(settle(talk)).toContain('A: flush f done');
  expect(B.get('x')).toBe('of the third');
});

test('once the peer has had all, a flush asks for no more than its own process has sent', () => {
  const { talk, third } = beginAnew();
  const { A } = talk.replicas;
  settle(talk);
  A.receive([carry(third, talk)]);
  settle(talk);
  third.set('y', 1);
  A.receive([third.commit()!]);
  talk.flush('A', 'g');
  expect(talk.settle()).toEqual(['A > B flush 2', 'B > A flushed 2', 'A: flush g done']);
});
