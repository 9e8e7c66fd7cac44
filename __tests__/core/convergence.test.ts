/** Replicas with the same registers show the same, in whatever order these came. Single reads agree with the whole. */
import fc from 'fast-check';
import _ from 'lodash';
import { Bench, mergeAll, RETENTION_MS, send } from './replicas';
import type { Replica } from '../../lib/core/replica';

const name = fc.constantFrom('a', 'b', '0', '1', 'x.y', '40');
const path = fc.array(name, { minLength: 1, maxLength: 3 });
const value = fc.constantFrom<unknown>(null, 0, 'text', [], {}, [1, 2], [[], 'e'], { a: 1, b: { a: 2 } }, { 0: 'zero', 'x.y': [3] });
const ttl = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.integer({ min: 1, max: 40 }) });
const op = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('set' as const), path, value, ttl, who: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('delete' as const), path, who: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(15), who: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const), who: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('commit' as const), who: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('sweep' as const), who: fc.nat(2) }) },
);
type Op = typeof op extends fc.Arbitrary<infer T> ? T : never;

function play(bench: Bench, replica: Replica, step: Op): void {
  if (step.kind === 'wait') bench.nowMs += step.ms;
  else if (step.kind === 'delete') replica.delete(step.path);
  else if (step.kind === 'clear') replica.delete([]);
  else if (step.kind === 'commit') replica.commit();
  else if (step.kind === 'sweep') replica.sweep();
  else {
    try {
      replica.set(step.path, step.value, step.ttl);
    } catch (error) {
      // An array has refused a name, or an index too far out.
      expect(error).toMatchObject({ code: 'ERR_CLUSTER_CACHE_PATH' });
    }
  }
}

function walk(whole: unknown, segments: readonly string[]): unknown {
  let there = whole;
  for (const segment of segments) there = _.isObject(there) && Object.hasOwn(there, segment) ? _.get(there, [segment]) : undefined;
  return there;
}

test('a cached read is not stale after writes above, below and beside: each path reads as the whole does', () => {
  fc.assert(
    fc.property(fc.array(op, { maxLength: 40 }), fc.array(path, { minLength: 1, maxLength: 5 }), (ops, read) => {
      const bench = new Bench();
      const replica = bench.create();
      for (const step of ops) {
        play(bench, replica, step);
        for (const segments of read) {
          const single = replica.get(segments);
          // A gap in an array is null in the whole, and missing by itself.
          expect(single ?? null).toEqual(walk(replica.get([]), segments) ?? null);
          expect(replica.get(segments)).toBe(single);
        }
      }
      // Nothing of what was seen depends on having been read.
      const fresh = bench.create();
      replica.commit();
      fresh.receive([replica.encodeState()]);
      expect(JSON.stringify(fresh.get([]))).toBe(JSON.stringify(replica.get([])));
    }),
    { numRuns: 400 },
  );
});

test('registers of three replicas give the same view in every order of arrival', () => {
  const orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
  fc.assert(
    fc.property(fc.array(op, { maxLength: 30 }), fc.nat(60), (ops, laterMs) => {
      const bench = new Bench();
      const writers = [bench.create({ segmentWritesMax: 3 }), bench.create(), bench.create()];
      for (const step of ops) play(bench, writers[step.who]!, step);
      const states = writers.map((writer) => {
        writer.commit();
        return writer.encodeState();
      });
      const readers = orders.map((order) => {
        const reader = bench.create();
        for (const index of order) {
          reader.receive([states[index]!]);
          // Reads in between leave nothing behind.
          reader.get([]);
        }
        return reader;
      });
      for (const writer of writers) writer.receive(states);
      for (const ms of [0, laterMs]) {
        bench.nowMs += ms;
        const [first, ...others] = [...readers, ...writers].map((replica) => JSON.stringify(replica.get([])));
        for (const other of others) expect(other).toBe(first);
      }
    }),
    { numRuns: 200 },
  );
});

test('updates that arrive twice change nothing', () => {
  const bench = new Bench();
  const [a, b] = [bench.create(), bench.create()];
  a.set('x', 1);
  a.set('y', 2, 100);
  const update = a.commit()!;
  b.receive([update, update]);
  bench.told();
  b.receive([update]);
  b.receive([a.encodeState()]);
  expect(bench.told()).toEqual([]);
  expect(b.get([])).toEqual({ x: 1, y: 2 });
});

test('the later of two concurrent writes wins, whoever made it and however it arrives', () => {
  for (const [first, second] of [[0, 1], [1, 0]] as const) {
    const bench = new Bench();
    const replicas = [bench.create(), bench.create()];
    replicas[first]!.set('a', 'earlier');
    bench.nowMs++;
    replicas[second]!.set('a', 'later');
    mergeAll(...replicas);
    for (const replica of replicas) expect(replica.get('a')).toBe('later');
  }
});

