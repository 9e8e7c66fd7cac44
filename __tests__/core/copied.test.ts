/**
 * A document that is copied to disk as it changes: whoever reads a copy, and nothing else is left, finds what was set or
 * what has taken its place, whatever the others knew.
 */
import { limits } from '../../lib/limits';
import { Bench, placesOf, RETENTION_MS, send, settle, START_MS } from './replicas';
import type { Replica } from '../../lib/core/replica';

/** Is removed as soon as it has lost. */
const LARGE = 'x'.repeat(limits.lostValueBytesMax + 1);

let bench: Bench;
let owner: Replica;
let other: Replica;
let manager: Replica;

beforeEach(() => {
  bench = new Bench();
  owner = bench.create({ id: 'p' });
  other = bench.create({ id: 'q' });
  manager = bench.create({ id: 'm', isCopied: () => true });
});

const shownByCopy = (replica: Replica): unknown => {
  const reader = bench.create();
  reader.receive([replica.encodeState()]);
  return reader.get([]);
};

describe('an entry that its owner has removed, because somebody else has overwritten it', () => {
  let overwrite: Uint8Array;
  let removal: Uint8Array;

  beforeEach(() => {
    owner.set('k', LARGE);
    send(owner, other, manager);
    bench.nowMs++;
    other.set('k', 'newer');
    overwrite = other.commit()!;
    owner.receive([overwrite]);
    removal = owner.commit()!;
    expect(placesOf(owner)).toEqual(['q.1 k']);
    manager.receive([removal]);
  });

  test('is written again, where the news of that comes first', () => {
    expect([manager.isRetaining, manager.isWhole, manager.get('k'), placesOf(manager)]).toEqual([true, false, LARGE, []]);
    send(manager, other);
    expect([manager.isRetaining, manager.isWhole, shownByCopy(manager)]).toEqual([false, true, { k: LARGE }]);
    manager.receive([overwrite]);
    settle(manager, owner, other);
    for (const one of [manager, owner, other]) expect([placesOf(one), one.get([])]).toEqual([['q.1 k'], { k: 'newer' }]);
  });

  test('is not, where that has come before the next commit', () => {
    manager.receive([overwrite]);
    expect(manager.commit()).toBeNull();
    expect([manager.isRetaining, placesOf(manager)]).toEqual([false, ['q.1 k']]);
  });

  test('is written again also in a new epoch', () => {
    for (let i = 0; i < 9; i++) manager.set(`other${i}`, i);
    manager.commit(0);
    manager.beginEpoch();
    // Not behind all else that is to be written into it.
    expect(manager.isRetaining).toBe(true);
    manager.commit(1);
    expect([manager.isRetaining, manager.hasUnwritten, shownByCopy(manager)]).toEqual([false, true, { k: LARGE }]);
  });

  test('is not where nothing is copied, but when that begins', () => {
    const plain = bench.create({ id: 'n' });
    owner = bench.create({ id: 'p2' });
    owner.set('k', LARGE);
    send(owner, plain);
    bench.nowMs++;
    other.set('k', 'newest');
    owner.receive([other.encodeState()]);
    send(owner, plain);
    expect([plain.hasUncommitted, plain.get('k'), placesOf(plain)]).toEqual([false, LARGE, []]);
    plain.writeOrphans('removed');
    plain.commit();
    expect(shownByCopy(plain)).toEqual({ k: LARGE });
  });
});

test('what was removed because an expiry hides it is not written again', () => {
  owner.set('a', {}, 10);
  owner.set('a.b', 1);
  send(owner, manager);
  bench.nowMs += RETENTION_MS;
  for (let i = 0; i < 3; i++) {
    bench.nowMs += RETENTION_MS;
    owner.sweep();
    while (owner.hasUncommitted) send(owner, manager);
    expect(manager.hasUncommitted).toBe(false);
    manager.sweep();
  }
  expect([placesOf(owner), placesOf(manager)]).toEqual([[], []]);
});

