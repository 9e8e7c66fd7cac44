import { chmodSync, existsSync, lstatSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { limits } from '../../lib/limits';
import { encodeFrame, FrameDecoder } from '../../lib/mesh/frame';
import { encodeHello } from '../../lib/mesh/hello';
import { privateDirectory } from '../../lib/mesh/directory';
import { Cleanup, RecordingMesh, until } from './meshes';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value));
const helloOf = (id: string): Uint8Array =>
  encodeFrame(1, encodeHello({ id, seniority: { rank: 1, startedAt: 1 }, pid: 1, threadId: 0 }));
const acceptFrame = encodeFrame(2, new Uint8Array(0));

function make(directory: string, id: string, overrides: ConstructorParameters<typeof RecordingMesh>[2] = {}): RecordingMesh {
  const peer = new RecordingMesh(directory, id, overrides);
  cleanup.add(() => peer.mesh.close());
  return peer;
}

/** Started one after the other, so that the later one dials the earlier. */
async function startAll(directory: string, ...ids: string[]): Promise<RecordingMesh[]> {
  const peers: RecordingMesh[] = [];
  for (const id of ids) {
    const peer = make(directory, id);
    await peer.mesh.start();
    peers.push(peer);
  }
  await until('full mesh', () => peers.every((peer) => peer.ids.length === ids.length - 1));
  return peers;
}

/** A client that is not of this library. */
async function stranger(directory: string, id: string): Promise<Socket> {
  const socket = connect(join(directory, `${id}.sock`));
  socket.on('error', () => undefined).resume();
  cleanup.add(() => socket.destroy());
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

async function ended(socket: Socket): Promise<void> {
  await until('the socket ends', () => socket.destroyed || socket.readableEnded);
}

/** An endpoint that is not of this library. */
async function impostor(directory: string, id: string, onSocket: (socket: Socket) => void): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(join(directory, `${id}.sock`), resolve));
  cleanup.add(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
}

test('sixteen that start at once form the full mesh, with one link for each pair', async () => {
  const directory = cleanup.directory();
  const peers = Array.from({ length: 16 }, (_, index) => make(directory, `peer${index.toString(36)}`));
  await Promise.all(peers.map((peer) => peer.mesh.start()));
  // A peer whose endpoint was not there yet when it was looked for may open its side a moment later.
  await until('the full mesh', () => peers.every((peer) => peer.ids.length === 15));
  for (const peer of peers) expect(peer.ids).toEqual(peers.map(({ mesh }) => mesh.id).filter((id) => id !== peer.mesh.id).sort());
  for (const peer of peers) {
    for (const link of peer.mesh.links.values()) link.send(text(`from ${peer.mesh.id}`));
  }
  await until('all messages', () => peers.every((peer) => peer.batches.flat().length === 15));
  for (const peer of peers) {
    expect(peer.batches.flat().sort()).toEqual(peer.ids.map((id) => `from ${id}`));
    expect(peer.events.sort()).toEqual(peer.ids.map((id) => `link ${id}`));
    expect(peer.errors).toEqual([]);
  }
});

test.each([['a', 'b'], ['b', 'a']])('%s and %s that dial each other keep one link, and the same', async (first, second) => {
  for (let round = 0; round < 20; round++) {
    const directory = cleanup.directory();
    const peers = [make(directory, first), make(directory, second)] as const;
    await Promise.all(peers.map((peer) => peer.mesh.start()));
    await until('the link', () => peers.every((peer) => peer.ids.length === 1));
    expect(peers.map((peer) => peer.events)).toEqual([[`link ${second}`], [`link ${first}`]]);
    const dialled = peers.map((peer) => peer.link(peer.ids[0]!).endpoint !== undefined);
    expect(dialled[0]).toBe(!dialled[1]);
    await Promise.all(peers.map((peer) => peer.mesh.close()));
  }
});

test('the frames of one read arrive together and in order', async () => {
  const [a, b] = (await startAll(cleanup.directory(), 'a', 'b')) as [RecordingMesh, RecordingMesh];
  const sent = Array.from({ length: 50 }, (_, index) => `message ${index}`);
  for (const message of sent) expect(a.link('b').send(text(message))).toBe(true);
  await until('the messages', () => b.batches.flat().length === sent.length);
  expect(b.batches).toEqual([sent]);
});

