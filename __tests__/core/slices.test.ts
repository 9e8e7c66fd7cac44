/** Commits in slices: by count and by bytes, each a whole update, and all of them together everything. */
import { limits } from '../../lib/limits';
import { Bench, placesOf, RETENTION_MS, settle } from './replicas';

const MiB = 1024 * 1024;

test('a commit takes so many writes and no more, in the order in which they were made', () => {
  const bench = new Bench();
  const [replica, peer] = [bench.create(), bench.create()];
  for (let i = 0; i < 10; i++) replica.set(`k${i}`, i);
  const counts: number[] = [];
  while (replica.hasUnwritten) {
    expect(peer.receive([replica.commit(4)!])).toBe('applied');
    counts.push(Object.keys(peer.get([]) as object).length);
  }
  expect(counts).toEqual([4, 8, 10]);
  expect([replica.hasUncommitted, replica.commit(4)]).toEqual([false, null]);
  expect(peer.get('k9')).toBe(9);
});

test('a commit ends with the write that reaches the bytes of one turn', () => {
  const bench = new Bench();
  const replica = bench.create();
  const value = 'x'.repeat(MiB);
  for (let i = 0; i < 10; i++) replica.set(`k${i}`, value);
  const sizes: number[] = [];
  for (let update = replica.commit(); update !== null; update = replica.commit()) sizes.push(Math.floor(update.length / MiB));
  expect(sizes).toEqual([4, 4, 2]);
  expect(limits.commitBytesMax).toBe(4 * MiB);
});

test('a value larger than a turn may have goes by itself: a commit always takes one', () => {
  const bench = new Bench();
  const replica = bench.create();
  replica.set('large', 'x'.repeat(6 * MiB));
  replica.set('small', 1);
  replica.commit();
  expect([placesOf(replica), replica.hasUnwritten]).toEqual([['r0.1 large'], true]);
  replica.commit();
  expect([placesOf(replica), replica.hasUnwritten]).toEqual([['r0.1 large', 'r0.1 small'], false]);
});

test('removals come in slices as well, and what waits for its slice is hidden all the while', () => {
  const bench = new Bench();
  const [replica, peer] = [bench.create(), bench.create()];
  for (let i = 0; i < 10; i++) replica.set(`x.k${i}`, i);
  peer.receive([replica.commit()!]);
  replica.delete('x');
  replica.sweep();
  const left: number[] = [];
  while (replica.hasUncommitted) {
    peer.receive([replica.commit(4)!]);
    expect([replica.get([]), peer.get([])]).toEqual([{}, {}]);
    left.push(placesOf(peer).length);
  }
  expect(left).toEqual([7, 3, 1]);
});

test('what is overwritten or hidden while it waits is not written', () => {
  const bench = new Bench();
  const replica = bench.create();
  for (let i = 0; i < 10; i++) replica.set(`x.k${i}`, i);
  replica.commit(2);
  replica.set('x.k9', 'newer');
  replica.set('x', 'all');
  replica.commit(2);
  // The first two were there before, and have lost.
  expect(placesOf(replica)).toEqual(['r0.1 x', 'r0.1 x.k0', 'r0.1 x.k1']);
  expect([replica.hasUncommitted, replica.get([])]).toEqual([false, { x: 'all' }]);
});

test('an overwrite of what waits to be removed in the same segment map is not removed', () => {
  const bench = new Bench();
  const [replica, peer] = [bench.create(), bench.create()];
  for (let i = 0; i < 6; i++) replica.set(`x.k${i}`, 'old');
  replica.commit();
  replica.delete('x');
  replica.sweep();
  for (let i = 0; i < 6; i++) replica.set(`x.k${i}`, 'new');
  while (replica.hasUncommitted) replica.commit(1);
  peer.receive([replica.encodeState()]);
  for (const one of [replica, peer]) {
    expect(one.census()).toMatchObject({ live: 6, tombstones: 1, entries: 7 });
    expect(Object.values(one.get('x') as object)).toEqual(Array(6).fill('new'));
  }
});

test('a new epoch is written in slices, too', () => {
  const bench = new Bench();
  const replica = bench.create();
  for (let i = 0; i < 10; i++) replica.set(`k${i}`, i);
  replica.commit();
  replica.beginEpoch();
  replica.commit(4);
  expect([placesOf(replica).length, replica.hasUnwritten, replica.isWhole]).toEqual([4, true, false]);
  replica.commit(6);
  expect([placesOf(replica).length, replica.hasUnwritten, replica.isWhole]).toEqual([10, false, true]);
});

test('an entry moved over one that waits to be removed is not removed', () => {
  const bench = new Bench();
  const [gone, manager] = [bench.create({ id: 'g' }), bench.create({ id: 'm' })];
  for (const key of ['k1', 'k2', 'k3']) manager.set(key, 'o'.repeat(limits.lostValueBytesMax));
  gone.set('other', 1);
  settle(gone, manager);
  bench.nowMs++;
  manager.tend(new Set(), true);
  for (const key of ['k1', 'k2', 'k3']) gone.set(key, 'new');
  const update = gone.commit()!;
  bench.nowMs += RETENTION_MS;
  manager.receive([update]);
  manager.tend(new Set(), true);
  while (manager.hasUncommitted) manager.commit(1);
  const fresh = bench.create();
  fresh.receive([manager.encodeState()]);
  expect(fresh.get([])).toEqual({ k1: 'new', k2: 'new', k3: 'new', other: 1 });
});
