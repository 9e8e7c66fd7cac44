/** The turnover to a new epoch, in parts, while users go on. */
import fc from 'fast-check';
import type { Replica } from '../../lib/core/replica';
import { Bench, placesOf, RETENTION_MS, settle } from './replicas';

const KEYS = ['a', 'a.b', 'a.b.c', 'd', 'd.e', 'f', 'g.h.i'];
const BIG = 'x'.repeat(8 * 1024);

interface Step {
  readonly kind: 'set' | 'delete' | 'get';
  readonly key: string;
  readonly ttl: number;
  readonly isBig: boolean;
  /** Nodes that are looked at before. */
  readonly nodes: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('set', 'set', 'delete', 'get'),
  key: fc.constantFrom(...KEYS),
  ttl: fc.constantFrom(0, 0, 1000),
  isBig: fc.boolean(),
  nodes: fc.nat(3),
});

/** What comes of it where `nodesOf` tells how far the turnover gets before each step of the second half. */
function play(steps: readonly Step[], nodesOf: (step: Step) => number): unknown {
  const bench = new Bench();
  const [a, b] = [bench.create(), bench.create()];
  const half = Math.floor(steps.length / 2);
  const act = (replica: Replica, { kind, key, ttl, isBig }: Step, i: number): void => {
    bench.nowMs++;
    if (kind === 'set') replica.set(key, isBig ? `${i}${BIG}` : i, ttl);
    else if (kind === 'delete') replica.delete(key);
    else replica.get(key);
  };
  for (const [i, one] of steps.slice(0, half).entries()) {
    act(i % 2 === 0 ? a : b, one, i);
    if (i % 3 === 0) settle(a, b);
  }
  settle(a, b);
  a.beginEpoch();
  for (const [i, one] of steps.slice(half).entries()) {
    a.turnOver(nodesOf(one));
    act(a, one, half + i);
  }
  const shown = a.get([]);
  b.enterEpoch(a.epoch);
  settle(a, b);
  const keys = placesOf(a).map((place) => place.split(' ')[1]).sort();
  expect(b.get([])).toEqual(shown);
  const { live, tombstones, bytes, entries } = a.census();
  return { shown, keys, live, tombstones, bytes, entries, isWhole: [a.isWhole, b.isWhole] };
}

test('ends as it does in one piece, whatever is read and written meanwhile', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      expect(play(steps, ({ nodes }) => nodes)).toEqual(play(steps, () => Infinity));
    }),
    { numRuns: 300 },
  );
});

test('goes on by as many nodes as are asked for; until its end nothing counts as written, and nothing is whole', () => {
  const replica = new Bench().create();
  for (let i = 0; i < 8; i++) replica.set(`k${i}`, i);
  replica.commit();
  expect([replica.isTurningOver, replica.turnOver(1)]).toEqual([false, false]);
  replica.beginEpoch();
  // The root, and eight below it.
  for (let left = 9; left > 0; left -= 3) {
    expect([replica.isTurningOver, replica.hasUnwritten, replica.hasUncommitted, replica.isWhole]).toEqual([true, true, true, false]);
    expect(replica.turnOver(3)).toBe(left > 3);
  }
  expect([replica.isTurningOver, replica.hasUnwritten, replica.isWhole]).toEqual([false, true, false]);
  replica.commit();
  expect([replica.hasUnwritten, replica.isWhole, placesOf(replica).length]).toEqual([false, true, 8]);
});