describe('a write that loses to that of another before it is in the document', () => {
  /** `owner` sets `path`, and hears of what `other` set at `above` a moment later. */
  function outrun(path: string, above: string, value?: unknown): Uint8Array {
    owner.set(path, 'mine');
    bench.nowMs++;
    if (value === undefined) other.delete(above);
    else other.set(above, value);
    const later = other.commit()!;
    owner.receive([later]);
    return later;
  }

  test('is there nevertheless for who has not heard of that, and goes', () => {
    const later = outrun('k', 'k', 'theirs');
    expect([owner.hasUnwritten, owner.get('k')]).toEqual([true, 'theirs']);
    send(owner, manager);
    expect(shownByCopy(manager)).toEqual({ k: 'mine' });
    manager.receive([later]);
    for (const one of [owner, manager]) expect([one.get([]), one.census()]).toMatchObject([{ k: 'theirs' }, { live: 1, entries: 2 }]);
    // It counts as dead: the segment map goes with it.
    for (let i = 0; i < limits.segmentWritesMax; i++) owner.set(`k${i}`, i);
    send(owner, manager);
    for (let i = 0; i < limits.segmentWritesMax; i++) owner.set(`k${i}`, 'again');
    while (owner.hasUncommitted) send(owner, manager);
    expect(placesOf(manager).filter((place) => place.endsWith(' k'))).toEqual(['q.1 k']);
  });

  test('does not keep the tombstone that hides it', () => {
    const later = outrun('a.b', 'a');
    send(owner, manager, other);
    manager.receive([later]);
    for (let i = 0; i < 3; i++) {
      bench.nowMs += RETENTION_MS;
      for (const one of [owner, other, manager]) one.sweep();
      settle(owner, other, manager);
    }
    for (const one of [owner, other, manager]) expect(placesOf(one)).toEqual([]);
  });

  test('does not take the place of a later one of the same process', () => {
    outrun('k', 'k', 'theirs');
    bench.nowMs++;
    owner.set('k', 'last');
    for (let i = 0; i < 3; i++) if (owner.hasUncommitted) send(owner, manager, other);
    for (const one of [owner, other, manager]) expect(one.get('k')).toBe('last');
    expect(shownByCopy(manager)).toEqual({ k: 'last' });
  });

  test('does not take the place of a later one that was outrun as well', () => {
    const first = outrun('k', 'k', 'theirs');
    bench.nowMs++;
    owner.set('k', 'again');
    bench.nowMs++;
    other.set('k', 'theirs again');
    owner.receive([other.commit()!]);
    manager.receive([first]);
    send(owner, manager);
    expect([owner.hasUnwritten, shownByCopy(manager)]).toEqual([false, { k: 'again' }]);
  });

  test('is not written where the other has won again', () => {
    owner.set('k', 'mine');
    bench.nowMs++;
    other.set('k', 'theirs', 10);
    owner.receive([other.commit()!]);
    bench.nowMs += 3 * RETENTION_MS;
    for (let i = 0; i < 3; i++) {
      for (const one of [other, owner]) one.sweep();
      while (other.hasUncommitted) owner.receive([other.commit()!]);
      bench.nowMs += RETENTION_MS;
    }
    expect([placesOf(other), owner.get('k')]).toEqual([[], undefined]);
    while (owner.hasUncommitted) owner.commit();
    expect([owner.get('k'), owner.census().entries]).toEqual([undefined, placesOf(owner).length]);
  });
});

