/** What a host answers for a cache that is not open in it, to a peer that speaks the protocol by hand. */
import { connect } from 'node:net';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { decodeEnvelope, encodeEnvelope, type Envelope, type Message } from '../../lib/core/message';
import { firstEpoch } from '../../lib/core/epoch';
import { Cache } from '../../lib/index';
import { encodeFrame, FrameDecoder } from '../../lib/mesh/frame';
import { encodeHello } from '../../lib/mesh/hello';
import { socketDirectory } from '../../lib/mesh/directory';
import { limits } from '../../lib/limits';
import { addCleanup, newDirectory, until } from '../process/harness';

const frameType = { hello: 1, accept: 2, message: 4 } as const;
const vector = new Uint8Array([0]);
const update = new Uint8Array([0, 0]);

test('a peer that takes a closed cache for an open one is told that it is not, and no word of that is answered', async () => {
  const path = newDirectory();
  const other = new Cache('other', { path, persist: false });
  addCleanup(() => other.close());
  await other.sync();

  const sockets = await socketDirectory(path);
  const peer = connect(join(sockets, readdirSync(sockets)[0]!));
  addCleanup(() => peer.destroy());
  const answers: Message[] = [];
  const decoder = new FrameDecoder(limits.frameBytesMax);
  peer.on('data', (chunk: Buffer) => {
    for (const { type, payload } of decoder.push(chunk)) {
      if (type !== frameType.message) continue;
      const { cache, message }: Envelope = decodeEnvelope(payload);
      if (cache === 'closed') answers.push(message);
    }
  });
  const say = (message: Message): void => {
    peer.write(encodeFrame(frameType.message, encodeEnvelope({ cache: 'closed', message })));
  };
  // As the smaller id, the peer is the one who accepts.
  peer.write(encodeFrame(frameType.hello, encodeHello({ id: '0', seniority: { rank: 1, startedAt: 1 }, pid: 1, threadId: 0 })));
  peer.write(encodeFrame(frameType.accept, new Uint8Array(0)));

  const state = { type: 'state', epoch: firstEpoch, replicaId: 'r', vector, isMirrored: false, isDeferred: false, isPersistent: false } as const;
  const mistakes: Message[] = [
    { type: 'update', epoch: firstEpoch, update },
    { type: 'compare', epoch: firstEpoch, vector, entries: 0 },
    { type: 'flush', token: 1, isDurable: false },
  ];
  for (const [i, mistake] of mistakes.entries()) {
    say(mistake);
    await until(`the answer to ${mistake.type}`, () => answers.length === i + 1);
  }
  expect(answers.splice(0)).toEqual(mistakes.map(() => ({ type: 'leave' })));

  say({ type: 'leave' });
  say({ type: 'none', token: 1 });
  say({ ...state, token: 7 });
  await until('the answer to a state', () => answers.length > 0);
  expect(answers).toEqual([{ type: 'none', token: 7 }]);
});
