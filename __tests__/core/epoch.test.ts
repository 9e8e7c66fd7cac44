/** Epochs: a fresh document, into which everyone writes again what is theirs. */
import { compareEpochs, firstEpoch, type Epoch } from '../../lib/core/epoch';
import { Bench, placesOf, RETENTION_MS, send, settle } from './replicas';
import type { Replica } from '../../lib/core/replica';

let bench: Bench;
let a: Replica;
let b: Replica;
let c: Replica;

beforeEach(() => {
  bench = new Bench();
  [a, b, c] = [bench.create({ id: 'a' }), bench.create({ id: 'b' }), bench.create({ id: 'c' })];
  a.set('a', { by: 'a' });
  b.set('b', { by: 'b' }, 10 * RETENTION_MS);
  c.set('c', { by: 'c' });
  b.delete('gone');
  settle(a, b, c);
  bench.told();
});

const everything = { a: { by: 'a' }, b: { by: 'b' }, c: { by: 'c' } };
const enter = (epoch: Epoch, ...replicas: Replica[]): void => replicas.forEach((one) => one.enterEpoch(epoch));

test('order: by number, then by founder', () => {
  const sorted = [firstEpoch, { number: 0, founder: 'a' }, { number: 1, founder: 'a' }, { number: 1, founder: 'b' }, { number: 2, founder: 'a' }];
  expect([...sorted].reverse().sort(compareEpochs)).toEqual(sorted);
  expect(compareEpochs({ number: 3, founder: 'x' }, { number: 3, founder: 'x' })).toBe(0);
});

test('everyone carries their own, nobody what is another\'s, and nothing that is visible changes', () => {
  a.beginEpoch();
  enter(a.epoch, b, c);
  for (const one of [a, b, c]) {
    expect(one.epoch).toEqual({ number: 1, founder: 'a' });
    expect([one.get([]), one.isWhole]).toEqual([everything, false]);
    one.commit();
    expect(placesOf(one).every((place) => place.startsWith(`${one.id}.`))).toBe(true);
    expect(one.isWhole).toBe(false);
  }
  settle(a, b, c);
  for (const one of [a, b, c]) {
    expect(placesOf(one)).toEqual(['a.1 a', 'b.1 b', 'b.1 gone', 'c.1 c']);
    expect([one.get([]), one.isWhole]).toEqual([everything, true]);
    expect(one.census()).toMatchObject({ live: 3, tombstones: 1, entries: 4, clients: 3, segmentsEver: 3 });
  }
  expect(bench.told()).toEqual([]);
});

test('stamps and expiries are carried: an earlier write stays lost, and what expires still does', () => {
  const late = bench.create({ id: 'l', now: () => bench.nowMs - 10 });
  late.set('a', 'earlier');
  late.set('gone', 'earlier');
  a.beginEpoch();
  enter(a.epoch, b, c, late);
  settle(a, b, c, late);
  for (const one of [a, late]) expect(one.get([])).toEqual(everything);
  bench.nowMs += 10 * RETENTION_MS;
  for (const one of [a, c]) expect(one.has('b')).toBe(false);
});

test('what was not committed goes into the new epoch', () => {
  a.set('new', 1);
  a.enterEpoch({ number: 5, founder: 'x' });
  enter(a.epoch, b, c);
  settle(a, b, c);
  for (const one of [a, b, c]) expect(one.get([])).toEqual({ ...everything, new: 1 });
});

test('what waited already when the epoch began counts as carried: the document before may have had it', () => {
  const one = new Bench().create();
  one.set('old', 1);
  one.commit();
  one.set('new', 1);
  one.beginEpoch();
  one.commit(1);
  expect([one.hasUnwritten, one.isWhole]).toEqual([true, false]);
  one.commit();
  expect([one.hasUnwritten, one.isWhole]).toEqual([false, true]);
});

test('what is overwritten before it is carried is written once', () => {
  const [one, fresh] = [new Bench().create(), new Bench().create()];
  one.set('k', 1);
  one.commit();
  one.beginEpoch();
  one.set('k', 2);
  fresh.set('k', 2);
  for (const each of [one, fresh]) each.commit();
  expect(one.census()).toEqual(fresh.census());
});

test('the dead are not carried: history does not outlive its epoch', () => {
  for (let i = 0; i < 5000; i++) {
    a.set(`k${i % 10}`, i);
    if (i % 10 === 9) a.commit();
  }
  const before = a.census().structs;
  a.beginEpoch();
  a.commit();
  expect(before).toBeGreaterThan(50);
  expect(a.census().structs).toBeLessThan(30);
});

