/** Salvage: what a file of another epoch has comes into this one, whatever else that file has. */
import * as Y from 'yjs';
import { firstEpoch, type Epoch } from '../../lib/core/epoch';
import { toHybridTime } from '../../lib/core/stamp';
import { limits } from '../../lib/limits';
import { Bench, RETENTION_MS, START_MS } from './replicas';

const later: Epoch = { number: 7, founder: 'f' };

/** A replica that writes `count` values, each in a commit of its own; its updates. */
function writeLog(bench: Bench, count: number) {
  const writer = bench.create({ id: 'w' });
  const log: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    writer.set(`k${i}`, i);
    log.push(writer.commit()!);
  }
  return { writer, log };
}

/** One that is in a later epoch. */
function createLater(bench: Bench) {
  const reader = bench.create({ id: 'r' });
  reader.enterEpoch(later);
  return reader;
}

test('a long log that lacks its beginning does not take the square of its length', () => {
  const bench = new Bench();
  const { writer, log } = writeLog(bench, 20_000);
  const reader = createLater(bench);
  // By the square, this takes some minutes, and the test has half of one.
  reader.load(writer.epoch, log.slice(1));
  expect(reader.get([])).toEqual({});
  reader.load(writer.epoch, log);
  expect(reader.get([])).toEqual(writer.get([]));
});

test('what a log builds on may come later, from another log', () => {
  const bench = new Bench();
  const { writer, log } = writeLog(bench, 9);
  for (let i = 0; i < 9; i += 3) writer.set(`k${i}`, 'again');
  log.push(writer.commit()!);
  const reader = createLater(bench);
  reader.load(writer.epoch, log.reverse());
  expect(reader.get([])).toEqual(writer.get([]));
});

test('what a file has as removed is not written again, wherever in the file that stands', () => {
  const bench = new Bench();
  const { writer, log } = writeLog(bench, 3);
  bench.nowMs++;
  writer.delete('k1');
  log.push(writer.commit()!);
  bench.nowMs += 2 * RETENTION_MS;
  writer.sweep(limits.sweepMax);
  log.push(writer.commit()!);
  expect(writer.census()).toMatchObject({ live: 2, tombstones: 0 });
  for (const file of [log, [...log].reverse(), [log.at(-1)!, ...log.slice(0, -1)]]) {
    const reader = createLater(bench);
    reader.load(writer.epoch, file);
    expect(reader.get([])).toEqual({ k0: 0, k2: 2 });
    expect(reader.census().tombstones).toBe(0);
  }
});

test('it goes on where it was told to stop, and nothing is written before all is looked through', () => {
  const bench = new Bench();
  const { writer, log } = writeLog(bench, 50);
  const reader = createLater(bench);
  const salvage = reader.salvage(writer.epoch, log);
  const seen: number[] = [];
  while (salvage.goOn(() => false)) {
    seen.push(reader.census().live);
    if (seen.length === 10) {
      // Others go on meanwhile.
      bench.nowMs++;
      reader.set('k3', 'newer');
      reader.beginEpoch();
    }
    reader.commit();
  }
  expect(seen.slice(0, log.length)).toEqual(log.map((_, i) => (i < 10 ? 0 : 1)));
  // One of those that are found after the other; one of them has been overwritten.
  expect(seen.slice(log.length)).toEqual([2, 3, 4, ...Array.from({ length: 47 }, (_, i) => i + 4)]);
  expect(reader.get([])).toEqual({ ...(writer.get([]) as object), k3: 'newer' });
  expect(reader.isWhole).toBe(true);
});

test('bytes that are none, and what was forged, are thrown at before anything is written', () => {
  const bench = new Bench();
  const { writer, log } = writeLog(bench, 3);
  const reader = createLater(bench);
  expect(() => reader.salvage(writer.epoch, [...log, new Uint8Array([1, 2, 3])]).goOn()).toThrow();
  expect([reader.get([]), reader.hasUncommitted]).toEqual([{}, false]);
});

describe('updates of several Yjs clients, as a sync brings them', () => {
  const docs = new Map<string, Y.Doc>();
  let time = 0;

  beforeEach(() => {
    docs.clear();
    time = START_MS;
  });

  /** The update by which the replica `id` writes `value` at `key`, or removes what is there. */
  function write(id: string, key: string, value?: number): Uint8Array {
    let doc = docs.get(id);
    if (doc === undefined) docs.set(id, (doc = new Y.Doc()));
    const updates: Uint8Array[] = [];
    doc.once('update', (update: Uint8Array) => updates.push(update));
    doc.transact(() => {
      const root = doc.getMap<Y.Map<unknown>>('segments');
      const map = root.get(`${id}.1`) ?? root.set(`${id}.1`, new Y.Map());
      if (value === undefined) map.delete(key);
      else map.set(key, [toHybridTime(++time), 0, 0, value]);
    });
    return updates[0]!;
  }

  /** One that builds on what no file has. */
  function lacking(id: string): Uint8Array {
    write(id, `${id}0`, 0);
    return write(id, `${id}1`, 1);
  }

  /** What is there after a salvage, as in a document that takes all of it in at once. */
  function salvaged(...updates: Uint8Array[]): unknown {
    const reader = createLater(new Bench());
    reader.load(firstEpoch, updates);
    const all = new Y.Doc();
    Y.transact(all, () => {
      for (const update of updates) Y.applyUpdate(all, update);
    });
    const other = createLater(new Bench());
    other.load(firstEpoch, [Y.encodeStateAsUpdate(all)]);
    expect(reader.get([])).toEqual(other.get([]));
    return reader.get([]);
  }

  test('are tried again for as long as some part of one finds its place', () => {
    const a = [0, 1, 2, 3, 4].map((i) => write('a', `a${i}`, i));
    const b = [0, 1, 2, 3, 4].map((i) => write('b', `b${i}`, i));
    const first = Y.mergeUpdates([a[0]!, a[1]!, b[0]!, b[1]!]);
    const rest = [[a[3]!, b[4]!], [a[2]!, b[3]!], [b[2]!, a[4]!]].map((updates) => Y.mergeUpdates(updates));
    expect(salvaged(...rest, first)).toEqual({ a0: 0, a1: 1, a2: 2, a3: 3, a4: 4, b0: 0, b1: 1, b2: 2, b3: 3, b4: 4 });
  });

  test('remove what comes behind them, though something in each is lacking', () => {
    const a = [0, 1, 2, 3].map((i) => write('a', `a${i}`, i));
    const removal = write('a', 'a3');
    const first = Y.mergeUpdates([a[0]!, a[1]!]);
    const rest = [removal, a[2]!, a[3]!].map((update, i) => Y.mergeUpdates([update, lacking(`x${i}`)]));
    expect(salvaged(...rest, first)).toEqual({ a0: 0, a1: 1, a2: 2 });
  });
});
