/** What the mesh does about neighbours that are slow, silent, or not of this library. */
import { type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { limits } from '../../lib/limits';
import { encodeFrame, FrameDecoder } from '../../lib/mesh/frame';
import { encodeHello } from '../../lib/mesh/hello';
import { Cleanup, makeMesh, startMeshes, until, type RecordingMesh } from './meshes';
import { helloOf, impostor, isOver, stranger } from './strangers';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value));
const acceptFrame = encodeFrame(2, new Uint8Array(0));

async function ended(socket: Socket): Promise<void> {
  await until('the socket ends', () => isOver(socket));
}

/** A mesh and a stranger with a link to it, who may stop reading. */
async function linkToSlow(): Promise<{ a: RecordingMesh; slow: Socket }> {
  const directory = cleanup.directory();
  const a = makeMesh(cleanup, directory, 'a');
  await a.mesh.start();
  const slow = await stranger(cleanup, directory, 'a');
  slow.write(helloOf('slow'));
  await until('the link', () => a.ids.length === 1);
  return { a, slow };
}

test('a peer that does not read finds little to catch up with, but the news of a rank; then a sync is due', async () => {
  const { a, slow } = await linkToSlow();
  slow.pause();
  const link = a.link('slow');
  // Larger than what is copied into its frame, smaller than what a socket takes at once.
  const payload = new Uint8Array(32 * 1024);
  let accepted = 0;
  while (accepted < 1000 && link.send(payload)) {
    accepted++;
    if (accepted === 200) a.mesh.setRank(0);
  }
  // One more than fits, because the bound is looked at before.
  expect(accepted * payload.length).toBeGreaterThan(limits.linkBufferBytesMax - payload.length);
  expect(accepted).toBeLessThan(1000);
  expect(link.isStalled).toBe(true);
  expect(link.send(text('small'))).toBe(false);
  expect(a.events).toEqual(['link slow']);
  const decoder = new FrameDecoder(limits.frameBytesMax);
  const types: number[] = [];
  slow.on('data', (chunk) => types.push(...decoder.push(chunk).map(({ type }) => type)));
  slow.resume();
  await until('the drain', () => a.events.includes('drain slow'));
  expect(link.isStalled).toBe(false);
  expect(link.send(text('again'))).toBe(true);
  await until('the news, and what was sent after it', () => types.at(-2) === 3 && types.at(-1) === 4);
  const messages = types.filter((type) => type === 4).length - 1;
  expect(messages).toBeGreaterThan(0);
  expect(messages).toBeLessThan(accepted / 4);
});

test('closing does not wait long for a peer that does not read', async () => {
  const { a, slow } = await linkToSlow();
  slow.pause();
  a.link('slow').send(new Uint8Array(4 << 20));
  const startedAt = performance.now();
  await a.mesh.close();
  expect(performance.now() - startedAt).toBeLessThan(limits.closeWaitMs + 1_500);
});

test('a peer that does not answer holds up neither start nor others', async () => {
  const directory = cleanup.directory();
  await impostor(cleanup, directory, 'mute', () => undefined);
  const b = makeMesh(cleanup, directory, 'b');
  const startedAt = performance.now();
  const [a] = [makeMesh(cleanup, directory, 'a')];
  await Promise.all([a.mesh.start(), b.mesh.start()]);
  expect(performance.now() - startedAt).toBeLessThan(limits.scanPatienceMs + 3_000);
  await until('the link of the others', () => a.ids.length === 1 && b.ids.length === 1);
  expect([a.ids, b.ids]).toEqual([['b'], ['a']]);
});

test('garbage ends the link it came on, and no other', async () => {
  const directory = cleanup.directory();
  const [a, b] = (await startMeshes(cleanup, directory, 'a', 'b')) as [RecordingMesh, RecordingMesh];
  const client = await stranger(cleanup, directory, 'a');
  client.write('GET / HTTP/1.1\r\n\r\n');
  await ended(client);
  const late = await stranger(cleanup, directory, 'a');
  late.write(helloOf('z'));
  await until('the link', () => a.ids.includes('z'));
  late.write(Buffer.from(encodeFrame(4, text('x'))).fill(1, 9));
  await ended(late);
  expect(a.errors.map(({ code }) => code)).toEqual(['ERR_CLUSTER_CACHE_FRAME', 'ERR_CLUSTER_CACHE_FRAME']);
  expect(a.events).toEqual(['link b', 'link z', 'unlink z']);
  b.link('a').send(text('still here'));
  await until('the message', () => a.batches.length === 1);
});