test('an epoch that is not later is not entered', () => {
  a.enterEpoch({ number: 3, founder: 'm' });
  for (const epoch of [firstEpoch, { number: 2, founder: 'z' }, { number: 3, founder: 'b' }, { number: 3, founder: 'm' }]) {
    expect(a.enterEpoch(epoch)).toBe(false);
  }
  expect(a.epoch).toEqual({ number: 3, founder: 'm' });
  expect(a.enterEpoch({ number: 3, founder: 'n' })).toBe(true);
});

describe('of replicas that are gone', () => {
  beforeEach(() => {
    a.beginEpoch();
    enter(a.epoch, b);
  });

  test('the manager carries what was theirs, at once', () => {
    settle(a, b);
    expect([a.isWhole, b.isWhole]).toEqual([false, false]);
    expect(a.get([])).toEqual(everything);
    b.tend(new Set(['a']), false);
    expect(b.hasUncommitted).toBe(false);
    a.tend(new Set(['b']), true);
    settle(a, b);
    for (const one of [a, b]) {
      expect(placesOf(one)).toEqual(['a.1 a', 'a.1 c', 'b.1 b', 'b.1 gone']);
      expect([one.get([]), one.isWhole]).toEqual([everything, true]);
    }
  });

  test('whoever has it does after the retention, and not before', () => {
    settle(a, b);
    bench.nowMs += RETENTION_MS - 1;
    b.tend(new Set(['a']), false);
    expect(b.hasUncommitted).toBe(false);
    bench.nowMs += 1;
    b.tend(new Set(['a']), false);
    settle(a, b);
    expect(placesOf(a)).toContain('b.1 c');
  });

  test('writeOrphans carries all that is waited for', () => {
    a.writeOrphans();
    a.commit();
    expect(a.isWhole).toBe(true);
    expect(placesOf(a)).toEqual(['a.1 a', 'a.1 b', 'a.1 c', 'a.1 gone']);
    settle(a, b);
    for (const one of [a, b]) expect([one.get([]), one.census().live]).toEqual([everything, 3]);
  });

  test('what is carried for them leaves the replica not whole until all of it is written', () => {
    a.commit();
    a.writeOrphans();
    expect([a.hasUnwritten, a.isWhole]).toEqual([true, false]);
    a.commit(1);
    expect([a.hasUnwritten, a.isWhole]).toEqual([true, false]);
    a.commit();
    expect(a.isWhole).toBe(true);
  });

  test('an owner that is there and does not write it again has left it out on purpose', () => {
    c.receive([]);
    settle(a, b);
    const connected = new Set(['a', 'b', 'c']);
    a.tend(connected, true);
    expect([a.isWhole, a.get([])]).toEqual([false, everything]);
    bench.nowMs += RETENTION_MS;
    a.tend(connected, true);
    expect([a.isWhole, a.has('c')]).toEqual([true, false]);
  });

  test('an owner that is there, but has not told all, may go before it does: the manager writes what was its own', () => {
    c.receive([]);
    settle(a, b);
    const connected = new Set(['a', 'b', 'c']);
    const heard = new Set(['a', 'b']);
    a.tend(connected, true, heard);
    bench.nowMs += RETENTION_MS - 1;
    a.tend(connected, true, heard);
    expect(a.hasUncommitted).toBe(false);
    bench.nowMs += 1;
    b.tend(connected, false, heard);
    expect(b.hasUncommitted).toBe(false);
    a.tend(connected, true, heard);
    settle(a, b);
    for (const one of [a, b]) {
      expect(placesOf(one)).toContain('a.1 c');
      expect([one.get([]), one.isWhole]).toEqual([everything, true]);
    }
  });

  test('an owner that has not told all is not believed to have left it out by those who are not the manager either', () => {
    settle(a, b);
    const [connected, heard] = [new Set(['a', 'b', 'c']), new Set(['a', 'b'])];
    bench.nowMs += 2 * RETENTION_MS - 1;
    b.tend(connected, false, heard);
    expect([b.hasUncommitted, b.has('c')]).toEqual([false, true]);
    bench.nowMs += 1;
    b.tend(connected, false, heard);
    settle(a, b);
    expect(placesOf(a)).toContain('b.1 c');
  });

  test('one that returns in the lower epoch brings what it wrote, and what was carried for it loses to that', () => {
    a.tend(new Set(['b']), true);
    settle(a, b);
    c.set('c', 'meanwhile');
    c.set('new', 1);
    c.commit();
    expect(c.enterEpoch(a.epoch)).toBe(true);
    settle(a, b, c);
    for (const one of [a, b, c]) {
      expect(one.get([])).toEqual({ ...everything, c: 'meanwhile', new: 1 });
      expect(placesOf(one)).toEqual(['a.1 a', 'a.1 c', 'b.1 b', 'b.1 gone', 'c.1 c', 'c.1 new']);
    }
    b.delete('c');
    settle(a, b, c);
    for (const one of [a, b, c]) one.sweep();
    settle(a, b, c);
    for (const one of [a, b, c]) expect(placesOf(one)).toEqual(['a.1 a', 'b.1 b', 'b.1 c', 'b.1 gone', 'c.1 new']);
  });

  test('what does not live any more is not waited for', () => {
    bench.nowMs += 10 * RETENTION_MS;
    enter(a.epoch, c);
    c.commit();
    a.receive([c.encodeState()]);
    a.commit();
    expect(a.isWhole).toBe(true);
  });
});

