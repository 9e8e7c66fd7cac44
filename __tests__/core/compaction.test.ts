/** Compaction: the dead are given back, a little with each commit, and nobody sees anything of it. */
import { limits } from '../../lib/limits';
import { Bench, documentOf, placesOf, RETENTION_MS, send, settle } from './replicas';
import type { Replica } from '../../lib/core/replica';

let bench: Bench;

beforeEach(() => {
  bench = new Bench();
});

const segmentsOf = (replica: Replica): string[] => [...documentOf(replica).getMap('segments').keys()].sort();

/** Writes `key` and commits. */
function write(replica: Replica, key: string, value: unknown = key): Uint8Array {
  replica.set(key, value);
  return replica.commit()!;
}

/** Fills segment maps of 8, one for each of `lives` with so many entries that stay; the others die when `dead` is deleted. */
function fill(replica: Replica, lives: readonly number[]): void {
  lives.forEach((count, segment) => {
    for (let i = 0; i < 8; i++) write(replica, i < count ? `s${segment}k${i}` : `dead.s${segment}k${i}`);
  });
}

test('begins when the dead outnumber the living by more than one segment map can hold, not before', () => {
  const replica = bench.create({ segmentWritesMax: 10 });
  for (const key of ['a', 'b', 'c']) replica.set(key, 0);
  replica.commit();
  // With the next write 2 live on, and 12 are dead: two and one segment map.
  for (let i = 1; i <= 12; i++) write(replica, 'a', i);
  expect(placesOf(replica)).toEqual(['r0.1 a', 'r0.1 b', 'r0.1 c', 'r0.2 a']);
  expect(replica.hasUncommitted).toBe(false);
  write(replica, 'a', 13);
  expect(placesOf(replica)).toEqual(['r0.2 a', 'r0.2 b', 'r0.2 c']);
  expect(segmentsOf(replica)).toEqual(['r0.2']);
});

test('leaves room for fewer writes in a commit, as long as something is to be moved', () => {
  const replica = bench.create({ segmentWritesMax: 8, movesMax: 1 });
  fill(replica, [3, 3, 3, 3, 3, 3, 3, 3, 3, 3]);
  expect(replica.commitMax).toBe(limits.commitMax);
  replica.delete('dead');
  const seen = new Set<number>();
  for (let turn = 0; replica.hasUncommitted && turn < 100; turn++) {
    replica.commit(replica.commitMax);
    seen.add(replica.commitMax);
  }
  expect([...seen]).toEqual([limits.commitMovingMax, limits.commitMax]);
});

test('empties the sparsest segment map first, and deletes it', () => {
  const replica = bench.create({ segmentWritesMax: 8, movesMax: 1 });
  fill(replica, [2, 3, 1, 2]);
  const before = placesOf(replica).filter((place) => !place.includes('dead'));
  replica.delete('dead');
  replica.commit();
  expect(before.filter((place) => !placesOf(replica).includes(place))).toEqual(['r0.3 s2k0']);
  expect(segmentsOf(replica)).not.toContain('r0.3');
  expect(replica.get('s2k0')).toBe('s2k0');
});

test('moves no more entries with one commit than it may, each once, and goes on until it is done', () => {
  const [replica, peer] = [bench.create({ segmentWritesMax: 8, movesMax: 2 }), bench.create()];
  fill(replica, [3, 3, 3, 3, 3, 3, 3, 3, 3, 3]);
  const shown = JSON.stringify({ ...(replica.get([]) as object), dead: undefined });
  replica.delete('dead');
  // The tombstone is an entry as well; with it the first are moved.
  replica.commit();
  peer.receive([replica.encodeState()]);
  const moved: string[] = [];
  let before = placesOf(replica);
  for (let commits = 0; replica.hasUncommitted; commits++) {
    expect(commits).toBeLessThan(100);
    send(replica, peer);
    const after = placesOf(replica);
    const added = after.filter((place) => !before.includes(place));
    expect(added.length).toBeLessThanOrEqual(2);
    moved.push(...added.map((place) => place.split(' ')[1]!));
    before = after;
    for (const one of [replica, peer]) expect(JSON.stringify(one.get([]))).toBe(shown);
    expect(placesOf(peer)).toEqual(after);
  }
  expect(new Set(moved).size).toBe(moved.length);
  expect(replica.census()).toMatchObject({ live: 30, tombstones: 1 });
});

