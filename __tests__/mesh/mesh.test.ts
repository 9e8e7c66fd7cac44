/** The mesh: who finds whom, what passes over a link, and how it ends. */
import { chmodSync, existsSync, lstatSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { limits } from '../../lib/limits';
import { privateDirectory } from '../../lib/mesh/directory';
import { Cleanup, makeMesh, RecordingMesh, startMeshes, until } from './meshes';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());
afterEach(() => jest.restoreAllMocks());

const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value));

test('sixteen that start at once form the full mesh, with one link for each pair', async () => {
  const directory = cleanup.directory();
  const peers = Array.from({ length: 16 }, (_, index) => makeMesh(cleanup, directory, `peer${index.toString(36)}`));
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
    const peers = [makeMesh(cleanup, directory, first), makeMesh(cleanup, directory, second)] as const;
    await Promise.all(peers.map((peer) => peer.mesh.start()));
    await until('the link', () => peers.every((peer) => peer.ids.length === 1));
    expect(peers.map((peer) => peer.events)).toEqual([[`link ${second}`], [`link ${first}`]]);
    const dialled = peers.map((peer) => peer.link(peer.ids[0]!).endpoint !== undefined);
    expect(dialled[0]).toBe(!dialled[1]);
    await Promise.all(peers.map((peer) => peer.mesh.close()));
  }
});

test('the frames of one read arrive together and in order', async () => {
  const [a, b] = (await startMeshes(cleanup, cleanup.directory(), 'a', 'b')) as [RecordingMesh, RecordingMesh];
  const sent = Array.from({ length: 50 }, (_, index) => `message ${index}`);
  for (const message of sent) expect(a.link('b').send(text(message))).toBe(true);
  await until('the messages', () => b.batches.flat().length === sent.length);
  expect(b.batches).toEqual([sent]);
});

test('a message larger than the bound of a link passes when nothing waits', async () => {
  const [a, b] = (await startMeshes(cleanup, cleanup.directory(), 'a', 'b')) as [RecordingMesh, RecordingMesh];
  const message = 'x'.repeat(limits.linkBufferBytesMax + 1_000_000);
  expect(a.link('b').send(text(message))).toBe(true);
  await until('the message', () => b.batches.length > 0);
  expect(b.batches.flat()[0] === message).toBe(true);
});

test('a message above the bound of a frame is refused before anything is sent', async () => {
  const [a] = (await startMeshes(cleanup, cleanup.directory(), 'a', 'b')) as [RecordingMesh, RecordingMesh];
  const huge = Object.defineProperty(new Uint8Array(0), 'length', { value: limits.frameBytesMax });
  expect(() => a.link('b').send(huge)).toThrow(expect.objectContaining({ code: 'ERR_CLUSTER_CACHE_LIMIT' }));
  expect(a.link('b').state).toBe('open');
});

test('a change of rank reaches everybody, also those who come later', async () => {
  const directory = cleanup.directory();
  const [a, b] = (await startMeshes(cleanup, directory, 'a', 'b')) as [RecordingMesh, RecordingMesh];
  expect(b.link('a').seniority).toEqual({ rank: 1, startedAt: 1_000 });
  a.mesh.setRank(0);
  await until('the news', () => b.events.includes('seniority a'));
  expect(b.link('a').seniority).toEqual({ rank: 0, startedAt: 1_000 });
  const c = makeMesh(cleanup, directory, 'c');
  await c.mesh.start();
  expect(c.link('a').seniority.rank).toBe(0);
});

