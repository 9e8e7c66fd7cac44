/** The public API of one cache as a user meets it, in this process and with another one. */
import { createHook } from 'node:async_hooks';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { Cache, CacheError, type CacheOptions, type CacheStats, type ChangeEvent } from '../../lib/index';
import { addCleanup, newDirectory, openAll, readFile, startFork, startForks, until, type Member } from './harness';

/** A cache that is closed after the test. */
function open(path: string, options: CacheOptions = {}, name = 'c'): Cache {
  const cache = new Cache(name, { path, ...options });
  addCleanup(() => cache.close().catch(() => undefined));
  return cache;
}

const withCode = (code: string): Error => expect.objectContaining({ code: `ERR_CLUSTER_CACHE_${code}` }) as Error;
const closed = withCode('CLOSED');

test('a cache tells what it was opened with', async () => {
  const path = newDirectory();
  const cache = open(relative(process.cwd(), path), { gcInterval: 5_000 }, 'users');
  expect(cache).toMatchObject({ name: 'users', path, gcInterval: 5_000, filename: join(path, 'users.db') });
  expect(cache).toMatchObject({ connect: false, connected: false, closed: false });
  await cache.sync();
  expect(cache).toMatchObject({ connect: true, connected: true, closed: false });
  await cache.close();
  expect(cache).toMatchObject({ connect: false, connected: false, closed: true });
  expect(open(path).gcInterval).toBe(120_000);
});

test('opening does no I/O before it returns, and the cache can be used at once', () => {
  const path = join(newDirectory(), 'data');
  const kinds: string[] = [];
  const hook = createHook({ init: (_id, kind) => kinds.push(kind) }).enable();
  const cache = open(path, { socketDirectory: join(path, 'sockets') });
  hook.disable();
  // Ids are random bytes; everything else that Node.js would begin here is input or output.
  const harmless = ['PROMISE', 'Timeout', 'Immediate', 'TickObject', 'Microtask', 'RANDOMBYTESREQUEST'];
  expect(kinds.filter((kind) => !harmless.includes(kind))).toEqual([]);
  expect(existsSync(path)).toBe(false);
  expect(cache.set('a.b', 1)).toBe(1);
  expect(cache.get('a')).toEqual({ b: 1 });
});

test('no name escapes the directory, and no two names share a file', async () => {
  const path = newDirectory();
  const names = ['../up', '/etc/x', 'a/b', 'a\\b', '..', '.', ' ', 'con', 'a\0b', '%', 'ä', 'x'.repeat(512)];
  const caches = names.map((name) => open(path, {}, name));
  for (const cache of caches) {
    expect(isAbsolute(cache.filename)).toBe(true);
    expect(dirname(cache.filename)).toBe(path);
    cache.set('name', cache.name);
  }
  await Promise.all(caches.map((cache) => cache.close()));
  expect(readdirSync(path).sort()).toEqual(caches.map(({ filename }) => relative(path, filename)).sort());
  expect(await readFile(path, 'name', '../up')).toBe('../up');
});

test('a miss is null, and has and delete tell whether something is there', () => {
  const cache = open(newDirectory());
  expect(cache.get('a.b')).toBeNull();
  expect([cache.has('a'), cache.delete('a')]).toEqual([false, false]);
  cache.set('a.b', null);
  expect([cache.get('a.b'), cache.has('a.b'), cache.has('a.c')]).toEqual([null, true, false]);
  expect([cache.delete('a'), cache.has('a.b'), cache.delete('a')]).toEqual([true, false, false]);
  cache.set(['a.b', 'c'], 1);
  expect([cache.get('a.b.c'), cache.get('["a.b"].c')]).toEqual([null, 1]);
});

test('set returns a frozen copy', () => {
  const cache = open(newDirectory());
  const data = { list: [1] };
  const stored = cache.set('a', data);
  data.list.push(2);
  expect(stored).toEqual({ list: [1] });
  expect(cache.get('a')).toBe(stored);
  expect(() => stored.list.push(3)).toThrow(TypeError);
});

test('unusable arguments are refused with a code before anything happens', () => {
  const path = newDirectory();
  const listeners = process.listenerCount('exit');
  const names: unknown[] = [undefined, null, 1, '', '\ud800', 'x'.repeat(513)];
  for (const name of names) expect(() => new Cache(name as string, { path })).toThrow(withCode('NAME'));
  const options: unknown[] = [
    null, 'x', { path: '' }, { path: 1 }, { path: 'a\0' }, { socketDirectory: '' }, { persist: 1 }, { gcInterval: 0 },
    { gcInterval: -1 }, { gcInterval: NaN }, { gcInterval: Infinity }, { gcInterval: '1' },
  ];
  for (const option of options) expect(() => new Cache('c', option as CacheOptions)).toThrow(withCode('OPTION'));
  expect(process.listenerCount('exit')).toBe(listeners);

  const cache = open(path);
  for (const ttl of [-1, NaN, Infinity, '1', null]) {
    expect(() => cache.set('a', 1, ttl as number)).toThrow(withCode('TTL'));
  }
  for (const value of [undefined, () => 1, 1n, NaN, new Map()]) expect(() => cache.set('a', value)).toThrow(withCode('VALUE'));
  for (const bad of ['__proto__.a', [], 5, 'a'.repeat(1025)]) {
    expect(() => cache.set(bad as string, 1)).toThrow(withCode('PATH'));
  }
  expect(() => cache.has('__proto__')).toThrow(withCode('PATH'));
  expect(cache.get([])).toEqual({});
});

