/** Adoption: the manager looks after the segment maps of who is gone, and lets go when they return. */
import { Bench, mergeAll, placesOf, RETENTION_MS, send, settle } from './replicas';
import type { Replica } from '../../lib/core/replica';

let bench: Bench;
let gone: Replica;
let manager: Replica;
let other: Replica;

beforeEach(() => {
  bench = new Bench();
  gone = bench.create({ id: 'g', segmentWritesMax: 3 });
  manager = bench.create({ id: 'm' });
  other = bench.create({ id: 'o' });
  for (let i = 0; i < 8; i++) gone.set(`k${i}`, i);
  gone.set('ttl', 'x', 10 * RETENTION_MS);
  settle(gone, manager, other);
});

/** What the timer of `one` does while those named are connected. */
function tend(one: Replica, isManager: boolean, ...connected: Replica[]): void {
  one.tend(new Set(connected.map(({ id }) => id)), isManager);
  one.sweep();
}

/** Lets `one` see that `gone` is away, and the retention pass. */
function adopt(one: Replica): void {
  tend(one, true, other);
  bench.nowMs += RETENTION_MS;
  tend(one, true, other);
}

const ownersOf = (replica: Replica): string[] => [...new Set(placesOf(replica).map((place) => place[0]!))];

test('the manager moves what is left into its own segment maps once the owner was away for the retention', () => {
  const shown = manager.get([]);
  tend(manager, true, other);
  bench.nowMs += RETENTION_MS - 1;
  tend(manager, true, other);
  expect(manager.hasUncommitted).toBe(false);
  bench.nowMs += 1;
  tend(manager, true, other);
  bench.told();
  settle(manager, other);
  expect(bench.told()).toEqual([]);
  for (const one of [manager, other]) {
    expect(ownersOf(one)).toEqual(['m']);
    expect(one.get([])).toEqual(shown);
    expect(one.census()).toMatchObject({ live: 9, entries: 9, segments: 1 });
  }
});

test('nobody else does, and not who is connected', () => {
  for (let i = 0; i < 3; i++) {
    tend(other, false, manager);
    tend(manager, true, other, gone);
    bench.nowMs += RETENTION_MS / 2;
  }
  settle(manager, other);
  expect(ownersOf(manager)).toEqual(['g']);
});

test('a short visit begins the time anew', () => {
  tend(manager, true, other);
  bench.nowMs += RETENTION_MS - 1;
  tend(manager, true, other, gone);
  bench.nowMs += 1;
  tend(manager, true, other);
  bench.nowMs += RETENTION_MS - 1;
  tend(manager, true, other);
  expect(manager.hasUncommitted).toBe(false);
});

test('a new manager counts from when it saw the owner go, not from when it took office', () => {
  tend(other, false, manager);
  bench.nowMs += RETENTION_MS;
  tend(other, true, manager);
  settle(manager, other);
  expect(ownersOf(manager)).toEqual(['o']);
});

test('what had died goes, what expires is swept, and late writes of the owner are adopted as well', () => {
  other.set('k0', 'newer');
  gone.set('k1', 'late');
  gone.set('late', 1);
  settle(manager, other);
  adopt(manager);
  settle(manager, other);
  // `other` has a link to the owner a moment longer than the manager.
  send(gone, other);
  settle(manager, other);
  expect(manager.get([])).toMatchObject({ k0: 'newer', k1: 'late', late: 1 });
  adopt(manager);
  settle(manager, other);
  expect(ownersOf(manager)).toEqual(['m', 'o']);
  expect(manager.census()).toMatchObject({ live: 10, entries: 10 });
  bench.nowMs += 10 * RETENTION_MS;
  for (const one of [manager, other]) tend(one, one === manager, manager, other);
  settle(manager, other);
  bench.nowMs += RETENTION_MS;
  for (const one of [manager, other]) tend(one, one === manager, manager, other);
  settle(manager, other);
  for (const one of [manager, other]) expect(one.census()).toMatchObject({ live: 9, tombstones: 0, entries: 9 });
});

test('an owner that returns is let go: what was not moved yet stays its own', () => {
  manager = bench.create({ id: 'n', movesMax: 4 });
  settle(manager, other);
  adopt(manager);
  manager.commit();
  tend(manager, true, other, gone);
  expect(manager.hasUncommitted).toBe(false);
  settle(gone, manager, other);
  for (const one of [gone, manager, other]) {
    expect(placesOf(one).filter((place) => place.startsWith('n.'))).toHaveLength(4);
    expect(placesOf(one).filter((place) => place.startsWith('g.'))).toHaveLength(5);
    expect(one.get([])).toMatchObject({ k0: 0, k7: 7 });
  }
});

test('a manager that is no longer one lets go as well', () => {
  manager = bench.create({ id: 'n', movesMax: 4 });
  settle(manager, other);
  adopt(manager);
  manager.commit();
  tend(manager, false, other);
  expect(manager.commit()).toBeNull();
  expect(ownersOf(manager)).toEqual(['g', 'n']);
});

