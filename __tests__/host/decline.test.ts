/** What a host answers for a cache that is not open in it, to a peer that speaks the protocol by hand. */
import type { Message } from '../../lib/core/message';
import { firstEpoch } from '../../lib/core/epoch';
import { Cache } from '../../lib/index';
import { addCleanup, newDirectory, until } from '../process/harness';
import { SpokenPeer } from './spoken-peer';

const vector = new Uint8Array([0]);
const update = new Uint8Array([0, 0]);

test('a peer that takes a closed cache for an open one is told that it is not, and no word of that is answered', async () => {
  const path = newDirectory();
  const other = new Cache('other', { path, persist: false });
  addCleanup(() => other.close());
  await other.sync();

  const peer = await SpokenPeer.connect(path, 'closed');
  const answers = peer.heard;
  const state = { type: 'state', epoch: firstEpoch, replicaId: 'r', vector, isMirrored: false, isDeferred: false, isPersistent: false } as const;
  const mistakes: Message[] = [
    { type: 'update', epoch: firstEpoch, update },
    { type: 'compare', epoch: firstEpoch, vector, entries: 0 },
    { type: 'flush', token: 1, isDurable: false, vector: new Uint8Array() },
  ];
  for (const [i, mistake] of mistakes.entries()) {
    peer.say(mistake);
    await until(`the answer to ${mistake.type}`, () => answers.length === i + 1);
  }
  expect(answers.splice(0)).toEqual(mistakes.map(() => ({ type: 'leave' })));

  peer.say({ type: 'leave' });
  peer.say({ type: 'none', token: 1 });
  peer.say({ ...state, token: 7 });
  await until('the answer to a state', () => answers.length > 0);
  expect(answers).toEqual([{ type: 'none', token: 7 }]);
});