describe('is brought to its end first', () => {
  const acts: Record<string, (replica: Replica, update: Uint8Array) => void> = {
    commit: (replica) => replica.commit(),
    receive: (replica, update) => replica.receive([update]),
    load: (replica, update) => {
      replica.load(replica.epoch, [update]);
    },
    sweep: (replica) => replica.sweep(1),
    tend: (replica) => {
      replica.tend(new Set(), false);
    },
    writeOrphans: (replica) => {
      replica.writeOrphans();
    },
  };

  test.each(Object.keys(acts))('by %s', (name) => {
    const bench = new Bench();
    const [replica, other] = [bench.create(), bench.create()];
    for (let i = 0; i < 20; i++) (i % 2 === 0 ? replica : other).set(`k${i}`, i);
    settle(replica, other);
    replica.beginEpoch();
    replica.turnOver(3);
    other.enterEpoch(replica.epoch);
    acts[name]!(replica, other.commit()!);
    expect(replica.isTurningOver).toBe(false);
    other.enterEpoch(replica.epoch);
    settle(replica, other);
    const places = placesOf(replica);
    // What is written for others is there twice.
    expect(places).toHaveLength(name === 'writeOrphans' ? 30 : 20);
    expect(new Set(places.map((place) => place.split(' ')[1])).size).toBe(20);
    expect(replica.census().entries).toBe(places.length);
    expect(placesOf(other)).toEqual(places);
  });

  test('but not by an empty list of updates', () => {
    const replica = new Bench().create();
    replica.set('a', 1);
    replica.commit();
    replica.beginEpoch();
    replica.receive([]);
    replica.load(replica.epoch, []);
    expect(replica.isTurningOver).toBe(true);
  });
});

test('goes on where it was when yet another epoch begins', () => {
  const bench = new Bench();
  const [replica, other] = [bench.create(), bench.create()];
  for (let i = 0; i < 20; i++) (i % 2 === 0 ? replica : other).set(`k${i}`, i);
  settle(replica, other);
  replica.beginEpoch();
  replica.turnOver(7);
  replica.set('k0', 'new');
  replica.beginEpoch();
  // Of the root and twenty below it.
  expect([replica.turnOver(13), replica.turnOver(1), replica.isTurningOver]).toEqual([true, false, false]);
  other.enterEpoch(replica.epoch);
  settle(replica, other);
  expect(placesOf(replica)).toHaveLength(20);
  expect([replica.get('k0'), other.get('k0'), replica.isWhole, other.isWhole]).toEqual(['new', 'new', true, true]);
});

test('of what several have a copy, each carries its own, whoever of them is gone', () => {
  const bench = new Bench();
  const [a, b, gone] = [bench.create(), bench.create(), bench.create()];
  gone.set('k', 1);
  settle(a, b, gone);
  a.beginEpoch();
  b.enterEpoch(a.epoch);
  for (const replica of [a, b]) replica.writeOrphans();
  settle(a, b);
  expect(placesOf(a)).toEqual(['r0.1 k', 'r1.1 k']);
  for (const replica of [a, b]) {
    replica.beginEpoch();
    // The document with the copies is not the last one.
    replica.beginEpoch();
    replica.commit();
    expect(placesOf(replica)).toEqual([`${replica.id}.1 k`]);
  }
});

test('what one who is gone had is not removed in the new document, where it may have come back under the same name', () => {
  const bench = new Bench();
  const [manager, gone] = [bench.create(), bench.create()];
  gone.set('big', BIG);
  settle(manager, gone);
  const adopt = (): void => {
    manager.tend(new Set(), true);
    bench.nowMs += RETENTION_MS;
    manager.tend(new Set(), true);
  };
  adopt();
  manager.beginEpoch();
  bench.nowMs++;
  manager.set('big', 'small');
  gone.enterEpoch(manager.epoch);
  bench.nowMs++;
  gone.set('big', 'back');
  manager.receive([gone.commit()!]);
  // By way of somebody else.
  adopt();
  manager.commit();
  expect(manager.get('big')).toBe('back');
  expect(placesOf(manager)).toHaveLength(1);
});

test('what is overwritten before it was looked at is written once, and stays', () => {
  const replica = new Bench().create();
  replica.set('big', BIG);
  replica.set('small', 1);
  replica.commit();
  replica.beginEpoch();
  replica.set('big', `2${BIG}`);
  replica.set('small', 2);
  replica.commit();
  replica.commit();
  expect(placesOf(replica)).toHaveLength(2);
  expect([replica.get('small'), replica.hasUncommitted]).toEqual([2, false]);
});