test('two caches of one name and directory share one replica, which closes with the last', async () => {
  const path = newDirectory();
  const [a, b] = [open(path), open(path)];
  const changes: unknown[] = [];
  b.on('change', (event) => changes.push(event));
  a.set('x', 1);
  expect(b.get('x')).toBe(1);
  expect(changes).toEqual([{ path: 'x', reason: 'set', origin: 'local' }]);
  await Promise.all([a.sync(), b.sync()]);
  await a.close();
  expect([a.closed, b.closed, b.connected]).toEqual([true, false, true]);
  b.set('y', 2);
  await b.close();
  expect(await readFile(path, [])).toEqual({ x: 1, y: 2 });
});

test('two caches of one name in one process agree on whether there is a file', async () => {
  const path = newDirectory();
  const cache = open(path, { persist: false });
  expect(() => new Cache('c', { path })).toThrow(withCode('OPTION'));
  await cache.close();
  open(path).set('a', 1);
});

test('close is idempotent, and afterwards every method says that the cache is closed', async () => {
  const path = newDirectory();
  const cache = open(path);
  let closes = 0;
  cache.on('close', () => closes++);
  cache.set('a', 1);
  const closing = cache.close();
  expect(cache.closed).toBe(true);
  expect(() => void cache.get('a')).toThrow(closed);
  expect(() => cache.set('a', 2)).toThrow(closed);
  expect(() => cache.has('a')).toThrow(closed);
  expect(() => cache.delete('a')).toThrow(closed);
  await expect(cache.sync()).rejects.toEqual(closed);
  await expect(cache.flush()).rejects.toEqual(closed);
  await closing;
  await cache.close();
  expect(closes).toBe(1);
  expect(await readFile(path, [])).toEqual({ a: 1 });
});

test('what cannot be destroyed any more is not said to have been', async () => {
  const path = newDirectory();
  const cache = open(path);
  cache.set('a', 1);
  await cache.close();
  await expect(cache.destroy()).rejects.toEqual(closed);
});

test('a cache can be opened again while it closes and after', async () => {
  const path = newDirectory();
  const first = open(path);
  first.set('a', 1);
  const closing = first.close();
  const second = open(path);
  second.set('b', 2);
  await closing;
  expect(second.get([])).toEqual({ a: 1, b: 2 });
  await second.close();
  const third = open(path);
  await third.sync();
  expect(third.get([])).toEqual({ a: 1, b: 2 });
});

test('await using closes', async () => {
  const cache = open(newDirectory());
  expect(Symbol.asyncDispose in cache).toBe(true);
  await cache[Symbol.asyncDispose]();
  expect(cache.closed).toBe(true);
});

test('destroy empties the cache for every process and removes the file', async () => {
  const path = newDirectory();
  const other = startFork();
  await openAll([other], path);
  await other.ask('set', 'a', 1);
  await other.ask('flush');
  const cache = open(path);
  await cache.sync();
  expect(cache.get('a')).toBe(1);
  await cache.destroy();
  expect(cache.closed).toBe(true);
  expect(await other.ask('get', [])).toEqual({});
  await other.ask('destroy');
  expect(readdirSync(path)).toEqual([]);
  expect(await readFile(path, [])).toEqual({});
});

test('without a path, all that run in one directory share a cache there', async () => {
  const cwd = realpathSync(newDirectory());
  const [a, b] = [startFork('member.js', { cwd }), startFork('member.mjs', { cwd })];
  await a.ask('open', 'c');
  await b.ask('open', 'c');
  await a.ask('set', 'a', 1);
  await b.shows('a', 1);
  expect(await b.ask('property', 'filename')).toBe(join(cwd, 'c.db'));
  await Promise.all([a.ask('close'), b.ask('close')]);
  expect(readdirSync(cwd)).toEqual(['c.db']);
});

