/** What goes to the log, and when: never the removal of something without what has taken its place. */
import { existsSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Replica } from '../../lib/core/replica';
import { Intake } from '../../lib/host/intake';
import { Keeper } from '../../lib/host/keeper';
import type { Peers } from '../../lib/host/peers';
import { Recorder } from '../../lib/host/recorder';
import { limits } from '../../lib/limits';
import { LogFile } from '../../lib/storage/log-file';
import { Store } from '../../lib/storage/store';
import { Bench } from '../core/replicas';
import { until } from '../mesh/meshes';
import { cleanup } from './hosts';

/** Is removed as soon as it has lost. */
const LARGE = 'x'.repeat(limits.lostValueBytesMax + 1);

const bench = new Bench();
const errors: Error[] = [];

afterEach(() => {
  jest.restoreAllMocks();
});

/** A process whose files are at `filename`, and that writes as much in one commit as `commitMax`. */
function open(filename: string, commitMax = Infinity): { replica: Replica; keeper: Keeper } {
  const replica: Replica = bench.create({ onUpdate: (update) => keeper.record(update), isCopied: () => keeper.isCopying });
  const commit = (): void => void replica.commit(commitMax);
  const onError = (error: Error): void => void errors.push(error);
  const peers = { count: 1, push: () => undefined, restartAll: () => undefined } as unknown as Peers;
  const intake = new Intake({ replica, peers, commit, onError });
  const keeper = new Keeper({ replica, intake, filename, durability: 'no', commit, onError });
  return { replica, keeper };
}

/** One that has read its files, of which there are none. */
async function begin(commitMax?: number): Promise<ReturnType<typeof open> & { filename: string }> {
  const filename = join(cleanup.directory(), 'c.db');
  const opened = open(filename, commitMax);
  await opened.keeper.begin();
  return { filename, ...opened };
}

async function readBack(filename: string): Promise<unknown> {
  const { replica, keeper } = open(filename);
  await keeper.begin();
  return replica.get([]);
}

/** Updates of an owner: with `keys`, and with their removal, since somebody else has overwritten them. */
function overwritten(...keys: string[]): { written: Uint8Array; removal: Uint8Array; overwrite: Uint8Array } {
  const [owner, other] = [bench.create(), bench.create()];
  for (const key of keys) owner.set(key, LARGE);
  const written = owner.commit()!;
  bench.nowMs++;
  for (const key of keys) other.set(key, 'newer');
  const overwrite = other.commit()!;
  owner.receive([overwrite]);
  return { written, removal: owner.commit()!, overwrite };
}

test('a log that has a removal has what was removed as well, or what has taken its place', async () => {
  const { filename, replica, keeper } = await begin();
  keeper.takeOffice();
  const [first, second] = [overwritten('a'), overwritten('b')];
  replica.receive([first.written, second.written]);
  await keeper.save();
  replica.receive([first.removal]);
  replica.receive([second.removal]);
  replica.receive([second.overwrite]);
  await keeper.save();
  expect(await readBack(filename)).toEqual({ a: LARGE, b: 'newer' });
  replica.receive([first.overwrite]);
  await keeper.save();
  expect(await readBack(filename)).toEqual({ a: 'newer', b: 'newer' });
  await keeper.end();
  expect(errors).toEqual([]);
});

test('a snapshot has what was removed before this process was in office', async () => {
  const { filename, replica, keeper } = await begin();
  const { written, removal } = overwritten('a');
  replica.receive([written]);
  replica.receive([removal]);
  expect(replica.hasUncommitted).toBe(false);
  keeper.takeOffice();
  await keeper.save();
  expect(await readBack(filename)).toEqual({ a: LARGE });
  await keeper.end();
});

test('a snapshot has what is removed while it is made', async () => {
  const { filename, replica, keeper } = await begin();
  const { written, removal } = overwritten('a');
  replica.receive([written]);
  keeper.takeOffice();
  const beginning = jest.spyOn(replica, 'beginState').mockImplementationOnce((vector) => {
    const state = replica.beginState(vector);
    replica.receive([removal]);
    return state;
  });
  await keeper.save();
  expect(beginning).toHaveBeenCalled();
  // The log has it, too.
  const copy = join(cleanup.directory(), 'c.db');
  await copyFile(filename, copy);
  expect(await readBack(copy)).toEqual({ a: LARGE });
  await keeper.end();
});

test('a sync of the log begins when the log has all that was recorded', async () => {
  const { replica, keeper } = await begin();
  keeper.takeOffice();
  replica.set('a', 1);
  replica.commit();
  await keeper.save();
  const [add, sync] = (['add', 'sync'] as const).map((name) => jest.spyOn(LogFile.prototype, name));
  replica.set('a', 2);
  replica.commit();
  const saving = keeper.save();
  await Promise.resolve();
  expect([add!.mock.calls.length, sync!.mock.calls.length]).toEqual([1, 1]);
  expect(add!.mock.invocationCallOrder[0]).toBeLessThan(sync!.mock.invocationCallOrder[0]!);
  await saving;
  await keeper.end();
});

test('what was recorded just before the end is in the files', async () => {
  const { filename, replica, keeper } = await begin();
  keeper.takeOffice();
  replica.set('a', 1);
  replica.commit();
  await keeper.save();
  replica.set('a', 2);
  replica.commit();
  await keeper.end();
  expect(await readBack(filename)).toEqual({ a: 2 });
});

