/** The census: counters that are kept with each change equal what counting everything gives. */
import fc from 'fast-check';
import * as Y from 'yjs';
import { decodeEntry, parseSegmentId } from '../../lib/core/entry';
import type { TreeNode } from '../../lib/core/node';
import { parseKey } from '../../lib/core/path';
import { supersedes, type Register } from '../../lib/core/register';
import { toHybridTime } from '../../lib/core/stamp';
import { Tree } from '../../lib/core/tree';
import { Turnover } from '../../lib/core/turnover';
import { Bench, documentOf, RETENTION_MS, settle, START_MS } from './replicas';
import type { Replica } from '../../lib/core/replica';

const name = fc.constantFrom('a', 'b', '0');
const path = fc.array(name, { minLength: 1, maxLength: 3 });
const who = fc.nat(2);
const op = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('set' as const), who, path, value: fc.constantFrom(1, 'text', {}, { a: 1 }), ttl: fc.constantFrom(0, 0, 20, RETENTION_MS) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), who, path: fc.array(name, { maxLength: 2 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('commit' as const), who, countMax: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('tell' as const), who, to: who }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('upkeep' as const), who, isManager: fc.boolean(), isAlone: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), who, ms: fc.constantFrom(1, 20, RETENTION_MS) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('epoch' as const), who }) },
);
type Op = typeof op extends fc.Arbitrary<infer T> ? T : never;

function registersOf(replica: Replica): Register[] {
  const registers: Register[] = [];
  for (const [id, map] of documentOf(replica).getMap('segments')) {
    for (const [key, entry] of map as Y.Map<unknown>) registers.push(decodeEntry(entry, key, parseSegmentId(id)!)!);
  }
  return registers;
}

/** Those that no other at their path or above it supersedes, each once. */
function winnersOf(registers: readonly Register[]): Register[] {
  const isAtOrAbove = (other: Register, register: Register): boolean => {
    const [above, at] = [parseKey(other.key)!, parseKey(register.key)!];
    return above.every((segment, i) => segment === at[i]);
  };
  const winners = registers.filter((one) => !registers.some((other) => isAtOrAbove(other, one) && supersedes(other, one)));
  return [...new Map(winners.map((winner) => [winner.key, winner])).values()];
}

function play(replicas: readonly Replica[], bench: Bench, step: Op): void {
  const replica = replicas[step.who]!;
  switch (step.kind) {
    case 'set':
      try {
        replica.set(step.path, step.value, step.ttl);
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_CLUSTER_CACHE_PATH' });
      }
      break;
    case 'delete':
      replica.delete(step.path);
      break;
    case 'commit':
      replica.commit(step.countMax);
      break;
    case 'tell': {
      const to = replicas[step.to]!;
      to.enterEpoch(replica.epoch);
      if (to.epoch.number === replica.epoch.number && to.epoch.founder === replica.epoch.founder) {
        to.receive([replica.encodeState(to.stateVector())]);
      }
      break;
    }
    case 'upkeep':
      replica.tend(new Set(step.isAlone ? [] : replicas.map(({ id }) => id)), step.isManager);
      replica.sweep();
      break;
    case 'wait':
      bench.nowMs += step.ms;
      break;
    case 'epoch':
      replica.beginEpoch();
      break;
  }
}

const createAll = (bench: Bench): Replica[] => ['a', 'b', 'c'].map((id) => bench.create({ id, segmentWritesMax: 3, movesMax: 2 }));

test('entries are those of the document after every step, whatever happens', () => {
  fc.assert(
    fc.property(fc.array(op, { maxLength: 60 }), (ops) => {
      const bench = new Bench();
      const replicas = createAll(bench);
      for (const step of ops) {
        play(replicas, bench, step);
        const census = replicas[step.who]!.census();
        expect(census.entries).toBe(registersOf(replicas[step.who]!).length);
        expect(Math.min(census.live, census.tombstones, census.bytes)).toBeGreaterThanOrEqual(0);
      }
      for (const one of replicas) expect(one.census().entries).toBe(registersOf(one).length);
    }),
    { numRuns: 80 },
  );
});