test('changes are told with path, reason and origin', async () => {
  const path = newDirectory();
  const [a, b] = startForks(2);
  await openAll([a!, b!], path, { gcInterval: 100 });
  await a!.ask('set', 'x.y', 1);
  await a!.ask('set', 'soon', 1, 50);
  await a!.ask('delete', 'x');
  await a!.ask('flush');
  await until('it expires', () => JSON.stringify(a!.heard('change')).includes('expire'));
  await a!.ask('delete', []);
  const told = (origin: string): object[] => [
    { path: 'x.y', reason: 'set', origin },
    { path: 'soon', reason: 'set', origin },
    { path: 'x', reason: 'delete', origin },
  ];
  const cleared = (origin: string): object => ({ path: '', reason: 'clear', origin });
  await until('the other hears of it', () => JSON.stringify(b!.heard('change')).includes('clear'));
  expect(a!.heard('change')).toEqual(expect.arrayContaining([...told('local'), cleared('local')]));
  expect(a!.heard('change')).toContainEqual({ path: 'soon', reason: 'expire', origin: 'local' });
  expect(b!.heard('change')).toEqual(expect.arrayContaining([...told('remote'), cleared('remote')]));
  const expiry = b!.heard('change').filter((event) => (event as { reason: string }).reason === 'expire');
  expect(expiry).toHaveLength(1);
});

test('past its limit the manager evicts, for all, and every process is told which', async () => {
  const path = newDirectory();
  const [manager, other] = startForks(2);
  const limit = { maxEntries: 10 };
  await openAll([manager!], path, limit);
  await openAll([other!], path, limit);
  const figuresOf = async (member: Member): Promise<CacheStats> => (await member.ask('stats')) as CacheStats;
  expect([(await figuresOf(manager!)).manager, (await figuresOf(other!)).manager]).toEqual([true, false]);
  await other!.ask('fill', 'a', 50);
  const evicted = (member: Member, origin: string): string[] => {
    const events = member.heard('change') as ChangeEvent[];
    return events.filter((event) => event.reason === 'evict' && event.origin === origin).map((event) => event.path).sort();
  };
  await until('it is told', () => evicted(manager!, 'local').length >= 40 && evicted(other!, 'remote').length >= 40);
  expect(await figuresOf(manager!)).toMatchObject({ entries: 10, evictions: 40 });
  expect(await figuresOf(other!)).toMatchObject({ entries: 10, evictions: 0 });
  const left = await manager!.ask('get', 'a');
  expect(await other!.ask('get', 'a')).toEqual(left);
  const gone = Array.from({ length: 50 }, (_, i) => String(i)).filter((key) => !(key in (left as object)));
  const paths = gone.map((key) => `a[${key}]`).sort();
  expect([evicted(manager!, 'local'), evicted(other!, 'remote')]).toEqual([paths, paths]);
  expect([...evicted(manager!, 'remote'), ...evicted(other!, 'local')]).toEqual([]);
});

test('peers, the manager, a sync and the end are told', async () => {
  const path = newDirectory();
  const [a, b] = startForks(2);
  await openAll([a!], path);
  expect(a!.heard('manager')).toMatchObject([{ isSelf: true }]);
  expect(a!.heard('sync').length).toBeGreaterThan(0);
  await openAll([b!], path);
  const [joined] = a!.heard('peer') as [{ peer: { id: string; pid: number } }];
  expect(joined).toEqual({ type: 'joined', peer: { id: expect.any(String), pid: expect.any(Number), threadId: 0 } });
  await b!.ask('close');
  expect(b!.heard('close')).toHaveLength(1);
  await until('the end is told', () => a!.heard('peer').length === 2);
  expect(a!.heard('peer')[1]).toEqual({ type: 'left', peer: joined.peer });
  expect([...a!.heard('error'), ...b!.heard('error')]).toEqual([]);
});

test('a listener that throws or rejects hurts nobody else and is reported', async () => {
  const cache = open(newDirectory());
  const errors: CacheError[] = [];
  const heard: string[] = [];
  const faults = [new Error('thrown'), new Error('rejected')];
  cache.on('change', () => {
    throw faults[0]!;
  });
  // A user's mistake that the types would refuse.
  // eslint-disable-next-line @typescript-eslint/no-misused-promises
  cache.on('change', () => Promise.reject(faults[1]!));
  cache.once('change', ({ path }) => heard.push(path));
  cache.on('error', () => {
    throw new Error('from a listener of errors');
  });
  cache.on('error', (error) => errors.push(error));
  expect(cache.set('a', 1)).toBe(1);
  cache.set('b', 1);
  expect(heard).toEqual(['a']);
  await until('all are reported', () => errors.length === 4);
  expect(errors.every((error) => error instanceof CacheError && error.code === 'ERR_CLUSTER_CACHE_LISTENER')).toBe(true);
  expect(new Set(errors.map(({ cause }) => cause))).toEqual(new Set(faults));
});

test('an error that nobody listens to crashes nothing', async () => {
  const cache = open(newDirectory());
  cache.on('change', () => {
    throw new Error('unheard');
  });
  cache.set('a', 1);
  await cache.flush();
  expect(cache.get('a')).toBe(1);
});
