/** The intake of files: of another epoch, too, a few milliseconds in each turn of the event loop. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Change } from '../../lib/core/change';
import type { Replica } from '../../lib/core/replica';
import { Intake } from '../../lib/host/intake';
import type { Peers } from '../../lib/host/peers';
import { limits } from '../../lib/limits';
import { Bench } from '../core/replicas';

const COUNT = 5000;

/** A file of `COUNT` values, each in an update of its own, and a replica that is in a later epoch. */
function begin(onChange?: (change: Change) => void) {
  const bench = new Bench();
  const writer = bench.create({ id: 'w' });
  const updates = Array.from({ length: COUNT }, (_, i) => {
    writer.set(`k${i}`, i);
    return { epoch: writer.epoch, update: writer.commit()! };
  });
  const replica = bench.create({ id: 'r', ...(onChange === undefined ? {} : { onChange }) });
  replica.enterEpoch({ number: 1, founder: 'f' });
  const errors: Error[] = [];
  const peers = { count: 0, restartAll: () => undefined } as unknown as Peers;
  const onError = (error: Error): void => void errors.push(error);
  const intake = new Intake({ replica, peers, commit: () => void replica.commit(), onError });
  const loading = { updates, problems: [], isSynced: true };
  return { writer, replica, intake, loading, errors };
}

/** Turns of the event loop until `work` is done, in each of which `act` is called with how many there were. */
async function turnsUntil(work: Promise<unknown>, act: (turn: number) => void = () => undefined): Promise<number> {
  const state = { isDone: false };
  const end = (): void => void (state.isDone = true);
  void work.then(end, end);
  let turns = 0;
  for (; !state.isDone; turns++) {
    act(turns);
    await nextTurn();
  }
  return turns;
}

const liveOf = (replica: Replica): number => replica.census().live;

test('it takes as many turns as it takes, and the replica has then what the file has', async () => {
  // Each look at the clock takes as long as all that may be done in a turn.
  const now = performance.now.bind(performance);
  let looks = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => now() + limits.turnMs * ++looks);
  const { writer, replica, intake, loading } = begin();
  const taking = intake.take({ ...loading, updates: loading.updates.slice(0, 100) });
  // Each update, and each value.
  expect(await turnsUntil(taking)).toBeGreaterThanOrEqual(200);
  jest.restoreAllMocks();
  // What it has is in this epoch in no file yet.
  expect([await taking, liveOf(replica), replica.isWhole]).toEqual([false, 100, true]);
  await intake.take(loading);
  expect(replica.get([])).toEqual(writer.get([]));
});

test.each([0, 1, 3])('it is known that the file has not all, where something is set in turn %d', async (when) => {
  const { replica, intake, loading } = begin();
  await intake.take(loading);
  // Nothing is new.
  expect(await intake.take(loading)).toBe(true);
  const taking = intake.take(loading);
  const turns = await turnsUntil(taking, (turn) => {
    if (turn === when) replica.set('mine', 1);
  });
  expect(turns).toBeGreaterThan(when);
  expect([await taking, liveOf(replica)]).toEqual([false, COUNT + 1]);
});

test.each(['the same', 'another'])('it is known that a file of %s epoch has not what a listener to changes sets', async (which) => {
  const scene = begin(({ register }) => {
    if (register.key === 'k3') scene.replica.set('mine', 1);
  });
  const { writer, replica, intake, loading } = scene;
  const epoch = which === 'the same' ? replica.epoch : writer.epoch;
  const updates = loading.updates.slice(0, 10).map(({ update }) => ({ epoch, update }));
  expect(await intake.take({ ...loading, updates })).toBe(false);
  expect([replica.get('mine'), replica.hasUnwritten]).toEqual([1, false]);
});

test('bytes that are none change nothing, and are reported', async () => {
  const { writer, replica, intake, loading, errors } = begin();
  const faulty = { epoch: writer.epoch, update: new Uint8Array([1, 2, 3]) };
  expect(await intake.take({ ...loading, updates: [...loading.updates, faulty] })).toBe(false);
  expect([liveOf(replica), errors.map((error) => (error as { code?: string }).code)]).toEqual([0, ['ERR_CLUSTER_CACHE_SNAPSHOT']]);
});