test('a message larger than the bound of a link passes when nothing waits', async () => {
  const [a, b] = (await startAll(cleanup.directory(), 'a', 'b')) as [RecordingMesh, RecordingMesh];
  const message = 'x'.repeat(limits.linkBufferBytesMax + 1_000_000);
  expect(a.link('b').send(text(message))).toBe(true);
  await until('the message', () => b.batches.length > 0);
  expect(b.batches.flat()[0] === message).toBe(true);
});

test('a peer that does not read finds little to catch up with, but the news of a rank; then a sync is due', async () => {
  const directory = cleanup.directory();
  const a = make(directory, 'a');
  await a.mesh.start();
  const slow = await stranger(directory, 'a');
  slow.write(helloOf('slow'));
  await until('the link', () => a.ids.length === 1);
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

test('a message above the bound of a frame is refused before anything is sent', async () => {
  const [a] = (await startAll(cleanup.directory(), 'a', 'b')) as [RecordingMesh, RecordingMesh];
  const huge = Object.defineProperty(new Uint8Array(0), 'length', { value: limits.frameBytesMax });
  expect(() => a.link('b').send(huge)).toThrow(expect.objectContaining({ code: 'ERR_CLUSTER_CACHE_LIMIT' }));
  expect(a.link('b').state).toBe('open');
});

test('a change of rank reaches everybody, also those who come later', async () => {
  const directory = cleanup.directory();
  const [a, b] = (await startAll(directory, 'a', 'b')) as [RecordingMesh, RecordingMesh];
  expect(b.link('a').seniority).toEqual({ rank: 1, startedAt: 1_000 });
  a.mesh.setRank(0);
  await until('the news', () => b.events.includes('seniority a'));
  expect(b.link('a').seniority).toEqual({ rank: 0, startedAt: 1_000 });
  const c = make(directory, 'c');
  await c.mesh.start();
  expect(c.link('a').seniority.rank).toBe(0);
});

test('a handler that throws is reported and breaks nothing', async () => {
  const directory = cleanup.directory();
  const fail = (): void => {
    throw new Error('mine');
  };
  const a = make(directory, 'a', { onLink: fail, onMessages: fail, onUnlink: fail, onSeniority: fail });
  const b = make(directory, 'b', { onError: fail, onLink: fail });
  await a.mesh.start();
  await b.mesh.start();
  b.link('a').send(text('one'));
  b.mesh.setRank(0);
  await until('three reports', () => a.errors.length === 3);
  expect(a.errors[0]).toMatchObject({ code: 'ERR_CLUSTER_CACHE_LISTENER', cause: { message: 'mine' } });
  expect(a.ids).toEqual(['b']);
  await b.mesh.close();
  await until('the fourth', () => a.errors.length === 4);
});

test('closing takes along what waits, unlinks everybody once, and removes the socket', async () => {
  const directory = cleanup.directory();
  const [a, b] = (await startAll(directory, 'a', 'b')) as [RecordingMesh, RecordingMesh];
  const link = a.link('b');
  const message = 'y'.repeat(4 << 20);
  link.send(text(message));
  // The peer writes at the same moment, which must not cost it what it has not read yet.
  b.link('a').send(new Uint8Array(1 << 20));
  await a.mesh.close();
  await a.mesh.close();
  await until('the message and the end', () => b.events.includes('unlink a'));
  expect(b.batches.flat().map(({ length }) => length)).toEqual([message.length]);
  expect(a.events).toEqual(['link b', 'unlink b']);
  expect(link.send(text('late'))).toBe(false);
  expect(readdirSync(directory)).toEqual(['b.sock']);
});

test('closing does not wait long for a peer that does not read', async () => {
  const directory = cleanup.directory();
  const a = make(directory, 'a');
  await a.mesh.start();
  const slow = await stranger(directory, 'a');
  slow.write(helloOf('slow'));
  await until('the link', () => a.ids.length === 1);
  slow.pause();
  a.link('slow').send(new Uint8Array(4 << 20));
  const startedAt = performance.now();
  await a.mesh.close();
  expect(performance.now() - startedAt).toBeLessThan(limits.closeWaitMs + 1_500);
});

test('closing while starting leaves nothing behind', async () => {
  const directory = cleanup.directory();
  const a = make(directory, 'a');
  const starting = a.mesh.start();
  await a.mesh.close();
  await starting;
  expect(readdirSync(directory)).toEqual([]);
});

test('a regular file among the sockets is left alone', async () => {
  const directory = cleanup.directory();
  const path = join(directory, 'file.sock');
  writeFileSync(path, 'mine');
  const a = make(directory, 'a');
  await a.mesh.start();
  await a.mesh.scan();
  expect(existsSync(path)).toBe(true);
  expect(a.errors).toEqual([]);
});

test('a socket that was just bound is not taken for a dead one', async () => {
  const directory = cleanup.directory();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(directory, 'live.sock'), resolve));
  // Closing removes only the name it was given, so what remains is a socket that nobody listens on.
  renameSync(join(directory, 'live.sock'), join(directory, 'dead.sock'));
  await new Promise((resolve) => server.close(resolve));
  const path = join(directory, 'dead.sock');
  const bornAt = lstatSync(path).ctimeMs;
  const a = make(directory, 'a');
  const starting = a.mesh.start();
  while (existsSync(path)) await delay(1);
  expect(Date.now() - bornAt).toBeGreaterThanOrEqual(limits.bindGraceMs);
  await starting;
  expect(a.errors).toEqual([]);
});