describe('who was stopped for longer than deletes are remembered', () => {
  /** `other` has deleted, or overwritten for a while, what `owner` has set; both have forgotten it when `missed` goes on. */
  function miss(missed: Replica, overwrite: () => void): void {
    owner.set('k', 'v');
    send(owner, other, missed);
    bench.nowMs++;
    overwrite();
    send(other, owner);
    for (let i = 0; i < 4; i++) {
      bench.nowMs += RETENTION_MS;
      for (const one of [owner, other]) one.sweep();
      settle(owner, other);
    }
    expect([placesOf(owner), placesOf(other)]).toEqual([[], []]);
    settle(missed, owner, other);
  }

  test.each([
    ['deleted', () => void other.delete('k')],
    ['overwritten for a while', () => void other.set('k', 'w', 10)],
  ])('does not bring back to others what was %s meanwhile', (_name, overwrite) => {
    miss(manager, overwrite);
    manager.writeOrphans('removed');
    for (let i = 0; i < 4; i++) {
      for (const one of [owner, other, manager]) {
        one.tend(new Set(['p', 'q', 'm']), one === manager);
        one.sweep();
      }
      settle(owner, other, manager);
      expect([owner.get('k'), other.get('k')]).toEqual([undefined, undefined]);
      bench.nowMs += RETENTION_MS;
      manager.writeOrphans('removed');
    }
    expect(manager.get('k')).toBeUndefined();
  });

  test('nor does who begins to keep a copy then', () => {
    const plain = bench.create({ id: 'n' });
    miss(plain, () => void other.delete('k'));
    plain.writeOrphans('removed');
    settle(plain, owner, other);
    expect([owner.get('k'), other.get('k')]).toEqual([undefined, undefined]);
  });

  test('writes again what is removed later', () => {
    miss(manager, () => void other.delete('k'));
    attend(RETENTION_MS + 1);
    expect(keeps('l')).toBe(true);
  });

  test('does so also when its clock was far ahead for a while, and when it begins to forget sooner', () => {
    for (const aheadMs of [0, 60 * RETENTION_MS, 0]) {
      bench.nowMs = START_MS + aheadMs;
      manager.commit();
    }
    attend(RETENTION_MS + 1);
    expect(keeps('k')).toBe(true);
    let retentionMs = 10 * RETENTION_MS;
    manager = bench.create({ id: 'm2', isCopied: () => true, retentionMs: () => retentionMs });
    manager.commit();
    bench.nowMs += 5 * RETENTION_MS;
    retentionMs = RETENTION_MS;
    expect(keeps('l')).toBe(true);
  });

  test('was stopped, too, when it begins to keep a copy before it does anything else', () => {
    const plain = bench.create({ id: 'n' });
    owner.set('k', LARGE);
    send(owner, plain);
    bench.nowMs++;
    other.set('k', 'newer');
    other.commit();
    owner.receive([other.encodeState()]);
    send(owner, plain);
    bench.nowMs += 1.1 * RETENTION_MS;
    plain.writeOrphans('removed');
    plain.writeOrphans('all');
    expect([plain.hasUncommitted, plain.get('k')]).toEqual([false, LARGE]);
  });

  test('is whole nevertheless once it has written what is missing of who is gone', () => {
    owner.set('k', LARGE);
    send(owner, manager);
    manager.commit();
    bench.nowMs++;
    other.set('k', 'newer');
    other.commit();
    owner.receive([other.encodeState()]);
    bench.nowMs += 1.1 * RETENTION_MS;
    send(owner, manager);
    manager.tend(new Set(['q']), false);
    expect(manager.isWhole).toBe(false);
    manager.writeOrphans();
    manager.commit();
    expect([manager.isWhole, shownByCopy(manager)]).toEqual([true, { k: LARGE }]);
  });

  /** Time passes while the manager is there. */
  function attend(ms: number): void {
    for (let i = 0; i < 10; i++) {
      bench.nowMs += ms / 10;
      manager.commit();
    }
  }

  /** Whether the manager writes again what is removed now, though it has not heard why. */
  function keeps(key: string): boolean {
    owner.set(key, LARGE);
    owner.commit();
    manager.receive([owner.encodeState()]);
    bench.nowMs++;
    other.set(key, 'newer');
    other.commit();
    owner.receive([other.encodeState()]);
    send(owner, manager);
    return manager.isRetaining;
  }
});