test('a handler that throws is reported and breaks nothing', async () => {
  const directory = cleanup.directory();
  const fail = (): void => {
    throw new Error('mine');
  };
  const a = makeMesh(cleanup, directory, 'a', { onLink: fail, onMessages: fail, onUnlink: fail, onSeniority: fail });
  const b = makeMesh(cleanup, directory, 'b', { onError: fail, onLink: fail });
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
  const [a, b] = (await startMeshes(cleanup, directory, 'a', 'b')) as [RecordingMesh, RecordingMesh];
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

test('closing while starting leaves nothing behind', async () => {
  const directory = cleanup.directory();
  const a = makeMesh(cleanup, directory, 'a');
  const starting = a.mesh.start();
  await a.mesh.close();
  await starting;
  expect(readdirSync(directory)).toEqual([]);
});

test('a regular file among the sockets is left alone', async () => {
  const directory = cleanup.directory();
  const path = join(directory, 'file.sock');
  writeFileSync(path, 'mine');
  const a = makeMesh(cleanup, directory, 'a');
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
  const a = makeMesh(cleanup, directory, 'a');
  const starting = a.mesh.start();
  while (existsSync(path)) await delay(1);
  expect(Date.now() - bornAt).toBeGreaterThanOrEqual(limits.bindGraceMs);
  await starting;
  expect(a.errors).toEqual([]);
});

test('a link that was lost is made again, without waiting for the next look', async () => {
  jest.replaceProperty(limits, 'scanIntervalMs', limits.timerMsMax as never);
  const [a, b] = (await startMeshes(cleanup, cleanup.directory(), 'a', 'b')) as [RecordingMesh, RecordingMesh];
  a.link('b').close();
  await until('the link', () => a.events.lastIndexOf('link b') > 0 && b.events.lastIndexOf('link a') > 0);
  expect([a.ids, b.ids]).toEqual([['b'], ['a']]);
  // But not again and again. Both have looked by then.
  await delay(2 * limits.relinkDelayMs);
  a.link('b').close();
  await until('the end', () => a.ids.length + b.ids.length === 0);
  await delay(3 * limits.relinkDelayMs);
  expect([a.ids, b.ids]).toEqual([[], []]);
});

test('who was missed is found by looking again', async () => {
  jest.replaceProperty(limits, 'relinkDelayMs', limits.timerMsMax as never);
  const directory = cleanup.directory();
  const [a, b] = (await startMeshes(cleanup, directory, 'a', 'b')) as [RecordingMesh, RecordingMesh];
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
  const [a, b] = (await startMeshes(cleanup, directory, 'a', 'b')) as [RecordingMesh, RecordingMesh];
  rmSync(join(directory, 'a.sock'));
  await a.mesh.scan();
  const c = makeMesh(cleanup, directory, 'c');
  await c.mesh.start();
  expect(c.ids).toEqual(['a', 'b']);
  rmSync(directory, { recursive: true });
  await until('all listen again', () => existsSync(directory) && readdirSync(directory).length === 3);
  const d = makeMesh(cleanup, directory, 'd');
  await d.mesh.start();
  expect(d.ids).toEqual(['a', 'b', 'c']);
  expect(a.events).toEqual(['link b', 'link c', 'link d']);
  expect([...a.errors, ...b.errors, ...c.errors]).toEqual([]);
});

test('a directory that is not private fails the start, which may be tried again', async () => {
  const directory = join(cleanup.directory(), 'sockets');
  await privateDirectory(directory);
  chmodSync(directory, 0o755);
  const a = makeMesh(cleanup, directory, 'a');
  await expect(a.mesh.start()).rejects.toMatchObject({ code: 'ERR_CLUSTER_CACHE_DIRECTORY' });
  chmodSync(directory, 0o700);
  await a.mesh.start();
  expect(readdirSync(directory)).toEqual(['a.sock']);
});

test('a path that is too long fails the start with advice', async () => {
  const a = makeMesh(cleanup, join(cleanup.directory(), 'long'.repeat(25)), 'a');
  await expect(a.mesh.start()).rejects.toMatchObject({ code: 'ERR_CLUSTER_CACHE_SOCKET' });
});

test('an id that cannot name a peer is refused', () => {
  expect(() => new RecordingMesh('/tmp', '../x')).toThrow(TypeError);
});