test.each([
  ['a message before the hello', encodeFrame(4, text('x'))],
  ['a message before the link is open', Buffer.concat([helloOf('0'), encodeFrame(4, text('x'))])],
  ['an accept that is not its to give', Buffer.concat([helloOf('z'), acceptFrame])],
  ['a second hello', Buffer.concat([helloOf('z'), helloOf('z')])],
  ['an unknown frame', Buffer.concat([helloOf('z'), encodeFrame(77, text('x'))])],
  ['a seniority that is none', Buffer.concat([helloOf('z'), encodeFrame(3, text('x'))])],
  ['a first frame that is too large', encodeFrame(1, new Uint8Array(limits.helloBytesMax))],
])('%s ends the link', async (_name, bytes) => {
  const directory = cleanup.directory();
  const a = makeMesh(cleanup, directory, 'a');
  await a.mesh.start();
  const client = await stranger(cleanup, directory, 'a');
  client.write(bytes);
  await ended(client);
  expect(a.errors.map(({ code }) => code)).toEqual(['ERR_CLUSTER_CACHE_FRAME']);
  expect(a.ids).toEqual([]);
  expect(a.batches).toEqual([]);
});

test('the larger id opens the link with the accept of the smaller, together with what follows it', async () => {
  const directory = cleanup.directory();
  const b = makeMesh(cleanup, directory, 'b');
  await b.mesh.start();
  const client = await stranger(cleanup, directory, 'b');
  client.write(helloOf('a'));
  // Who comes later is linked by then.
  (await stranger(cleanup, directory, 'b')).write(helloOf('c'));
  await until('the link of another', () => b.ids.includes('c'));
  expect(b.ids).toEqual(['c']);
  client.write(Buffer.concat([acceptFrame, encodeFrame(4, text('x')), encodeFrame(4, new Uint8Array(10_000))]));
  await until('the messages', () => b.batches.length > 0);
  expect(b.events).toEqual(['link c', 'link a']);
  expect(b.batches.flat()[0]).toBe('x');
});

test('a peer that claims our own id, or one that is linked, is refused', async () => {
  const directory = cleanup.directory();
  const [a, b] = (await startMeshes(cleanup, directory, 'a', 'b')) as [RecordingMesh, RecordingMesh];
  for (const [target, claimed] of [['a', 'a'], ['a', 'b'], ['b', 'a']] as const) {
    const client = await stranger(cleanup, directory, target);
    client.write(Buffer.concat([helloOf(claimed), ...(claimed < target ? [acceptFrame] : [])]));
    await ended(client);
  }
  expect([a.events, b.events]).toEqual([['link b'], ['link a']]);
  expect(a.errors.map(({ code }) => code)).toEqual(['ERR_CLUSTER_CACHE_PROTOCOL']);
});

test('an endpoint behind which there is another id is refused', async () => {
  const directory = cleanup.directory();
  await impostor(cleanup, directory, 'fake', (socket) => socket.resume().write(helloOf('other')));
  const a = makeMesh(cleanup, directory, 'a');
  await a.mesh.start();
  await a.mesh.scan();
  expect(a.ids).toEqual([]);
  expect(a.errors.map(({ code }) => code)).toEqual(['ERR_CLUSTER_CACHE_PROTOCOL']);
});

test('another version is refused and reported once, however often it is met', async () => {
  const directory = cleanup.directory();
  const hello = encodeHello({ id: 'new', seniority: { rank: 1, startedAt: 1 }, pid: 1, threadId: 0 });
  hello[0] = 99;
  await impostor(cleanup, directory, 'new', (socket) => socket.resume().write(encodeFrame(1, hello)));
  const a = makeMesh(cleanup, directory, 'a');
  await a.mesh.start();
  await a.mesh.scan();
  await a.mesh.scan();
  expect(a.ids).toEqual([]);
  expect(a.errors).toEqual([expect.objectContaining({ code: 'ERR_CLUSTER_CACHE_PROTOCOL' })]);
});

test('a connection that never says hello is closed', async () => {
  jest.replaceProperty(limits, 'helloTimeoutMs', 100 as never);
  cleanup.add(() => jest.restoreAllMocks());
  const directory = cleanup.directory();
  const a = makeMesh(cleanup, directory, 'a');
  await a.mesh.start();
  await ended(await stranger(cleanup, directory, 'a'));
  expect(a.errors).toEqual([]);
});

test('more connections than allowed are refused', async () => {
  jest.replaceProperty(limits, 'linksMax', 3 as never);
  cleanup.add(() => jest.restoreAllMocks());
  const directory = cleanup.directory();
  const a = makeMesh(cleanup, directory, 'a');
  await a.mesh.start();
  const clients = [];
  for (let index = 0; index < 4; index++) clients.push(await stranger(cleanup, directory, 'a'));
  await ended(clients[3]!);
  expect(clients.slice(0, 3).map(({ destroyed }) => destroyed)).toEqual([false, false, false]);
});

test('a link whose bytes make no progress ends', async () => {
  jest.replaceProperty(limits, 'stallTimeoutMs', 100 as never);
  cleanup.add(() => jest.restoreAllMocks());
  const { a, slow } = await linkToSlow();
  await delay(300);
  // Idle is not stalled.
  expect(a.ids).toEqual(['slow']);
  slow.pause();
  a.link('slow').send(new Uint8Array(4 << 20));
  await until('the end', () => a.ids.length === 0);
});