test('changes nothing that anyone sees, is told of nowhere, and leaves everybody with the same entries', () => {
  const replica = bench.create({ segmentWritesMax: 5, movesMax: 2 });
  const [peer, late] = [bench.create(), bench.create()];
  for (let i = 0; i < 6; i++) replica.set(`kept.k${i}`, { i }, i === 0 ? 1e6 : 0);
  replica.delete('kept.k5');
  send(replica, peer);
  for (let i = 0; i < 60; i++) {
    replica.set(`often.k${i % 3}`, i);
    const update = replica.commit()!;
    bench.told();
    const shown = replica.get([]);
    peer.receive([update]);
    expect(bench.told()).toEqual([`r1 set often.k${i % 3}`]);
    expect(peer.get([])).toEqual(shown);
    // Moves go out by themselves, too.
    const moves = replica.hasUncommitted ? replica.commit() : null;
    if (moves !== null) peer.receive([moves]);
    expect(bench.told()).toEqual([]);
    expect([replica.get([]), peer.get([])]).toEqual([shown, shown]);
  }
  settle(replica, peer, late);
  expect(placesOf(peer)).toEqual(placesOf(replica));
  expect(late.get([])).toEqual(replica.get([]));
  for (const one of [peer, late]) {
    const { live, tombstones, entries } = one.census();
    expect({ live, tombstones, entries }).toEqual({ live: 8, tombstones: 1, entries: replica.census().entries });
    // Of what has died no more is left than lives, and one segment map.
    expect(entries).toBeLessThanOrEqual(2 * 9 + 5);
  }
  // A moved one keeps its expiry as well.
  bench.nowMs += 1e6;
  for (const one of [replica, peer, late]) expect(one.get('kept.k0')).toBeUndefined();
});

test('a moved entry keeps its stamp: a write that was made before the move, and comes after it, stays lost', () => {
  const replica = bench.create({ segmentWritesMax: 3 });
  const peer = bench.create();
  peer.set('kept', 'earlier');
  bench.nowMs++;
  write(replica, 'kept', 'later');
  const home = placesOf(replica).find((place) => place.endsWith(' kept'));
  // Every segment map has one that lives, and two that do not.
  for (let i = 0; i < 20; i++) write(replica, i % 3 === 2 ? `k${i}` : 'often', i);
  expect(placesOf(replica).find((place) => place.endsWith(' kept'))).not.toBe(home);
  settle(replica, peer);
  for (const one of [replica, peer]) expect(one.get('kept')).toBe('later');
});

test('what dies while its segment map is being emptied is not moved, but goes', () => {
  const [replica, peer] = [bench.create({ segmentWritesMax: 3, movesMax: 1 }), bench.create()];
  for (const key of ['a', 'b', 'c']) write(replica, key);
  peer.receive([replica.encodeState()]);
  for (let i = 0; i < 8; i++) write(replica, 'often', i);
  for (const key of ['a', 'b', 'c']) peer.set(key, 'newer');
  send(peer, replica);
  settle(replica, peer);
  expect(placesOf(replica).filter((place) => / [abc]$/.test(place))).toEqual(['r1.1 a', 'r1.1 b', 'r1.1 c']);
  expect(replica.census().entries).toBe(4);
});

test('200,000 overwrites of 100 keys leave a bounded number of structs, entries and bytes, here and at a peer', () => {
  const [replica, peer] = [bench.create(), bench.create()];
  let structsMax = 0;
  let bytesMax = 0;
  for (let round = 0; round < 2000; round++) {
    for (let i = 0; i < 100; i++) replica.set(`k${i}`, round);
    const update = replica.commit()!;
    // A stream at times, and at times a sync after a silence.
    if (round % 200 < 10) peer.receive([update]);
    if (round % 200 === 199) {
      peer.receive([replica.encodeState(peer.stateVector())]);
      structsMax = Math.max(structsMax, replica.census().structs, peer.census().structs);
      bytesMax = Math.max(bytesMax, replica.encodeState().length);
    }
  }
  settle(replica, peer);
  for (const one of [replica, peer]) {
    const { live, entries, tombstones, segments, structs } = one.census();
    expect({ live, entries, tombstones }).toEqual({ live: 100, entries: 100, tombstones: 0 });
    expect(segments).toBeLessThanOrEqual(4);
    structsMax = Math.max(structsMax, structs);
  }
  // At most two segment maps of the dead, the living, and what deleted segment maps leave: two structs each.
  expect(structsMax).toBeLessThan(3 * limits.segmentWritesMax + 2 * replica.census().segmentsEver);
  expect(bytesMax).toBeLessThan(100_000);
  expect(peer.get([])).toEqual(replica.get([]));
});