test('who loses the office while it writes its first snapshot keeps no log', async () => {
  const { filename, replica, keeper } = await begin();
  replica.set('a', 1);
  replica.commit();
  keeper.takeOffice();
  keeper.leaveOffice();
  const add = jest.spyOn(LogFile.prototype, 'add');
  await until('the snapshot is there', () => existsSync(filename));
  let turns = 0;
  await until('nothing is recorded', () => {
    const isQuiet = turns > 0 && add.mock.calls.length === 0;
    add.mockClear();
    replica.set('a', ++turns);
    replica.commit();
    return isQuiet;
  });
  // Somebody else's to write from now on.
  expect(keeper.isCopying).toBe(false);
  await keeper.end();
});

test.each([0, 1, 2, 3, 4])('who comes into office again while a snapshot of the term before is written, after %s turns, copies all the same', async (turns) => {
  const { filename, replica, keeper } = await begin();
  const { written, removal } = overwritten('a');
  replica.receive([written]);
  keeper.takeOffice();
  for (let i = 0; i < turns; i++) await nextTurn();
  keeper.leaveOffice();
  keeper.takeOffice();
  await keeper.save();
  replica.set('b', 1);
  replica.commit();
  await keeper.save();
  replica.receive([removal]);
  await keeper.save();
  expect([keeper.isCopying, await readBack(filename)]).toEqual([true, { a: LARGE, b: 1 }]);
  await keeper.end();
});

test('what was removed before a new epoch is the first that is written into it, and the log waits for that', async () => {
  const { filename, replica, keeper } = await begin(1);
  const { written, removal } = overwritten('a');
  keeper.takeOffice();
  for (let i = 0; i < 20; i++) replica.set(`z${i}`, i);
  while (replica.hasUncommitted) replica.commit();
  replica.receive([written]);
  await keeper.save();
  replica.receive([removal]);
  replica.enterEpoch({ number: 1, founder: 'z' });
  while (replica.turnOver(100));
  const write = jest.spyOn(LogFile.prototype, 'write');
  await until('the log is written', () => write.mock.calls.length > 0);
  await write.mock.results[0]!.value;
  expect([replica.hasUnwritten, await readBack(filename)]).toMatchObject([true, { a: LARGE, z0: 0 }]);
  await keeper.end();
});

test('a snapshot comes to an end though in each turn something is removed before what has taken its place is there', async () => {
  const { replica, keeper } = await begin();
  const all = Array.from({ length: 400 }, (_, i) => overwritten(`k${i}`));
  replica.receive(all.map(({ written }) => written));
  keeper.takeOffice();
  // However long the disk takes then.
  let isOver = false;
  const save = Store.prototype.save;
  jest.spyOn(Store.prototype, 'save').mockImplementation(function made(this: Store, snapshot) {
    isOver = true;
    return save.call(this, snapshot);
  });
  const saving = keeper.save();
  let turns = 0;
  // Timers come before the snapshot looks, in every turn, as a turn takes longer than they do.
  const bring = (): void => {
    if (isOver || turns === all.length) return;
    if (turns > 0) replica.receive([all[turns - 1]!.overwrite]);
    replica.receive([all[turns++]!.removal]);
    setTimeout(bring, 0);
    for (const end = performance.now() + 2; performance.now() < end; );
  };
  bring();
  await until('the snapshot is made, or all was brought', () => isOver || turns === all.length);
  expect(turns).toBeLessThan(all.length);
  await saving;
  await keeper.end();
});

describe('what takes more than a turn to write again', () => {
  const added: Uint8Array[] = [];
  const log = { add: ({ update }: { update: Uint8Array }) => void added.push(update) } as unknown as LogFile;
  let onDue: jest.Mock;
  let replica: Replica;
  let recorder: Recorder;

  beforeEach(() => {
    added.length = 0;
    onDue = jest.fn();
    replica = bench.create({ isCopied: () => true, onUpdate: (update) => recorder.add(log, update) });
    // As much as one turn has time for.
    recorder = new Recorder({ replica, commit: () => void replica.commit(1), onDue });
    const { written, removal } = overwritten('a', 'b', 'c');
    replica.receive([written]);
    replica.receive([removal]);
  });

  test('is handed on with the removal when all of it is', async () => {
    expect([recorder.handTo(log), recorder.handTo(log), added.length]).toEqual([false, false, 0]);
    await nextTurn();
    expect(onDue).toHaveBeenCalledTimes(1);
    expect([recorder.handTo(log), added.length]).toEqual([true, 5]);
    const reader = bench.create();
    reader.receive(added);
    expect(reader.get([])).toEqual({ a: LARGE, b: LARGE, c: LARGE });
  });

  test('is due again in the next turn, as often as it takes', async () => {
    await nextTurn();
    for (let count = 1; count < 3 && !recorder.handTo(log); count++) {
      expect(onDue).toHaveBeenCalledTimes(count);
      await nextTurn();
    }
    expect([recorder.handTo(log), added.length]).toEqual([true, 5]);
  });

  test('stays for its log, when another one is looked at first', () => {
    const other = { add: jest.fn() } as unknown as LogFile;
    expect([1, 2, 3].map(() => recorder.handTo(other))).toEqual([false, false, true]);
    expect([recorder.handTo(log), added.length]).toEqual([true, 5]);
  });

  test('is not for another log: that follows a snapshot', () => {
    const other = { add: jest.fn() };
    while (replica.isRetaining) replica.commit();
    recorder.add(other as unknown as LogFile, new Uint8Array());
    expect([recorder.handTo(log), added.length]).toEqual([true, 0]);
    expect([recorder.handTo(other as unknown as LogFile), other.add.mock.calls.length]).toEqual([true, 1]);
  });
});