test('winners are those that lose to nothing in the document, once everybody knows everything', () => {
  const calm = op.filter((step) => step.kind !== 'upkeep' && !(step.kind === 'wait' && step.ms > 100));
  fc.assert(
    fc.property(fc.array(calm, { maxLength: 60 }), (ops) => {
      const bench = new Bench();
      const replicas = createAll(bench);
      for (const step of ops) play(replicas, bench, step);
      for (let round = 0; round < 2; round++) for (const from of replicas) for (const to of replicas) to.enterEpoch(from.epoch);
      settle(...replicas);
      for (const one of replicas) one.sweep();
      settle(...replicas);
      const winners = winnersOf(registersOf(replicas[0]!));
      for (const one of replicas) {
        expect(one.census()).toMatchObject({
          live: winners.filter(({ value }) => value !== undefined).length,
          tombstones: winners.filter(({ value }) => value === undefined).length,
          bytes: winners.reduce((sum, { bytes }) => sum + bytes, 0),
        });
      }
    }),
    { numRuns: 80 },
  );
});

test('entries are those of the document also after garbage of somebody who is gone was cleared away', () => {
  const bench = new Bench();
  const [other, manager] = [bench.create({ id: 'o' }), bench.create({ id: 'm' })];
  const doc = new Y.Doc();
  doc.getMap('segments').set('v.1', new Y.Map(Object.entries({ a: 'garbage', b: [1, 0, 0, 'x'] })));
  manager.receive([Y.encodeStateAsUpdate(doc)]);
  other.set('a', 1);
  settle(other, manager);
  manager.tend(new Set(['o']), true);
  bench.nowMs += RETENTION_MS;
  manager.tend(new Set(['o']), true);
  settle(manager, other);
  expect(registersOf(manager)).toHaveLength(2);
  expect([manager.census().entries, other.census().entries]).toEqual([2, 2]);
});

describe('a tree', () => {
  const step = fc.record({
    kind: fc.constantFrom('add', 'add', 'add', 'remove', 'write', 'expire', 'forget', 'begin', 'salvage'),
    key: fc.constantFrom('', 'a', 'a.b', 'a.b.c', 'b', 'b[0]'),
    home: fc.constantFrom('v.1', 'w.1', 'w.2'),
    time: fc.nat(20),
    value: fc.constantFrom(undefined, 1, 'text'),
    expiresAt: fc.constantFrom(0, 0, START_MS + 5, START_MS + 1e6),
  });

  test('tallies what its nodes hold after every step', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let nowMs = START_MS;
        const tree = new Tree({ now: () => nowMs++, retentionMs: () => RETENTION_MS, onDead: () => {}, onOutrun: () => {}, onCleared: () => {}, findCopy: () => null });
        const stored = new Set<string>();
        let clock = 100;
        for (const { kind, key, home, time, value, expiresAt } of steps) {
          const at = `${home} ${key}`;
          const written = value === undefined || key === '' ? undefined : value;
          const bytes = written === undefined ? 0 : 1 + time;
          const register = (stamp: number, place: string | null): Register =>
            ({ key, time: toHybridTime(START_MS) + stamp, writer: home[0]!, value: written, expiresAt, bytes, home: place });
          if (kind === 'add') {
            tree.addEntry(register(time, home), stored.has(at));
            stored.add(at);
          } else if (kind === 'remove' && stored.delete(at)) tree.removeEntry(home, key);
          else if (kind === 'write') {
            const node = tree.locate(parseKey(key)!);
            tree.write(node, register(++clock, null));
            tree.settle(node, home, stored.has(at));
            stored.add(at);
          } else if (kind === 'expire') tree.expireNext(nowMs);
          else if (kind === 'forget') for (const { node } of tree.orphans.take(() => true)) tree.forget(node);
          else if (kind === 'salvage') tree.salvage(register(time, null));
          else if (kind === 'begin') {
            const turnover = new Turnover(tree, { hasCopy: () => false, carry: () => {}, forgetFormer: () => {} });
            turnover.begin();
            turnover.goOn(Infinity);
            stored.clear();
          }
          expect(tree.tally).toMatchObject({ ...recount(tree.root), entries: stored.size });
        }
      }),
      { numRuns: 200 },
    );
  });

  function recount(node: TreeNode, sum = { live: 0, tombstones: 0, bytes: 0, entries: 0 }): typeof sum {
    const { register, entries } = node;
    if (register !== null) sum[register.value === undefined ? 'tombstones' : 'live']++;
    sum.bytes += register?.bytes ?? 0;
    sum.entries += entries;
    for (const child of node.children()) recount(child, sum);
    return sum;
  }
});