test('a peer that does not answer holds up neither start nor others', async () => {
  const directory = cleanup.directory();
  await impostor(directory, 'mute', () => undefined);
  const b = make(directory, 'b');
  const startedAt = performance.now();
  const [a] = [make(directory, 'a')];
  await Promise.all([a.mesh.start(), b.mesh.start()]);
  expect(performance.now() - startedAt).toBeLessThan(limits.scanPatienceMs + 3_000);
  await until('the link of the others', () => a.ids.length === 1 && b.ids.length === 1);
  expect([a.ids, b.ids]).toEqual([['b'], ['a']]);
});

test('garbage ends the link it came on, and no other', async () => {
  const directory = cleanup.directory();
  const [a, b] = (await startAll(directory, 'a', 'b')) as [RecordingMesh, RecordingMesh];
  const client = await stranger(directory, 'a');
  client.write('GET / HTTP/1.1\r\n\r\n');
  await ended(client);
  const late = await stranger(directory, 'a');
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
  const a = make(directory, 'a');
  await a.mesh.start();
  const client = await stranger(directory, 'a');
  client.write(bytes);
  await ended(client);
  expect(a.errors.map(({ code }) => code)).toEqual(['ERR_CLUSTER_CACHE_FRAME']);
  expect(a.ids).toEqual([]);
  expect(a.batches).toEqual([]);
});

test('the larger id opens the link with the accept of the smaller, together with what follows it', async () => {
  const directory = cleanup.directory();
  const b = make(directory, 'b');
  await b.mesh.start();
  const client = await stranger(directory, 'b');
  client.write(helloOf('a'));
  await delay(20);
  expect(b.ids).toEqual([]);
  client.write(Buffer.concat([acceptFrame, encodeFrame(4, text('x')), encodeFrame(4, new Uint8Array(10_000))]));
  await until('the messages', () => b.batches.length > 0);
  expect(b.events).toEqual(['link a']);
  expect(b.batches.flat()[0]).toBe('x');
});

test('a peer that claims our own id, or one that is linked, is refused', async () => {
  const directory = cleanup.directory();
  const [a, b] = (await startAll(directory, 'a', 'b')) as [RecordingMesh, RecordingMesh];
  for (const [target, claimed] of [['a', 'a'], ['a', 'b'], ['b', 'a']] as const) {
    const client = await stranger(directory, target);
    client.write(Buffer.concat([helloOf(claimed), ...(claimed < target ? [acceptFrame] : [])]));
    await ended(client);
  }
  expect([a.events, b.events]).toEqual([['link b'], ['link a']]);
  expect(a.errors.map(({ code }) => code)).toEqual(['ERR_CLUSTER_CACHE_PROTOCOL']);
});

test('an endpoint behind which there is another id is refused', async () => {
  const directory = cleanup.directory();
  await impostor(directory, 'fake', (socket) => socket.resume().write(helloOf('other')));
  const a = make(directory, 'a');
  await a.mesh.start();
  await a.mesh.scan();
  expect(a.ids).toEqual([]);
  expect(a.errors.map(({ code }) => code)).toEqual(['ERR_CLUSTER_CACHE_PROTOCOL']);
});

