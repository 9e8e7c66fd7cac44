/** When the manager begins a new epoch. */
import { limits } from '../../lib/limits';
import { Bench, send, settle } from './replicas';

test('a new epoch is due when the document has seen too many clients beyond those that are there', () => {
  const bench = new Bench();
  const [a, b] = [bench.create(), bench.create()];
  for (const one of [a, b]) one.set('y', 1);
  settle(a, b);
  for (let i = 0; i < limits.pastClientsMax - 1; i++) {
    const writer = bench.create();
    writer.set('x', i);
    send(writer, a);
  }
  expect([a.needsEpoch(0), a.needsEpoch(1)]).toEqual([true, false]);
  a.beginEpoch();
  a.commit();
  expect(a.needsEpoch(0)).toBe(false);
});

test('a new epoch is due when the document has seen too many segment maps, for so many as it has', () => {
  const bench = new Bench();
  const replica = bench.create({ segmentWritesMax: 1 });
  const write = (key: string, count: number): void => {
    for (let i = 0; i < count; i++) {
      replica.set(key, i);
      replica.commit();
    }
  };
  // Each write begins a segment map, and the one before, in which nothing lives any more, goes.
  write('x', limits.pastSegmentsMax + 8);
  expect(replica.census()).toMatchObject({ segments: 1, segmentsEver: limits.pastSegmentsMax + 8 });
  expect(replica.needsEpoch(1)).toBe(false);
  write('x', 1);
  expect(replica.needsEpoch(1)).toBe(true);
  // Where more are in use more may be past: the time that a new epoch takes grows with what there is.
  write('y', 7);
  expect(replica.census()).toMatchObject({ segments: 2, segmentsEver: limits.pastSegmentsMax + 16 });
  expect(replica.needsEpoch(1)).toBe(false);
  write('y', 1);
  expect(replica.needsEpoch(1)).toBe(true);
  replica.beginEpoch();
  replica.commit();
  expect(replica.needsEpoch(1)).toBe(false);
});
