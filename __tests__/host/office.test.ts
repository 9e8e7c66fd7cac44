/** The office of manager: what it sees to while a peer does not answer. */
import { join } from 'node:path';
import { encodeEnvelope } from '../../lib/core/message';
import { Intake } from '../../lib/host/intake';
import { Keeper } from '../../lib/host/keeper';
import { Office } from '../../lib/host/office';
import { Peers } from '../../lib/host/peers';
import { Bench } from '../core/replicas';
import { until } from '../mesh/meshes';
import { cleanup, linkToSilentPeer } from './hosts';

test('a flush of the manager is on disk, though a peer does not answer', async () => {
  const errors: Error[] = [];
  const onError = (error: Error): void => void errors.push(error);
  const replica = new Bench().create({ onUpdate: (update) => keeper.record(update) });
  const commit = (): void => void replica.commit();
  const peers = new Peers({
    replica,
    isPersistent: true,
    send: (link, message) => link.send(encodeEnvelope({ cache: 'c', message })),
    onPresence: () => undefined,
    onSave: () => undefined,
    onError,
  });
  const filename = join(cleanup.directory(), 'c.db');
  const intake = new Intake({ replica, peers, commit, onError });
  // It syncs nothing unless it is asked to.
  const keeper: Keeper = new Keeper({ replica, intake, filename, durability: 'no', commit, onError });
  const office = new Office({
    replica,
    peers,
    keeper,
    isPersistent: true,
    self: () => ({ id: 'self', seniority: { rank: 1, startedAt: 1_000 }, pid: process.pid, threadId: 0 }),
    commit,
    onManager: () => undefined,
    onError,
  });
  await keeper.begin();
  office.choose();
  replica.set('a', 1);
  commit();
  await office.flush();

  const { link } = await linkToSilentPeer();
  peers.add(link);
  replica.set('b', 2);
  commit();
  expect(keeper.isSaved).toBe(false);
  const flushing = office.flush();
  await until('it is on disk', () => keeper.isSaved);
  peers.remove(link);
  await flushing;
  await keeper.end();
  expect(errors).toEqual([]);
});
