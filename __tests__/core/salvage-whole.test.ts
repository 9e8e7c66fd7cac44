/**
 * Salvage, as a property: whatever a file of another epoch has lost of what it once had, and in whatever order the rest
 * comes, it is taken in as Yjs would take in all of it in one transaction.
 */
import fc from 'fast-check';
import * as Y from 'yjs';
import type { Replica } from '../../lib/core/replica';
import { Bench } from './replicas';

const REPLICAS = ['a', 'b', 'c'];
const PATHS = ['k0', 'k1', 'k2.x', 'k2.y', 'k2', 'k3', 'k4', 'k5'];

const step = fc.record({
  who: fc.nat(2),
  other: fc.constantFrom(1, 2),
  kind: fc.constantFrom('set', 'set', 'short', 'delete', 'commit', 'sweep', 'sync', 'slices', 'tend'),
  path: fc.constantFrom(...PATHS),
  amount: fc.nat(9),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What all have taken in, each in its order, and a state of the first, after `steps`. */
function play(steps: readonly Step[], segmentWritesMax: number): { readonly logs: Uint8Array[][]; readonly state: Uint8Array } {
  const bench = new Bench();
  const logs = new Map<string, Uint8Array[]>(REPLICAS.map((id) => [id, []]));
  const replicas = REPLICAS.map((id) =>
    bench.create({ id, segmentWritesMax, movesMax: 2, stateStructsMax: 3, onUpdate: (update) => void logs.get(id)!.push(update) }));
  const actions: Record<string, (replica: Replica, step: Step, other: Replica) => void> = {
    set: (replica, { path, amount }) => void replica.set(path, amount),
    short: (replica, { path, amount }) => void replica.set(path, amount, 500 + amount * 10_000),
    delete: (replica, { path }) => void replica.delete(path),
    commit: (replica, { amount }) => void replica.commit(amount < 5 ? 2 : Infinity),
    sweep: (replica, { amount }) => {
      bench.nowMs += amount * 30_000;
      replica.sweep();
      replica.commit();
    },
    sync: (replica, _step, other) => {
      other.commit();
      replica.receive([other.encodeState(replica.stateVector())]);
    },
    slices: (replica, _step, other) => {
      other.commit();
      const state = other.beginState(replica.stateVector());
      for (let update = state.next(); update !== null; update = state.next()) if (update.length > 0) replica.receive([update]);
    },
    tend: (replica, { amount }) => {
      replica.tend(new Set(amount < 5 ? REPLICAS : [replica.id]), amount % 3 === 0, new Set(REPLICAS));
      replica.commit();
    },
  };
  for (const each of steps) {
    bench.nowMs++;
    actions[each.kind]!(replicas[each.who]!, each, replicas[(each.who + each.other) % 3]!);
  }
  for (const replica of replicas) replica.commit();
  return { logs: [...logs.values()], state: replicas[0]!.encodeState() };
}

/** A replica in a later epoch that has taken `updates` in, at once or in parts with a commit after each. */
function take(updates: readonly Uint8Array[], isInParts: boolean): Replica {
  // Clients that none of the writers is.
  let clientId = 1_000_000_000;
  const replica = new Bench().create({ id: 'r', nextClientId: () => ++clientId });
  const { epoch } = replica;
  replica.enterEpoch({ number: 7, founder: 'f' });
  const salvage = replica.salvage(epoch, updates);
  while (salvage.goOn(isInParts ? () => false : undefined)) replica.commit();
  replica.commit();
  return replica;
}

function inOneTransaction(updates: readonly Uint8Array[]): Uint8Array {
  const doc = new Y.Doc();
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update);
  });
  // What builds on what is lost.
  doc.store.pendingStructs = doc.store.pendingDs = null;
  return Y.encodeStateAsUpdate(doc);
}

test.each(['whole', 'cut off in front', 'full of holes', 'shuffled'])('logs that are %s', (how) => {
  const scene = fc.record({
    steps: fc.array(step, { minLength: 20, maxLength: 120 }),
    segmentWritesMax: fc.integer({ min: 2, max: 8 }),
    seed: fc.integer(),
    hasState: fc.boolean(),
    isReversed: fc.boolean(),
    logCount: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(scene, ({ steps, segmentWritesMax, seed, hasState, isReversed, logCount }) => {
      let random = seed >>> 0;
      // Numbers that are any, but the same each time (a linear congruential generator, with the numbers of Numerical Recipes).
      const below = (max: number): number => ((random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0) >>> 8) % max;
      const { logs, state } = play(steps, segmentWritesMax);
      const files = logs.slice(0, logCount).map((log) => {
        if (how === 'whole') return log;
        return how === 'cut off in front' ? log.slice(below(log.length + 1)) : log.filter(() => below(6) > 0);
      });
      const updates = (isReversed ? files.reverse() : files).flat();
      if (hasState) updates.splice(below(updates.length + 1), 0, state);
      if (how === 'shuffled') {
        const order = new Map(updates.map((update) => [update, below(1_000_000)]));
        updates.sort((one, other) => order.get(one)! - order.get(other)!);
      }
      const expected = take([inOneTransaction(updates)], false);
      for (const isInParts of [false, true]) {
        const replica = take(updates, isInParts);
        const seen = [replica, expected].map((each) => {
          const { live, tombstones, bytes } = each.census();
          return { values: each.get([]), isWhole: each.isWhole, live, tombstones, bytes };
        });
        expect(seen[0]).toEqual(seen[1]);
      }
    }),
    { numRuns: 100 },
  );
});