test('a write made after hearing of another is later, even if the clock is behind', () => {
  const bench = new Bench();
  const ahead = bench.create({ now: () => bench.nowMs + 60_000 });
  const behind = bench.create();
  ahead.set('a', 'first');
  send(ahead, behind);
  behind.set('a', 'second');
  behind.set('a.b', 'third');
  send(behind, ahead);
  for (const replica of [ahead, behind]) expect(replica.get('a')).toEqual({ b: 'third' });
});

test('a later set of a parent hides what was set below it earlier, in any order of arrival', () => {
  for (const isParentFirst of [true, false]) {
    const bench = new Bench();
    const [child, parent, reader] = [bench.create(), bench.create(), bench.create()];
    child.set('a.b', 'hidden');
    bench.nowMs++;
    parent.set('a', { c: 1 });
    if (isParentFirst) send(parent, reader);
    send(child, reader);
    if (!isParentFirst) send(parent, reader);
    expect(reader.get([])).toEqual({ a: { c: 1 } });
  }
});

test('an earlier set of a parent shows with what was set below it later, in any order of arrival', () => {
  for (const isParentFirst of [true, false]) {
    const bench = new Bench();
    const [child, parent, reader] = [bench.create(), bench.create(), bench.create()];
    parent.set('a', { c: 1 });
    bench.nowMs++;
    child.set('a.b', 'seen');
    if (isParentFirst) send(parent, reader);
    send(child, reader);
    if (!isParentFirst) send(parent, reader);
    expect(reader.get([])).toEqual({ a: { b: 'seen', c: 1 } });
  }
});

test('a register above the floor raises it: what is hidden by a hidden one is visible', () => {
  const bench = new Bench();
  const [top, middle, bottom, reader] = [bench.create(), bench.create(), bench.create(), bench.create()];
  // middle's set would hide bottom's, but is hidden by top's itself.
  middle.set('a.b', { m: 1 });
  bench.nowMs++;
  top.delete('a');
  bench.nowMs++;
  bottom.set('a.b.c', 'seen');
  for (const one of [bottom, middle, top]) send(one, reader);
  expect(reader.get([])).toEqual({ a: { b: { c: 'seen' } } });
});

test('remote changes are told once each, with their reason, and only where something won', () => {
  const bench = new Bench();
  const [a, b] = [bench.create(), bench.create()];
  a.set('x', 1);
  a.set('y', 1, 50);
  b.set('z', 1);
  bench.nowMs++;
  b.set('x', 'later');
  bench.told();
  mergeAll(a, b);
  expect(bench.told().sort()).toEqual(['r0 set x', 'r0 set z', 'r1 set y']);
  b.delete('z');
  send(b, a);
  a.delete([]);
  send(a, b);
  expect(bench.told()).toEqual(['r1! delete z', 'r0 delete z', 'r0! clear ', 'r1 clear ']);
  bench.nowMs += RETENTION_MS;
  for (const replica of [a, b]) replica.sweep();
  expect(bench.told()).toEqual([]);
});

test('a listener that throws leaves the replica in step', () => {
  const bench = new Bench();
  const a = bench.create();
  const b = bench.create({
    onChange: () => {
      throw new Error('listener');
    },
  });
  a.set('x', 1);
  a.set('y', 2);
  expect(() => b.receive([a.commit()!])).toThrow('listener');
  expect(b.get([])).toEqual({ x: 1, y: 2 });
});

test('a gap changes nothing, and a sync mends it', () => {
  const bench = new Bench();
  const [a, b] = [bench.create(), bench.create()];
  const updates = [1, 2, 3].map((n) => {
    a.set(`k${n}`, n);
    return a.commit()!;
  });
  expect(b.receive([updates[0]!])).toBe('applied');
  const revision = b.revision;
  expect(b.receive([updates[2]!])).toBe('gap');
  expect([b.revision, b.get([])]).toEqual([revision, { k1: 1 }]);
  expect(b.receive([a.encodeState(b.stateVector())])).toBe('applied');
  expect(b.get([])).toEqual({ k1: 1, k2: 2, k3: 3 });
  // Within one batch an update may build on the one before it.
  expect(bench.create().receive(updates)).toBe('applied');
});

test('bytes that are no update throw, and the replica goes on', () => {
  const bench = new Bench();
  const [a, b] = [bench.create(), bench.create()];
  a.set('x', 1);
  const good = a.commit()!;
  for (const bytes of [new Uint8Array(0), new Uint8Array([255]), new Uint8Array([1, 2, 3]), good.slice(0, 9)]) {
    expect(() => b.receive([bytes])).toThrow();
  }
  expect(b.receive([good])).toBe('applied');
  b.set('y', 2);
  send(b, a);
  for (const replica of [a, b]) expect(replica.get([])).toEqual({ x: 1, y: 2 });
});
