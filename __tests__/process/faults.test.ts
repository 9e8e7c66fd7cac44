/** What may go wrong around a process: files, directories, stopped peers and strangers. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { encodeEnvelope, type Message } from '../../lib/core/message';
import { firstEpoch } from '../../lib/core/epoch';
import { Cache, type CacheError, type CacheOptions } from '../../lib/index';
import { limits } from '../../lib/limits';
import { socketDirectory } from '../../lib/mesh/directory';
import { encodeFrame } from '../../lib/mesh/frame';
import { encodeHello } from '../../lib/mesh/hello';
import { addCleanup, newDirectory, openAll, readFile, runScript, startForks, until } from './harness';

const withCode = (code: string): Error => expect.objectContaining({ code: `ERR_CLUSTER_CACHE_${code}` }) as Error;

/** A cache of this process that keeps a record of its errors and is closed after the test. */
function open(options: CacheOptions): { cache: Cache; errors: CacheError[] } {
  const cache = new Cache('c', options);
  const errors: CacheError[] = [];
  cache.on('error', (error) => errors.push(error));
  addCleanup(() => cache.close().catch(() => undefined));
  return { cache, errors };
}

const damages: readonly (readonly [name: string, damage: (file: string) => void])[] = [
  ['is empty', (file) => truncateSync(file, 0)],
  ['is cut off', (file) => truncateSync(file, statSync(file).size - 5)],
  ['is something else', (file) => writeFileSync(file, 'not a snapshot, and rather longer than the header of one')],
  ['has a changed byte', (file) => {
    const bytes = readFileSync(file);
    bytes[bytes.length - 10]! ^= 1;
    writeFileSync(file, bytes);
  }],
];

test.each(damages)('a file that %s is reported and kept aside, and the application starts', async (_name, damage) => {
  const path = newDirectory();
  await runScript({ path }, [['set', 'a', 'something to damage'], ['close']]);
  const file = join(path, 'c.db');
  damage(file);
  const damaged = readFileSync(file);
  const { cache, errors } = open({ path });
  cache.set('b', 1);
  await cache.sync();
  expect(errors).toEqual([withCode('SNAPSHOT')]);
  expect(cache.get([])).toEqual({ b: 1 });
  await cache.close();
  expect(errors).toHaveLength(1);
  const aside = readdirSync(path).find((name) => name.startsWith('c.db-'));
  expect(readFileSync(join(path, aside!))).toEqual(damaged);
  expect(await readFile(path, [])).toEqual({ b: 1 });
});

test('a damaged file does not cost what the others still hold', async () => {
  const path = newDirectory();
  const [a, b] = startForks(2);
  await openAll([a!], path);
  await a!.ask('set', 'a', 1);
  await a!.ask('flush');
  writeFileSync(join(path, 'c.db'), 'damaged');
  await openAll([b!], path);
  expect(await b!.ask('get', 'a')).toBe(1);
  await b!.ask('set', 'b', 2);
  await Promise.all([a!.ask('close'), b!.ask('close')]);
  expect(await readFile(path, [])).toEqual({ a: 1, b: 2 });
});

const places: readonly (readonly [name: string, place: (path: string) => string])[] = [
  ['below a regular file', (path) => {
    writeFileSync(join(path, 'file'), '');
    return join(path, 'file', 'data');
  }],
  ['in which a folder has the name of the file', (path) => {
    mkdirSync(join(path, 'c.db'));
    return path;
  }],
];

test.each(places)('with a directory %s the cache works in memory and says so', async (_name, place) => {
  const path = place(newDirectory());
  const sockets = await socketDirectory(path);
  addCleanup(() => {
    rmSync(sockets, { recursive: true, force: true });
  });
  const { cache, errors } = open({ path });
  cache.set('a', 1);
  await cache.sync();
  expect(cache.connected).toBe(true);
  await until('the error', () => errors.length > 0);
  expect(errors[0]).toEqual(withCode('STORAGE'));
  await expect(cache.flush()).rejects.toEqual(withCode('STORAGE'));
  const [other] = startForks(1);
  await openAll([other!], path);
  expect(await other!.ask('get', 'a')).toBe(1);
  await expect(other!.ask('flush')).rejects.toEqual(withCode('STORAGE'));
  // One that is not asked to promise anything ends as always.
  expect(await runScript({ path }, [['set', 'b', 1]])).toEqual({ code: 0, lines: [1], stderr: '' });
  expect(await runScript({ path }, [['set', 'b', 1], ['exit', 0]])).toEqual({ code: 0, lines: [1], stderr: '' });
  await expect(cache.close()).rejects.toEqual(withCode('STORAGE'));
  expect(cache.closed).toBe(true);
});

test('a process ends even where Node.js would try for ever to make a directory', async () => {
  // A parent that exists, yet nothing can be made in it: `mkdir` of Node.js with `recursive` never calls back.
  for (const end of [['flush'], ['exit', 0]] as const) {
    const options = { path: '/proc/cluster-cache', socketDirectory: join(newDirectory(), 's') };
    const { code, lines } = await runScript(options, [['set', 'a', 1], end]);
    expect([code, lines[0]]).toEqual([0, 1]);
  }
});

test('a socket directory that others may enter is refused; the cache works alone until it is mended', async () => {
  const path = newDirectory();
  const sockets = join(path, 's');
  mkdirSync(sockets);
  chmodSync(sockets, 0o755);
  const { cache, errors } = open({ path, socketDirectory: sockets });
  cache.set('a', 1);
  await expect(cache.sync()).rejects.toEqual(withCode('DIRECTORY'));
  expect(errors[0]).toEqual(withCode('DIRECTORY'));
  expect([cache.connected, cache.get('a')]).toEqual([false, 1]);
  await cache.flush();
  expect(readdirSync(path).sort()).toEqual(['c.db', 'c.db-log', 's']);
  expect(readdirSync(sockets)).toEqual([]);

  chmodSync(sockets, 0o700);
  await until('it joins by itself', () => cache.connected);
  const [other] = startForks(1);
  await openAll([other!], path, { socketDirectory: sockets });
  expect(await other!.ask('get', 'a')).toBe(1);
});