test('two founders at once: all end in the later of the two epochs, with all that either had', () => {
  a.beginEpoch();
  b.beginEpoch();
  a.set('afterA', 1);
  b.set('afterB', 1);
  send(a);
  send(b);
  expect(compareEpochs(b.epoch, a.epoch)).toBeGreaterThan(0);
  expect(b.enterEpoch(a.epoch)).toBe(false);
  enter(b.epoch, a, c);
  settle(a, b, c);
  for (const one of [a, b, c]) {
    expect(one.epoch).toEqual({ number: 1, founder: 'b' });
    expect(one.get([])).toEqual({ ...everything, afterA: 1, afterB: 1 });
    expect(one.census().entries).toBe(6);
  }
});

describe('load', () => {
  const later: Epoch = { number: 7, founder: 'f' };
  let saved: Uint8Array;

  beforeEach(() => {
    saved = a.encodeState();
  });

  test('of a file of the same epoch merges it: nothing is written', () => {
    const fresh = bench.create();
    fresh.load(firstEpoch, [saved]);
    expect([fresh.get([]), fresh.isWhole, fresh.hasUncommitted, fresh.epoch]).toEqual([everything, true, false, firstEpoch]);
  });

  test('of a file of a higher epoch enters it, and carries what the replica has', () => {
    const fresh = bench.create({ id: 'n' });
    fresh.set('new', 1);
    fresh.set('a', 'newer');
    fresh.commit();
    fresh.load(later, [saved]);
    expect([fresh.epoch, fresh.get([])]).toEqual([later, { ...everything, a: 'newer', new: 1 }]);
    fresh.commit();
    expect(placesOf(fresh).filter((place) => place.startsWith('n.'))).toEqual(['n.1 a', 'n.1 new']);
    expect(fresh.isWhole).toBe(true);
  });

  test('of a file of a lower epoch writes again what the replica lacks, same stamps, and nothing else', () => {
    const fresh = bench.create({ id: 'n' });
    bench.nowMs++;
    fresh.enterEpoch(later);
    fresh.set('a', 'newer');
    fresh.commit();
    fresh.load(firstEpoch, [saved]);
    expect([fresh.epoch, fresh.get([])]).toEqual([later, { ...everything, a: 'newer' }]);
    expect(bench.told().sort()).toEqual(['n delete gone', 'n set b', 'n set c', 'n! set a']);
    fresh.commit();
    expect([placesOf(fresh), fresh.isWhole]).toEqual([['n.1 a', 'n.1 b', 'n.1 c', 'n.1 gone'], true]);
    fresh.load(firstEpoch, [saved]);
    expect(fresh.hasUncommitted).toBe(false);
    bench.nowMs += 10 * RETENTION_MS;
    expect(fresh.has('b')).toBe(false);
  });

  test('of a file of a lower epoch leaves the replica not whole until all of it is written', () => {
    const fresh = bench.create();
    fresh.enterEpoch(later);
    fresh.load(firstEpoch, [saved]);
    const seen = [fresh.isWhole];
    for (const countMax of [3, 1]) {
      fresh.commit(countMax);
      seen.push(fresh.isWhole);
    }
    expect(seen).toEqual([false, false, true]);
  });

  test('of a lower epoch does not bring back what was deleted since', () => {
    a.beginEpoch();
    bench.nowMs++;
    a.delete([]);
    a.load(firstEpoch, [saved]);
    expect(a.get([])).toEqual({});
  });

  test('of bytes that are none throws, whatever epoch they claim, and the replica goes on', () => {
    for (const epoch of [firstEpoch, later, { number: 1, founder: 'a' }]) {
      expect(() => a.load(epoch, [new Uint8Array([1, 2, 3])])).toThrow();
    }
    expect(a.get([])).toEqual(everything);
  });
});
