/** The office of manager: what it sees to while a peer does not answer, and when it is lost. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { FlushAnswer } from '../../lib/core/flushes';
import { encodeEnvelope } from '../../lib/core/message';
import type { Replica } from '../../lib/core/replica';
import { Intake } from '../../lib/host/intake';
import { Keeper } from '../../lib/host/keeper';
import { Office } from '../../lib/host/office';
import { Peers } from '../../lib/host/peers';
import { limits } from '../../lib/limits';
import { nodeDisk, type Disk } from '../../lib/storage/disk';
import { Store } from '../../lib/storage/store';
import { Bench } from '../core/replicas';
import { until } from '../mesh/meshes';
import { cleanup, linkToSilentPeer } from './hosts';

const errors: Error[] = [];
const onError = (error: Error): void => void errors.push(error);
beforeEach(() => {
  errors.length = 0;
});

const persistentState = { type: 'state', replicaId: 'silent', token: 1, isMirrored: false, isDeferred: false, isPersistent: true } as const;

/** A process that keeps a file on `disk`, and its office. */
function openOffice(disk?: Disk, rank: () => number = () => 1): { replica: Replica; peers: Peers; keeper: Keeper; office: Office; filename: string } {
  const replica: Replica = new Bench().create({ onUpdate: (update) => keeper.record(update) });
  const commit = (): void => {
    const update = replica.commit();
    if (update !== null) peers.push(update);
    peers.complete();
  };
  const peers = new Peers({
    replica,
    isPersistent: true,
    send: (link, message) => link.send(encodeEnvelope({ cache: 'c', message })),
    onPresence: () => undefined,
    isInformed: () => true,
    onSave: () => undefined,
    onError,
  });
  const filename = join(cleanup.directory(), 'c.db');
  const intake = new Intake({ replica, peers, commit, onError });
  const common = { replica, intake, filename, commit, onError, ...(disk === undefined ? {} : { disk }) };
  // It syncs nothing unless it is asked to.
  const keeper = new Keeper({ ...common, durability: 'no' });
  const office = new Office({
    replica,
    peers,
    keeper,
    isPersistent: true,
    self: () => ({ id: 'self', seniority: { rank: rank(), startedAt: 1_000 }, pid: process.pid, threadId: 0 }),
    commit,
    onManager: () => undefined,
    onError,
  });
  return { replica, peers, keeper, office, filename };
}

test('nobody is taken for gone before the files are read: what they have would be put into what was deleted', async () => {
  const { replica, keeper, office } = openOffice();
  await keeper.begin();
  office.choose();
  const tend = jest.spyOn(replica, 'tend');
  const isManager = (): boolean | undefined => tend.mock.lastCall?.[1];
  office.serve();
  expect([office.isOurs, isManager(), keeper.hasRead]).toEqual([true, false, false]);
  await until('the files are read', () => keeper.hasRead);
  office.serve();
  expect(isManager()).toBe(true);
  keeper.leaveOffice();
  office.serve();
  expect(isManager()).toBe(false);
  await keeper.end();
});

test('nothing is asked of a replica that looks through a new epoch, which that would have to end first', () => {
  const { replica, office } = openOffice();
  replica.set('a', 1);
  replica.commit();
  replica.beginEpoch();
  office.serve();
  expect(replica.isTurningOver).toBe(true);
});

test('a flush of the manager is on disk, though a peer does not answer', async () => {
  const { replica, peers, keeper, office } = openOffice();
  await keeper.begin();
  office.choose();
  replica.set('a', 1);
  replica.commit();
  await office.flush();

  const { link } = await linkToSilentPeer();
  peers.add(link);
  replica.set('b', 2);
  replica.commit();
  expect(keeper.isSaved).toBe(false);
  const flushing = office.flush();
  await until('it is on disk', () => keeper.isSaved);
  // Who closes the cache waits for it, before the files are left to others.
  let isSettled = false;
  const settling = office.settle().then(() => (isSettled = true));
  await delay(20);
  expect(isSettled).toBe(false);
  peers.remove(link);
  await flushing;
  await settling;
  await keeper.end();
  expect(errors).toEqual([]);
});