test('a stopped process holds nobody up, and is whole again when it goes on', async () => {
  const path = newDirectory();
  const [a, b, stopped] = startForks(3);
  await openAll([a!, b!, stopped!], path);
  stopped!.signal('SIGSTOP');
  // More than may wait on a link, so that there is a gap to mend.
  for (let i = 0; i < 30; i++) {
    await a!.ask('fill', `large${i}`, 20, 50_000);
    await b!.ask('holds', `large${i}`, 20);
  }
  await b!.ask('delete', 'large0');
  await a!.shows('large0', null);
  // A process that comes meanwhile is not held up either.
  const [late] = startForks(1);
  await openAll([late!], path);
  expect(await late!.ask('get', 'large29.19')).toHaveLength(50_000);
  stopped!.signal('SIGCONT');
  await stopped!.ask('set', 'back', true);
  await Promise.all([a!.shows('back', true), b!.shows('back', true), late!.shows('back', true)]);
  await until('it is whole', async () => Object.keys((await stopped!.ask('get', [])) as object).length === 30);
  expect(await stopped!.ask('get', [])).toEqual(await a!.ask('get', []));
  expect([a!, b!, stopped!].flatMap((member) => member.heard('error'))).toEqual([]);
});

test('destroy removes the file though a stopped process does not answer, and says that it did not', async () => {
  jest.replaceProperty(limits, 'flushWaitMs', 500 as never);
  addCleanup(() => jest.restoreAllMocks());
  const path = newDirectory();
  const { cache } = open({ path });
  cache.set('a', 1);
  await cache.flush();
  const [stopped] = startForks(1);
  await openAll([stopped!], path);
  expect(readdirSync(path)).toContain('c.db');
  stopped!.signal('SIGSTOP');
  await expect(cache.destroy()).rejects.toEqual(withCode('TIMEOUT'));
  expect(readdirSync(path)).toEqual([]);
});

/** What a stranger may send: nonsense, and what looks right until one looks closer. */
function nonsense(): Uint8Array[] {
  const random = (length: number): Buffer => Buffer.from(Array.from({ length }, () => Math.floor(Math.random() * 256)));
  const hello = encodeFrame(1, encodeHello({ id: '0', seniority: { rank: 1, startedAt: 1 }, pid: 1, threadId: 0 }));
  // As the smaller id, the stranger is the one who accepts.
  const accepted = [hello, encodeFrame(2, new Uint8Array(0))];
  const about = (message: Message): Uint8Array => encodeFrame(4, encodeEnvelope({ cache: 'c', message }));
  const state = { type: 'state', epoch: firstEpoch, replicaId: 'r', token: 1, isMirrored: false, isDeferred: false, isPersistent: true } as const;
  const mixtures = [
    [],
    [random(5_000)],
    [Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    [Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4])],
    [hello.subarray(0, 10)],
    [hello, random(5_000)],
    [...accepted, encodeFrame(4, random(500))],
    [...accepted, encodeFrame(9, random(500))],
    [...accepted, about({ ...state, vector: random(50) })],
    [...accepted, about({ type: 'update', epoch: firstEpoch, update: random(500) })],
    [...accepted, about({ type: 'sync', epoch: firstEpoch, token: 1, isComplete: true, isInformed: true, update: random(500) })],
    [...accepted, about({ type: 'compare', epoch: firstEpoch, vector: random(50), entries: 0 })],
    [...accepted, about({ type: 'flush', token: 1, isDurable: true, vector: new Uint8Array() }), about({ type: 'flushed', token: 9, problem: 'x' })],
    [...accepted, about({ type: 'update', epoch: { number: 9, founder: 'stranger' }, update: random(50) })],
  ];
  return mixtures.map((frames) => Buffer.concat(frames));
}

test('what a stranger writes to the sockets does no harm', async () => {
  const path = newDirectory();
  const members = startForks(3);
  await openAll(members, path);
  await Promise.all(members.map((member, i) => member.ask('fill', `m${i}`, 10)));
  await Promise.all(members.map((member) => member.ask('flush')));
  const before = await members[0]!.ask('get', []);
  const sockets = await socketDirectory(path);
  for (const bytes of nonsense()) {
    await Promise.all(readdirSync(sockets).map((name) => visit(join(sockets, name), bytes)));
    await members[0]!.ask('set', 'still', bytes.length);
    await Promise.all(members.map((member) => member.shows('still', bytes.length)));
  }
  for (const member of members) expect(await member.ask('get', [])).toMatchObject(before as object);
  // Reported, but not once for every try.
  for (const member of members) {
    expect(member.heard('error').length).toBeGreaterThan(0);
    expect(member.heard('peer').filter((event) => (event as { type: string }).type === 'left').length).toBeLessThan(10);
  }
  await Promise.all(members.map((member) => member.ask('flush')));
  await Promise.all(members.map((member) => member.ask('close')));
  expect(await readFile(path, [])).toMatchObject(before as object);
});

/** Says something to whoever listens there, and stays until that one ends it, or shortly. */
function visit(socket: string, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const stranger = connect(socket, () => stranger.write(bytes));
    stranger.on('error', () => undefined);
    stranger.resume();
    // Some of it is a beginning only, for which a peer waits patiently.
    stranger.setTimeout(300, () => stranger.destroy());
    stranger.on('close', () => resolve());
  });
}
