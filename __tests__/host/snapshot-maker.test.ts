/** The snapshot of a process that exits: made at once, and loaded in parts all the same. */
import { SnapshotMaker } from '../../lib/host/snapshot-maker';
import { parseSnapshot } from '../../lib/storage/snapshot';
import { Bench } from '../core/replicas';

test('it is made of slices, which together have everything', () => {
  const bench = new Bench();
  const replica = bench.create({ id: 'a', stateStructsMax: 100 });
  for (let i = 0; i < 1000; i++) replica.set(`k${i}`, i);
  replica.delete('k7');
  const maker = new SnapshotMaker({ replica, commit: () => void replica.commit() });
  const parsed = parseSnapshot(maker.makeSync(3).bytes);
  if (typeof parsed === 'string') throw new Error(parsed);
  expect(parsed.generation).toBe(3);
  expect(parsed.updates.length).toBeGreaterThanOrEqual(10);
  expect(parsed.updates.every(({ update }) => update.length > 0)).toBe(true);
  const reader = bench.create({ id: 'r' });
  reader.load(replica.epoch, parsed.updates.map(({ update }) => update));
  expect(reader.get([])).toEqual(replica.get([]));
  expect(reader.hasVector(replica.stateVector())).toBe(true);
});