test('who loses the office while it saves for a peer sends it to the new manager, and leaves the files alone', async () => {
  const { link } = await linkToSilentPeer();
  let [takings, rank] = [0, 0];
  let whileStaging = (): Promise<void> => Promise.resolve();
  const { rename, writeFile } = nodeDisk.async;
  const disk: Disk = {
    ...nodeDisk,
    async: {
      ...nodeDisk.async,
      rename: (from, to) => {
        if (from.endsWith('-log')) takings++;
        return rename(from, to);
      },
      writeFile: async (path, bytes) => {
        await whileStaging();
        return writeFile(path, bytes);
      },
    },
  };
  const { replica, peers, keeper, office, filename } = openOffice(disk, () => rank);
  await keeper.begin();
  office.choose();
  replica.set('a', 1);
  replica.commit();
  const other = new Store({ filename });
  whileStaging = async () => {
    // A more senior process appears, comes into office and takes the files.
    peers.add(link);
    peers.receive(link, [{ ...persistentState, epoch: replica.epoch, vector: replica.stateVector() }]);
    rank = 9;
    office.choose();
    await other.takeOver();
    takings = 0;
  };
  const answers: FlushAnswer[] = [];
  office.saveFor((answer) => void answers.push(answer), () => true);
  await until('the answer', () => answers.length > 0);
  expect([office.isOurs, answers]).toEqual([false, [{ kind: 'declined' }]]);
  // What it began is over; nothing takes the log of the new one.
  expect(takings).toBe(0);
  await other.releaseLog();
  await keeper.end();
  expect(errors).toEqual([]);
});

test('who is declined by the manager again and again saves by itself', async () => {
  const { link, heard } = await linkToSilentPeer();
  const { replica, peers, keeper, office, filename } = openOffice(undefined, () => 9);
  await keeper.begin();
  replica.set('a', 1);
  replica.commit();
  peers.add(link);
  peers.receive(link, [{ ...persistentState, epoch: replica.epoch, vector: replica.stateVector() }]);
  office.choose();
  expect(office.isOurs).toBe(false);
  let isDone = false as boolean;
  const flushing = office.flush().then(() => (isDone = true));
  const answers: string[] = [];
  // It sees somebody else, who is more senior still, and whom this process does not see.
  while (!isDone) {
    await delay(5);
    for (const message of heard.splice(0)) {
      if (message.type !== 'flush') continue;
      const { token, isDurable } = message;
      answers.push(isDurable ? 'declined' : 'flushed');
      peers.receive(link, [isDurable ? { type: 'declined', token } : { type: 'flushed', token, problem: '' }]);
    }
  }
  await flushing;
  expect(answers).toEqual(['declined', 'declined', 'declined', 'flushed']);
  const { updates } = await new Store({ filename }).load();
  expect(updates).toHaveLength(1);
  await keeper.end();
  peers.remove(link);
  expect(errors).toEqual([]);
});

test('a flush in a new epoch writes what its owner does not, and then asks whether all of it is there', async () => {
  const { link, heard } = await linkToSilentPeer();
  const { replica, peers, office } = openOffice(undefined, () => 9);
  const owner = new Bench().create({ id: 'owner', nextClientId: () => 99 });
  owner.set('theirs', 1);
  replica.receive([owner.commit()!]);
  peers.add(link);
  replica.beginEpoch();
  // The peer has the cache open in the new epoch; nobody has ever seen the owner again.
  peers.receive(link, [{ ...persistentState, epoch: replica.epoch, vector: replica.stateVector() }]);
  office.choose();
  expect([office.isOurs, replica.isWhole]).toEqual([false, false]);
  const flushing = office.flush();
  await until('the flush', () => heard.some(({ type }) => type === 'flush'));
  expect(replica.isWhole).toBe(true);
  const written = heard.findIndex(({ type }) => type === 'update');
  const flush = heard.find((message) => message.type === 'flush')!;
  expect(heard.indexOf(flush)).toBeGreaterThan(written);
  expect(replica.hasVector(flush.vector)).toBe(true);
  peers.receive(link, [{ type: 'flushed', token: flush.token, problem: '' }]);
  await flushing;
  peers.remove(link);
  expect(errors).toEqual([]);
});

test('however many flushes wait, one looks whether the document is whole; none does when they have ended', async () => {
  const { replica, peers, keeper, office } = openOffice();
  await keeper.begin();
  office.choose();
  const { link } = await linkToSilentPeer();
  peers.add(link);
  const flushes: Promise<void>[] = [];
  for (let i = 0; i < 300; i++) flushes.push(office.flush());
  const commit = jest.spyOn(replica, 'commit');
  await delay(5 * limits.wholePollMs);
  await until('there were looks', () => commit.mock.calls.length > 2);
  // Each look commits once: 300 of them would have done so some 1,500 times.
  expect(commit.mock.calls.length).toBeLessThan(300);
  peers.remove(link);
  await Promise.all(flushes);
  commit.mockClear();
  await delay(5 * limits.wholePollMs);
  expect(commit).not.toHaveBeenCalled();
  await keeper.end();
  expect(errors).toEqual([]);
});
