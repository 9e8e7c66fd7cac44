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

/** k0 to k7, each with its number. */
const range = (count: number): object => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i]));

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

test.each([
  ['between two segment maps', 4, 3, 6],
  ['within one, which then stays whole', 2, 2, 9],
])('an owner that returns %s is let go: what was not moved yet stays its own', (_name, movesMax, moved, kept) => {
  manager = bench.create({ id: 'n', movesMax });
  settle(manager, other);
  adopt(manager);
  manager.commit();
  tend(manager, true, other, gone);
  expect(manager.hasUncommitted).toBe(false);
  settle(gone, manager, other);
  for (const one of [gone, manager, other]) {
    expect(placesOf(one).filter((place) => place.startsWith('n.'))).toHaveLength(moved);
    expect(placesOf(one).filter((place) => place.startsWith('g.'))).toHaveLength(kept);
    expect(one.get([])).toEqual({ ...range(8), ttl: 'x' });
    expect(one.census()).toMatchObject({ live: 9, entries: moved + kept });
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
    // What the manager had moved of k0 and k7 has lost, and what the owner wrote to k0.
    expect(placesOf(one).filter((place) => /k0|k7/.test(place))).toEqual(['g.4 k0', 'g.4 k7', 'm.1 k0', 'm.1 k7', 'o.1 k0']);
    expect(one.census()).toMatchObject({ live: 9, tombstones: 1, entries: 13 });
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
    expect(placesOf(one).filter((place) => /before|new/.test(place))).toEqual(['m.1 before', 'w.2 before', 'w.2 new']);
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
  /** Both adopt whoever is gone, and neither has heard of the other's copies before its own are made. */
  function adoptTwice(): void {
    const connected = new Set(['m', 'o', 'third']);
    for (const one of [manager, other]) one.tend(connected, true);
    bench.nowMs += RETENTION_MS;
    for (const one of [manager, other]) {
      one.tend(connected, true);
      while (one.hasUncommitted) one.commit();
    }
    mergeAll(manager, other);
  }

  beforeEach(() => {
    // What each adopts fills one segment map.
    [manager, other] = [bench.create({ id: 'm', segmentWritesMax: 9 }), bench.create({ id: 'o', segmentWritesMax: 9 })];
    settle(gone, manager, other);
    adoptTwice();
    expect(ownersOf(manager)).toEqual(['m', 'o']);
    expect(manager.census()).toMatchObject({ live: 9, entries: 18 });
  });

  test('leave copies of which one has two no longer than it adopts the other', () => {
    const third = bench.create({ id: 'third' });
    settle(manager, other, third);
    for (let i = 0; i < 2; i++) {
      bench.nowMs += RETENTION_MS;
      tend(manager, true, third);
      settle(manager, third);
    }
    for (const one of [manager, third]) {
      expect(ownersOf(one)).toEqual(['m']);
      expect(one.census()).toMatchObject({ live: 9, entries: 9 });
    }
  });

  const sweepAll = (...replicas: Replica[]): void => {
    settle(...replicas);
    for (const one of replicas) one.sweep();
    settle(...replicas);
  };

  test('leave copies that show nothing when other writes have won, whoever makes those, and go with a clear or an epoch', () => {
    const third = bench.create({ id: 'third', segmentWritesMax: 9 });
    const everyone = [manager, other, third];
    settle(...everyone);
    for (const writer of everyone) {
      bench.nowMs++;
      for (const key of Object.keys(manager.get([]) as object)) writer.set(key, writer.id);
      settle(...everyone);
      for (const one of everyone) {
        expect(Object.values(one.get([]) as object)).toEqual(Array(9).fill(writer.id));
        expect(placesOf(one)).toEqual(placesOf(manager));
        // Those that both had made, and of all that was written since no more than lives.
        expect(one.census().live).toBe(9);
        expect(one.census().entries).toBeLessThanOrEqual(18 + 9);
      }
    }
    const epoch = { number: 1, founder: 'm' };
    for (const one of everyone) one.enterEpoch(epoch);
    settle(...everyone);
    for (const one of everyone) expect(one.census()).toMatchObject({ live: 9, entries: 9, segments: 1 });
  });

  test('leave copies that all go with a delete and a sweep, whoever deletes', () => {
    const third = bench.create({ id: 'third' });
    for (const writer of [manager, other, third]) {
      bench.nowMs++;
      writer.delete('k0');
      sweepAll(manager, other, third);
      for (const one of [manager, other, third]) {
        expect(placesOf(one).filter((place) => place.endsWith(' k0'))).toEqual([expect.stringMatching(`^${writer.id}\\.`)]);
        expect([one.census().entries, one.has('k0'), one.get('k1')]).toEqual([17, false, 1]);
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
    sweepAll(manager, other);
    for (const one of [manager, other]) expect(placesOf(one)).toEqual(['third.1 ']);
  });

  test('leave copies that all go with a clear and a sweep', () => {
    other.delete([]);
    sweepAll(manager, other);
    for (const one of [manager, other]) expect(placesOf(one)).toEqual(['o.2 ']);
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