test('an owner that returns writes again, same stamps, what it wrote into a segment map that is gone', () => {
  gone.set('k0', 'meanwhile');
  gone.set('new', 'meanwhile', 1e7);
  gone.delete('k7');
  gone.commit();
  bench.nowMs++;
  other.set('k0', 'later');
  adopt(manager);
  settle(manager, other);
  bench.told();
  settle(gone, manager, other);
  for (const one of [gone, manager, other]) {
    expect(one.get([])).toMatchObject({ k0: 'later', new: 'meanwhile', k1: 1 });
    expect(one.has('k7')).toBe(false);
    expect(one.census()).toMatchObject({ live: 9, tombstones: 1, entries: 10 });
  }
  expect(bench.told().sort()).toEqual(['g set k0', 'm delete k7', 'm set new', 'o delete k7', 'o set new']);
  bench.nowMs += 1e7;
  expect(manager.has('new')).toBe(false);
});

test('so it does with what it wrote into the segment map that it was still filling', () => {
  const owner = bench.create({ id: 'w' });
  owner.set('before', 1);
  settle(owner, manager, other);
  owner.set('before', 2);
  owner.set('new', 'meanwhile');
  owner.commit();
  expect(placesOf(owner).filter((place) => place.startsWith('w.'))).toEqual(['w.1 before', 'w.1 new']);
  adopt(manager);
  settle(manager, other);
  settle(owner, manager, other);
  for (const one of [owner, manager, other]) {
    expect(placesOf(one).filter((place) => /before|new/.test(place))).toEqual(['w.2 before', 'w.2 new']);
    expect(one.get([])).toMatchObject({ before: 2, new: 'meanwhile' });
  }
});

test('nobody else writes again what was removed of somebody', () => {
  gone.set('meanwhile', 1);
  const update = gone.commit()!;
  other.receive([update]);
  adopt(manager);
  while (manager.hasUncommitted) manager.commit();
  other.receive([manager.encodeState(other.stateVector())]);
  expect(other.get('meanwhile')).toBe(1);
  other.set('x', 1);
  other.commit();
  expect(placesOf(other).filter((place) => place.startsWith('o.'))).toEqual(['o.1 x']);
});

describe('two adopters at once', () => {
  beforeEach(() => {
    for (const one of [manager, other]) one.tend(new Set(), true);
    bench.nowMs += RETENTION_MS;
    for (const one of [manager, other]) {
      one.tend(new Set(), true);
      while (one.hasUncommitted) one.commit();
    }
    mergeAll(manager, other);
    expect(ownersOf(manager)).toEqual(['m', 'o']);
    expect(manager.census()).toMatchObject({ live: 9, entries: 18 });
  });

  test.each([
    ['another write', (one: Replica) => one.set('k0', 'new'), 17, { k0: 'new', k1: 1 }],
    ['a delete', (one: Replica) => one.delete('k0'), 17, { k1: 1 }],
  ])('leave copies that all die with %s, whoever makes it', (_name, write, entries, shown) => {
    for (const writer of [manager, other, bench.create({ id: 'third' })]) {
      write(writer);
      settle(manager, other, writer);
      bench.nowMs++;
      for (const one of [manager, other]) {
        expect(one.census().entries).toBe(entries);
        expect(one.get([])).toMatchObject(shown);
      }
    }
  });

  test.each(['the one', 'the other'])('leave copies that die also where %s goes before the later write comes', (which) => {
    const third = bench.create({ id: 'third' });
    third.delete([]);
    const later = third.commit()!;
    const [first, second] = which === 'the one' ? [manager, other] : [other, manager];
    first.receive([later]);
    send(first, second);
    second.receive([later]);
    settle(manager, other);
    expect(placesOf(manager)).toEqual(['third.1 ']);
  });

  test('leave copies that all die with a clear', () => {
    other.delete([]);
    settle(manager, other);
    expect(placesOf(manager)).toEqual(['o.1 ']);
  });

  test('leave copies that all lose their value when it expires', () => {
    bench.nowMs += 10 * RETENTION_MS;
    for (const one of [manager, other]) one.sweep();
    settle(manager, other);
    expect(manager.encodeState().length).toBeLessThan(1000);
    for (const one of [manager, other]) expect(one.census()).toMatchObject({ live: 8, tombstones: 1 });
  });

  /** What the timers do from now on, `manager` being the only one. */
  function upkeep(): void {
    for (let i = 0; i < 6; i++) {
      bench.nowMs += RETENTION_MS;
      for (const one of [manager, other]) tend(one, one === manager, manager, other);
      settle(manager, other);
    }
  }

  test('leave copies that do not keep a tombstone for ever', () => {
    upkeep();
    upkeep();
    expect(placesOf(manager).filter((place) => place.endsWith(' ttl'))).toEqual([]);
  });
});

test('two adopters at once do not keep for ever what only an expiry hides', () => {
  gone.set('x', {}, 10);
  gone.set('x.y', 1);
  settle(gone, manager, other);
  for (const one of [manager, other]) one.tend(new Set(), true);
  bench.nowMs += RETENTION_MS;
  for (const one of [manager, other]) {
    one.tend(new Set(), true);
    while (one.hasUncommitted) one.commit();
  }
  for (let i = 0; i < 12; i++) {
    bench.nowMs += RETENTION_MS;
    for (const one of [manager, other]) tend(one, one === manager, manager, other);
    settle(manager, other);
  }
  expect(placesOf(manager).filter((place) => place.includes(' x'))).toEqual([]);
});
