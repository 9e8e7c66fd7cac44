/** Expired values in the document: a tombstone takes the place of the value, and the bytes are given back. */
import { Bench, placesOf, RETENTION_MS, send, settle } from './replicas';
import type { Replica } from '../../lib/core/replica';

let bench: Bench;
let replica: Replica;
let peer: Replica;

beforeEach(() => {
  bench = new Bench();
  [replica, peer] = [bench.create({ segmentWritesMax: 3 }), bench.create()];
});

const SECRET = 'what nobody shall keep';
const holdsSecret = (one: Replica): boolean => Buffer.from(one.encodeState()).includes(SECRET);

test('the tombstone stands in the same segment map, no entry more or less, and the value is gone from the state', () => {
  replica.set('a', 1);
  replica.set('x', SECRET, 1000);
  // Two more segment maps: that of the value is not the one that is filled.
  for (let i = 0; i < 5; i++) replica.set(`k${i}`, i);
  send(replica, peer);
  const places = placesOf(replica);
  expect(places).toContain('r0.1 x');
  const { entries } = replica.census();
  expect([holdsSecret(replica), holdsSecret(peer)]).toEqual([true, true]);
  bench.nowMs += 1000;
  replica.sweep();
  expect(replica.hasUncommitted).toBe(true);
  send(replica, peer);
  expect(replica.hasUncommitted).toBe(false);
  for (const one of [replica, peer]) {
    expect(placesOf(one)).toEqual(places);
    expect(one.census()).toMatchObject({ live: 6, tombstones: 1, entries });
    expect([holdsSecret(one), one.has('x')]).toEqual([false, false]);
  }
  // Who hears of it late learns of the same tombstone.
  const late = bench.create();
  late.receive([replica.encodeState()]);
  expect(late.census()).toMatchObject({ live: 6, tombstones: 1, entries });
});

test('entries that lost at the path of an expired value go with the tombstone', () => {
  replica.set('x', SECRET);
  for (let i = 0; i < 2; i++) replica.set(`k${i}`, i);
  send(replica, peer);
  bench.nowMs++;
  replica.set('x', SECRET, 1000);
  send(replica, peer);
  expect(placesOf(replica)).toEqual(['r0.1 k0', 'r0.1 k1', 'r0.1 x', 'r0.2 x']);
  bench.nowMs += 1000;
  replica.sweep();
  send(replica, peer);
  for (const one of [replica, peer]) {
    expect(placesOf(one)).toEqual(['r0.1 k0', 'r0.1 k1', 'r0.2 x']);
    expect(holdsSecret(one)).toBe(false);
  }
});

test.each(['the same', 'another'])('entries that lost to what only an expiry hides, of %s replica, go with that', (whose) => {
  const [above, below] = [bench.create(), peer];
  (whose === 'another' ? above : below).set('a', {}, 1000);
  settle(above, below);
  bench.nowMs++;
  below.set('a.b.c', SECRET);
  below.commit();
  below.set('a.b', 1);
  // The segment map is not one in which nothing lives any more.
  below.set('k', 1);
  settle(above, below);
  expect(placesOf(above)).toEqual(expect.arrayContaining(['r1.1 a.b', 'r1.1 a.b.c', 'r1.1 k']));
  bench.nowMs += 1000;
  for (let i = 0; i < 4; i++) {
    for (const one of [above, below]) one.sweep();
    settle(above, below);
    bench.nowMs += RETENTION_MS;
  }
  for (const one of [above, below]) {
    expect(placesOf(one)).toEqual(['r1.1 k']);
    expect(one.census()).toMatchObject({ live: 1, tombstones: 0, entries: 1 });
  }
});

test('tombstones come in slices as well, and a value that is moved before its turn is moved without it', () => {
  for (let i = 0; i < 9; i++) replica.set(`x${i}`, SECRET, 1000);
  send(replica, peer);
  const places = placesOf(replica);
  bench.nowMs += 1000;
  replica.sweep();
  for (let rest = 3; rest > 0; rest--) {
    expect(replica.hasUncommitted).toBe(true);
    expect(holdsSecret(replica)).toBe(true);
    peer.receive([replica.commit(3)!]);
    expect(placesOf(peer)).toEqual(placesOf(replica));
  }
  settle(replica, peer);
  for (const one of [replica, peer]) {
    expect(placesOf(one).map((place) => place.split(' ')[1])).toEqual(places.map((place) => place.split(' ')[1]));
    expect([holdsSecret(one), one.census().tombstones]).toEqual([false, 9]);
  }
});

test('a set between the sweep and the commit stays: no tombstone comes in its place', () => {
  replica.set('x', SECRET, 1000);
  send(replica, peer);
  bench.nowMs += 1000;
  replica.sweep();
  replica.set('x', 'new');
  settle(replica, peer);
  for (const one of [replica, peer]) {
    expect([one.get('x'), one.census().tombstones, holdsSecret(one)]).toEqual(['new', 0, false]);
  }
});

test('one that expired longer ago than the retention leaves no tombstone behind', () => {
  replica.set('x', SECRET, 1000);
  send(replica, peer);
  bench.nowMs += 1000 + RETENTION_MS;
  replica.sweep();
  settle(replica, peer);
  expect([replica.census().tombstones, peer.get([])]).toEqual([0, {}]);
  // To who has not swept it is a removal for which no reason came yet.
  bench.nowMs += RETENTION_MS;
  peer.tend(new Set([replica.id]), false);
  for (const one of [replica, peer]) {
    expect(placesOf(one)).toEqual([]);
    expect(one.census()).toMatchObject({ live: 0, tombstones: 0, entries: 0 });
  }
});

describe('a tombstone whose segment map has gone before it was written', () => {
  let manager: Replica;

  /** The manager takes the owner for gone, and moves what it knows of. */
  function adopt(): void {
    for (const ms of [0, RETENTION_MS]) {
      bench.nowMs += ms;
      manager.tend(new Set([peer.id]), true);
    }
    while (manager.hasUncommitted) manager.commit();
  }

  beforeEach(() => {
    manager = bench.create({ id: 'm' });
    replica.set('x', { y: SECRET });
    settle(replica, peer, manager);
  });

  test('is written elsewhere where it hides something: what stands above does not come to light', () => {
    // The manager does not hear of this one, and deletes the segment map that has it.
    replica.set('x.y', SECRET, 1000);
    replica.commit();
    adopt();
    replica.sweep();
    expect(replica.get('x')).toEqual({});
    replica.receive([manager.encodeState(replica.stateVector())]);
    settle(replica, peer, manager);
    for (const one of [replica, peer, manager]) {
      expect(one.get('x')).toEqual({});
      expect(placesOf(one)).toEqual(['m.1 x', 'r0.2 x.y']);
      expect(one.census()).toMatchObject({ live: 1, tombstones: 1, entries: 2 });
    }
  });

  test('gives way to the value that was moved, which its new owner turns into one', () => {
    replica.set('z', SECRET, 10 * RETENTION_MS);
    settle(replica, peer, manager);
    adopt();
    bench.nowMs += 9 * RETENTION_MS;
    replica.sweep();
    replica.receive([manager.encodeState(replica.stateVector())]);
    settle(replica, peer, manager);
    expect(replica.has('z')).toBe(false);
    manager.sweep();
    settle(replica, peer, manager);
    for (const one of [replica, peer, manager]) {
      expect(placesOf(one)).toEqual(['m.1 x', 'm.1 z']);
      expect(one.census()).toMatchObject({ live: 1, tombstones: 1, entries: 2 });
      expect(one.has('z')).toBe(false);
    }
  });
});
