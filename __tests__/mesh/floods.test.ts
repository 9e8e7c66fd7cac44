/** Neighbours that connect and never come to the point: what they cost is bounded, and nobody else is held up. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { limits } from '../../lib/limits';
import { encodeFrame, encodeFrameHeader } from '../../lib/mesh/frame';
import { Cleanup, RecordingMesh, until } from './meshes';
import { helloOf, isOver, stranger } from './strangers';

const MiB = 1024 ** 2;
/** More than a member is given here to begin with, and a hundredth of what the floods claim. */
const GROWTH_MAX = 100 * MiB;

interface Usage {
  readonly rss: number;
  readonly heapUsed: number;
  readonly arrayBuffers: number;
  readonly links: string[];
  readonly errors: string[];
  readonly receivedBytes: number;
}

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** A head that announces the largest body there may be. */
const largestHead = Buffer.alloc(8);
largestHead.writeUInt32LE(limits.frameBytesMax);

/** A member in a process of its own, and an honest peer of it in this one. */
async function scene(): Promise<{ directory: string; usage: () => Promise<Usage>; checkEcho: () => Promise<void> }> {
  const directory = cleanup.directory();
  const member: ChildProcess = fork(join(__dirname, 'fixtures/flooded.js'), [directory, 'member'], {
    execArgv: ['--expose-gc', '--max-old-space-size=128'],
  });
  cleanup.add(() => member.kill('SIGKILL'));
  await once(member, 'message');
  const honest = new RecordingMesh(directory, 'honest');
  cleanup.add(() => honest.mesh.close());
  await honest.mesh.start();
  await until('the honest link', () => honest.ids.length === 1);
  let echoes = 0;
  return {
    directory,
    usage: async () => {
      const answer = once(member, 'message');
      member.send('usage');
      return ((await answer) as [Usage])[0];
    },
    checkEcho: async () => {
      echoes++;
      honest.link('member').send(new Uint8Array(Buffer.from(`echo ${echoes}`)));
      await until('the echo', () => honest.batches.flat().includes(`echo ${echoes}`));
      expect(honest.events).toEqual(['link member']);
      expect(honest.errors).toEqual([]);
    },
  };
}

test('more connections than there may be links, silent or half way through a hello, are refused or given up', async () => {
  const { directory, usage, checkEcho } = await scene();
  const before = await usage();
  const sockets: Socket[] = [];
  for (let i = 0; i < limits.linksMax + 100; i++) {
    const socket = await stranger(cleanup, directory, 'member');
    sockets.push(socket);
    if (i % 2 === 0) socket.write(helloOf(`s${i}`).subarray(0, 1 + (i % 12)));
  }
  // The honest link is one of those there may be.
  await until('the refusals', () => sockets.filter(isOver).length >= 101);
  expect(sockets.filter(isOver).length).toBe(101);
  await checkEcho();
  const during = await usage();
  expect(during.links).toEqual(['honest']);
  expect(during.rss - before.rss).toBeLessThan(GROWTH_MAX);
  await until('all are given up', () => sockets.every(isOver), 3 * limits.helloTimeoutMs);
  // There is room again.
  const late = await stranger(cleanup, directory, 'member');
  late.write(helloOf('z'));
  await checkEcho();
  expect((await usage()).links.sort()).toEqual(['honest', 'z']);
}, 90_000);

test('one that says hello for ever, or comes back for it, is ended each time', async () => {
  const { directory, usage, checkEcho } = await scene();
  const before = await usage();
  const hellos = Buffer.concat(Array.from({ length: 1000 }, () => helloOf('again')));
  for (let i = 0; i < 300; i++) {
    const socket = await stranger(cleanup, directory, 'member');
    socket.write(hellos);
    await until('its end', () => isOver(socket));
  }
  await checkEcho();
  const after = await usage();
  expect(after.links).toEqual(['honest']);
  expect(new Set(after.errors)).toEqual(new Set(['ERR_CLUSTER_CACHE_FRAME']));
  expect(after.rss - before.rss).toBeLessThan(GROWTH_MAX);
});

test('frames that announce the most there may be cost what has come of them, and no more', async () => {
  const { directory, usage, checkEcho } = await scene();
  const before = await usage();
  const sentBytes = 64 * 1024;
  const sockets = await Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      const socket = await stranger(cleanup, directory, 'member');
      socket.write(Buffer.concat([helloOf(`z${i}`), largestHead, new Uint8Array(sentBytes)]));
      return socket;
    }),
  );
  let during = await usage();
  while (during.links.length < 1 + sockets.length) {
    await checkEcho();
    during = await usage();
  }
  expect(during.rss - before.rss).toBeLessThan(GROWTH_MAX);
  for (const socket of sockets) socket.destroy();
  let after = during;
  while (after.links.length > 1) {
    await checkEcho();
    after = await usage();
  }
  // Less than half of what had come of them, since nothing of it is kept. Buffers go some time after a collection.
  while (after.arrayBuffers - before.arrayBuffers >= (sockets.length * sentBytes) / 2) after = await usage();
});

test('a large frame that is damaged is dropped whole, and one that is whole is not kept', async () => {
  const { directory, usage, checkEcho } = await scene();
  const before = await usage();
  const payload = new Uint8Array(64 * MiB).fill(7);
  const header = encodeFrameHeader(4, payload);
  for (const isDamaged of [true, false]) {
    const socket = await stranger(cleanup, directory, 'member');
    const sent = payload.slice();
    if (isDamaged) sent[sent.length >> 1]! ^= 1;
    socket.write(Buffer.concat([helloOf(isDamaged ? 'z0' : 'z1'), header, sent, encodeFrame(4, new Uint8Array(2000))]));
    if (isDamaged) await until('its end', () => isOver(socket));
    else while ((await usage()).receivedBytes < payload.length) await checkEcho();
    await checkEcho();
  }
  let after = await usage();
  expect(after.errors).toEqual(['ERR_CLUSTER_CACHE_FRAME']);
  // Buffers go some time after a collection.
  while (after.arrayBuffers - before.arrayBuffers >= 10 * MiB) after = await usage();
});