describe('a segment map goes as a whole', () => {
  test('when its last living entry has lost, with all that lost before, and leaves one struct', () => {
    const [replica, peer] = [bench.create({ segmentWritesMax: 100 }), bench.create()];
    for (let i = 0; i < 100; i++) replica.set(`k${i}`, i);
    send(replica, peer);
    for (let i = 0; i < 99; i++) replica.set(`k${i}`, 'new');
    send(replica, peer);
    for (const one of [replica, peer]) expect(one.census()).toMatchObject({ live: 100, entries: 199, segments: 2 });
    replica.set('k99', 'new');
    send(replica, peer);
    for (const one of [replica, peer]) {
      expect(one.census()).toMatchObject({ live: 100, entries: 100, segments: 1 });
      // The name and what is left of the old one, the name of the new one, and a hundred entries.
      expect(one.census().structs).toBeLessThanOrEqual(104);
      expect(placesOf(one)).toContain('r0.2 k99');
    }
  });

  test('not while it is the one that is filled: what comes next may live', () => {
    const [replica, peer] = [bench.create({ segmentWritesMax: 3 }), bench.create()];
    write(replica, 'x');
    peer.receive([replica.encodeState()]);
    peer.set('x', 'newer');
    send(peer, replica);
    expect([replica.hasUncommitted, placesOf(replica)]).toEqual([false, ['r0.1 x', 'r1.1 x']]);
    write(replica, 'y');
    expect(placesOf(replica)).toEqual(['r0.1 x', 'r0.1 y', 'r1.1 x']);
  });

  test('when it is full and nothing in it lives, though it was not full when that died', () => {
    const [replica, peer] = [bench.create({ segmentWritesMax: 2 }), bench.create()];
    write(replica, 'x');
    peer.receive([replica.encodeState()]);
    peer.set('x', 'newer');
    send(peer, replica);
    write(replica, 'y');
    expect(replica.hasUncommitted).toBe(false);
    replica.delete('y');
    write(replica, 'z');
    settle(replica, peer);
    for (const one of [replica, peer]) expect(placesOf(one)).toEqual(['r0.2 y', 'r0.2 z', 'r1.1 x']);
  });
});

describe('a large value does not linger in the document', () => {
  const large = (): string => 'x'.repeat(1_000_000);
  const losses: [string, (replica: Replica) => void][] = [
    ['overwritten', (replica) => replica.set('a.b', 'small')],
    ['deleted', (replica) => replica.delete('a.b')],
    ['hidden by a set above', (replica) => replica.set('a', 'small')],
    ['cleared', (replica) => replica.delete([])],
    ['expired and swept', (replica) => {
      bench.nowMs += 1000;
      replica.sweep();
    }],
  ];

  test.each(losses)('once it is %s', (_name, lose) => {
    const [replica, peer] = [bench.create(), bench.create()];
    replica.set('a.b', large(), 1000);
    send(replica, peer);
    expect(peer.encodeState().length).toBeGreaterThan(1_000_000);
    lose(replica);
    settle(replica, peer);
    for (const one of [replica, peer]) {
      expect(one.encodeState().length).toBeLessThan(1000);
      expect(one.census().bytes).toBeLessThan(100);
    }
  });

  test('once a peer has overwritten it', () => {
    const [replica, peer] = [bench.create(), bench.create()];
    replica.set('a', large());
    send(replica, peer);
    peer.set('a', 'small');
    settle(replica, peer);
    for (const one of [replica, peer]) expect(one.encodeState().length).toBeLessThan(1000);
  });
});

test('what is moved to where a removal waits is not taken for removed', () => {
  const [m, b] = [bench.create({ id: 'm', segmentWritesMax: 10 }), bench.create({ id: 'b' })];
  m.set('k', 'v'.repeat(limits.lostValueBytesMax + 1));
  m.set('other', 1);
  b.receive([m.commit()!]);
  bench.nowMs += 5;
  b.set('k', 'of b');
  const late = b.commit()!;
  const tend = (): void => {
    m.tend(new Set(['m']), true);
    bench.nowMs += 2 * RETENTION_MS;
    m.tend(new Set(['m']), true);
  };
  // The removal of what b has replaced waits for a commit; before it, b is seen to be gone, and its entry moves there.
  tend();
  m.receive([late]);
  tend();
  m.commit();
  for (let i = 0; i < 200; i++) {
    bench.nowMs++;
    m.set(`x${i % 3}`, i);
    m.commit();
  }
  const joining = bench.create();
  joining.receive([m.encodeState()]);
  expect([m.get('k'), joining.get('k')]).toEqual(['of b', 'of b']);
});