test('another version is refused and reported once, however often it is met', async () => {
  const directory = cleanup.directory();
  const hello = encodeHello({ id: 'new', seniority: { rank: 1, startedAt: 1 }, pid: 1, threadId: 0 });
  hello[0] = 99;
  await impostor(directory, 'new', (socket) => socket.resume().write(encodeFrame(1, hello)));
  const a = make(directory, 'a');
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
  const a = make(directory, 'a');
  await a.mesh.start();
  await ended(await stranger(directory, 'a'));
  expect(a.errors).toEqual([]);
});

test('more connections than allowed are refused', async () => {
  jest.replaceProperty(limits, 'linksMax', 3 as never);
  cleanup.add(() => jest.restoreAllMocks());
  const directory = cleanup.directory();
  const a = make(directory, 'a');
  await a.mesh.start();
  const clients = [];
  for (let index = 0; index < 4; index++) clients.push(await stranger(directory, 'a'));
  await ended(clients[3]!);
  expect(clients.slice(0, 3).map(({ destroyed }) => destroyed)).toEqual([false, false, false]);
});

test('a link whose bytes make no progress ends', async () => {
  jest.replaceProperty(limits, 'stallTimeoutMs', 100 as never);
  cleanup.add(() => jest.restoreAllMocks());
  const directory = cleanup.directory();
  const a = make(directory, 'a');
  await a.mesh.start();
  const slow = await stranger(directory, 'a');
  slow.write(helloOf('slow'));
  await until('the link', () => a.ids.length === 1);
  await delay(300);
  // Idle is not stalled.
  expect(a.ids).toEqual(['slow']);
  slow.pause();
  a.link('slow').send(new Uint8Array(4 << 20));
  await until('the end', () => a.ids.length === 0);
});

test('who was missed is found by looking again', async () => {
  const directory = cleanup.directory();
  const [a, b] = (await startAll(directory, 'a', 'b')) as [RecordingMesh, RecordingMesh];
  a.link('b').close();
  await until('the end on both sides', () => b.ids.length === 0);
  await Promise.all([a.mesh.scan(), b.mesh.scan()]);
  await until('the link', () => a.ids.length === 1 && b.ids.length === 1);
  expect([a.ids, b.ids]).toEqual([['b'], ['a']]);
  b.link('a').close();
  // Not counted on the side of `a`: it may open and lose a link that `b` has given up with its hello on the way.
  await until('the mesh mends by itself', () => b.events.length === 5 && a.ids.length === 1);
});

test('a socket, or the whole directory, that a cleaner removed comes back', async () => {
  const directory = join(cleanup.directory(), 'sockets');
  const [a, b] = (await startAll(directory, 'a', 'b')) as [RecordingMesh, RecordingMesh];
  rmSync(join(directory, 'a.sock'));
  await a.mesh.scan();
  const c = make(directory, 'c');
  await c.mesh.start();
  expect(c.ids).toEqual(['a', 'b']);
  rmSync(directory, { recursive: true });
  await until('all listen again', () => existsSync(directory) && readdirSync(directory).length === 3);
  const d = make(directory, 'd');
  await d.mesh.start();
  expect(d.ids).toEqual(['a', 'b', 'c']);
  expect(a.events).toEqual(['link b', 'link c', 'link d']);
  expect([...a.errors, ...b.errors, ...c.errors]).toEqual([]);
});

test('a directory that is not private fails the start, which may be tried again', async () => {
  const directory = join(cleanup.directory(), 'sockets');
  await privateDirectory(directory);
  chmodSync(directory, 0o755);
  const a = make(directory, 'a');
  await expect(a.mesh.start()).rejects.toMatchObject({ code: 'ERR_CLUSTER_CACHE_DIRECTORY' });
  chmodSync(directory, 0o700);
  await a.mesh.start();
  expect(readdirSync(directory)).toEqual(['a.sock']);
});

test('a path that is too long fails the start with advice', async () => {
  const a = make(join(cleanup.directory(), 'long'.repeat(25)), 'a');
  await expect(a.mesh.start()).rejects.toMatchObject({ code: 'ERR_CLUSTER_CACHE_SOCKET' });
});

test('an id that cannot name a peer is refused', () => {
  expect(() => new RecordingMesh('/tmp', '../x')).toThrow(TypeError);
});
