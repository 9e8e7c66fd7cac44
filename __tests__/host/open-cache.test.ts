/** What an open cache does at the ends of its turns, and at its own. */
import { cpSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as Y from 'yjs';
import type { OpenCacheOptions } from '../../lib/host/ports';
import { SnapshotMaker } from '../../lib/host/snapshot-maker';
import { limits } from '../../lib/limits';
import { Bench } from '../core/replicas';
import { until } from '../mesh/meshes';
import { linkToSilentPeer, persistent, TestHost } from './hosts';

async function open(options: Partial<OpenCacheOptions> = {}): Promise<TestHost> {
  const host = new TestHost(options);
  await host.cache.sync();
  host.endTurns(Infinity);
  return host;
}

describe('a cache over its limits', () => {
  test('comes to rest when nothing is left that can be evicted', async () => {
    // A limit that not even an empty cache keeps.
    const host = await open({ maxEntries: -1 });
    const { cache } = host;
    cache.replica.set('a', 1);
    cache.touch();
    expect(host.endTurns(100)).toBeLessThan(100);
    expect(cache.replica.isOverLimits).toBe(true);
    expect(cache.stats()).toMatchObject({ entries: 0, evictions: 1 });
    await cache.end();
  });

  test('evicts more than is done in one turn in several', async () => {
    const host = await open({ maxEntries: 10 });
    const { cache } = host;
    for (let i = 0; i < 2 * limits.evictionsMax; i++) cache.replica.set(`k${i}`, i);
    cache.touch();
    expect(host.endTurns(1)).toBe(1);
    expect(cache.stats().evictions).toBe(limits.evictionsMax);
    expect(host.endTurns(100)).toBeLessThan(100);
    expect(cache.stats()).toMatchObject({ entries: 10, evictions: 2 * limits.evictionsMax - 10 });
    await cache.end();
  });

  test('gives away what has expired before anything that lives', async () => {
    const host = await open({ maxEntries: 10 });
    const { cache } = host;
    for (let i = 0; i < 10; i++) cache.replica.set(`living${i}`, i);
    // More than a sweep deals with at once.
    for (let i = 0; i < 3 * limits.sweepMax; i++) cache.replica.set(`expired${i}`, i, 1);
    await delay(2);
    cache.touch();
    host.endTurns(100);
    expect(cache.stats()).toMatchObject({ entries: 10, evictions: 0 });
    expect(Object.keys(cache.replica.get([]) as object)).toEqual(Array.from({ length: 10 }, (_, i) => `living${i}`));
    await cache.end();
  });
});

const TURNOVER_PARTS = 40;

/** A cache with many values of its own, and as many of somebody who is gone. */
async function openLarge(): Promise<TestHost> {
  const host = await open();
  const gone = new Bench().create({ id: 'gone' });
  for (let i = 0; i < (TURNOVER_PARTS * limits.turnoverNodesMax) / 2; i++) {
    host.cache.replica.set(`own${i}`, i);
    gone.set(`gone${i}`, i);
  }
  host.cache.replica.receive([gone.commit()!]);
  host.cache.commit();
  host.endTurns(Infinity);
  return host;
}

describe('a new epoch', () => {
  afterEach(() => jest.restoreAllMocks());

  const KEYS = TURNOVER_PARTS * limits.turnoverNodesMax;

  test('is looked through in several turns, before anything else is done, and then the manager writes for those who are gone', async () => {
    const host = await openLarge();
    const { replica } = host.cache;
    // Each look at the clock takes a millisecond.
    let now = performance.now();
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => ++now);
    replica.beginEpoch();
    host.cache.commit();
    let turns = 1;
    for (; replica.isTurningOver; turns++) {
      expect(replica.entryCount).toBe(0);
      expect(host.endTurns(1)).toBe(1);
    }
    expect(turns).toBeGreaterThanOrEqual(TURNOVER_PARTS / limits.turnMs);
    expect(turns).toBeLessThan(TURNOVER_PARTS / 2);
    clock.mockRestore();
    host.endTurns(Infinity);
    expect([replica.isWhole, replica.entryCount, replica.get('gone0')]).toEqual([true, KEYS, 0]);
    await host.cache.end();
  });

  test('that begins and is looked through with what one read brings is told to be complete', async () => {
    const host = await open();
    const { cache } = host;
    const { link, heard } = await linkToSilentPeer();
    cache.addLink(link);
    const peer = new Bench().create({ id: 'p', now: Date.now });
    peer.beginEpoch();
    const { epoch } = peer;
    const vector = peer.stateVector();
    peer.set('x', 1);
    const state = { type: 'state', epoch, replicaId: 'p', vector, token: 1, isMirrored: false, isDeferred: false, isPersistent: false } as const;
    cache.receive(link, [state, { type: 'update', epoch, update: peer.commit()! }]);
    host.endTurns(Infinity);
    await until('it is told', () => heard.some((message) => message.type === 'complete' || (message.type === 'sync' && message.isComplete)));
    await cache.end();
  });

  test('that was looked through at once, since something needed it, is tended as well', async () => {
    const host = await openLarge();
    const { replica } = host.cache;
    replica.beginEpoch();
    replica.turnOver();
    host.cache.commit();
    host.endTurns(Infinity);
    expect([replica.isWhole, replica.entryCount]).toEqual([true, KEYS]);
    await host.cache.end();
  });
});

describe('a document that cannot be written to', () => {
  afterEach(() => jest.restoreAllMocks());

  /** The next `count` commits fail when all is done but the last. */
  const breakDocuments = (count: number): void => {
    const { prototype } = Y.Doc as unknown as { prototype: { transact: (this: Y.Doc, f: () => unknown) => unknown } };
    const { transact } = prototype;
    const spy = jest.spyOn(prototype, 'transact');
    for (let i = 0; i < count; i++) {
      spy.mockImplementationOnce(function (this: Y.Doc, change) {
        return transact.call(this, () => {
          change();
          throw new Error('no struct');
        });
      });
    }
  };

  test('is replaced by a new one, with all that was in it and all that was to come; an event tells', async () => {
    const host = await open();
    const { cache } = host;
    const errors: unknown[] = [];
    const emit = (name: string, ...args: readonly unknown[]): void => {
      if (name === 'error') errors.push(...args);
    };
    cache.attach({ gcInterval: 120_000, hasListeners: () => true, emit });
    const { link, heard } = await linkToSilentPeer();
    cache.addLink(link);
    for (let i = 0; i < 300; i++) cache.replica.set(`k${i}`, i);
    cache.touch();
    expect(host.endTurns(100)).toBeLessThan(100);
    for (let i = 0; i < 300; i++) cache.replica.set(`k${i}`, i + 1);
    cache.replica.set('l', 1);
    cache.touch();
    breakDocuments(1);
    expect(host.endTurns(100)).toBeLessThan(100);
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_CLUSTER_CACHE_UPDATE', cause: expect.objectContaining({ message: 'no struct' }) as unknown })]);
    expect([cache.replica.epoch.number, cache.replica.isWhole]).toEqual([1, true]);
    const peer = new Bench().create();
    peer.load(cache.replica.epoch, [cache.replica.encodeState()]);
    expect(peer.get([])).toEqual({ ...Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, i + 1])), l: 1 });
    await until('the peer has heard of it', () => heard.some((message) => message.type === 'state' && message.epoch.number === 1));
    await cache.end();
  });

  test('is not replaced again and again because of one value, however much else can be written', async () => {
    const { cache } = await open();
    const { integrate } = Y.Item.prototype;
    jest.spyOn(Y.Item.prototype, 'integrate').mockImplementation(function (this: Y.Item, ...args) {
      if (this.parentSub === 'poison') throw new Error('poison');
      integrate.apply(this, args);
    });
    for (let i = 0; i < 1000; i++) cache.replica.set(i === 500 ? 'poison' : `k${i}`, i);
    let turns = 0;
    expect(() => {
      do cache.commit();
      while (cache.replica.hasUnwritten && ++turns < 100);
    }).toThrow('poison');
    expect(cache.replica.epoch.number).toBe(2);
    jest.restoreAllMocks();
    await cache.end();
  });

  test('is replaced by one that is begun in later turns, where there is much in it', async () => {
    const { cache } = await openLarge();
    cache.replica.set('a', 1);
    breakDocuments(1);
    cache.commit();
    expect([cache.replica.epoch.number, cache.replica.isTurningOver]).toEqual([1, true]);
    await cache.end();
  });

  test('is replaced before the last words to the disk, with what others wrote', () => {
    const bench = new Bench();
    const [other, replica] = [bench.create({ id: 'o' }), bench.create({ id: 'r' })];
    other.set('x', 1);
    other.commit();
    replica.receive([other.encodeState()]);
    replica.set('y', 1);
    breakDocuments(1);
    const commit = (): void => {
      try {
        replica.commit();
      } catch {
        // A new epoch has begun.
      }
    };
    new SnapshotMaker({ replica, commit }).makeSync(0);
    const fresh = bench.create();
    fresh.load(replica.epoch, [replica.encodeState()]);
    expect([replica.isWhole, fresh.get([])]).toEqual([true, { x: 1, y: 1 }]);
  });

  test('is not replaced again and again, where that does not help', async () => {
    const host = await open();
    const { cache } = host;
    cache.replica.set('a', 1);
    breakDocuments(2);
    // The second attempt may have to wait for the next turn.
    expect(() => {
      cache.commit();
      cache.commit();
    }).toThrow('no struct');
    // Nobody waits for what may never be called again.
    expect(cache.replica.isTurningOver).toBe(false);
    // No document is gone on with once that has failed.
    expect([cache.replica.epoch.number, cache.replica.get('a')]).toEqual([2, 1]);
    cache.commit();
    expect(cache.replica.isWhole).toBe(true);
    await cache.end();
  });
});

test('what was asked by one that was closed has another token than what the next one asks on the same link', async () => {
  const { link, heard } = await linkToSilentPeer();
  const tokens = (): number[] => heard.flatMap((message) => (message.type === 'state' ? [message.token] : []));
  for (let count = 1; count <= 2; count++) {
    const { cache } = await open();
    cache.addLink(link);
    await until('it has asked', () => tokens().length >= count);
    await cache.end();
  }
  expect(tokens()[1]! - tokens()[0]!).toBeGreaterThan(1000);
});

test('what a linked process has yet to write into a new epoch is not forgotten, however short the gcInterval', async () => {
  const host = await open();
  const { cache } = host;
  cache.attach({ gcInterval: 20, hasListeners: () => false, emit: () => undefined });
  const { link } = await linkToSilentPeer();
  cache.addLink(link);
  const peer = new Bench().create({ id: 'peer', now: Date.now });
  peer.set('a', 1);
  peer.commit();
  const state = { type: 'state', replicaId: 'peer', token: 1, isMirrored: false, isDeferred: false, isPersistent: false } as const;
  const told = { epoch: peer.epoch, token: 1, isComplete: true, isInformed: true, update: peer.encodeState() };
  cache.receive(link, [{ ...state, epoch: peer.epoch, vector: peer.stateVector() }, { type: 'sync', ...told }]);
  expect(cache.replica.get('a')).toBe(1);
  peer.beginEpoch();
  // It says that there is a new epoch, and then nothing more.
  cache.receive(link, [{ ...state, token: 2, epoch: peer.epoch, vector: peer.stateVector() }]);
  expect([cache.replica.epoch, cache.replica.isWhole]).toEqual([peer.epoch, false]);
  await until('all is written', () => {
    host.endTurns(10);
    return cache.replica.isWhole;
  });
  expect(cache.replica.get('a')).toBe(1);
  peer.receive([cache.replica.encodeState()]);
  expect(peer.get('a')).toBe(1);
  await cache.end();
});

test('who ends right after a new epoch began writes what others have yet to write into it, and tells of it', async () => {
  const { cache: author } = await open();
  author.replica.set('a', 1);
  const { cache } = await open();
  cache.replica.receive([author.replica.commit()!]);
  await author.end();
  const { link, heard } = await linkToSilentPeer();
  cache.addLink(link);
  const peer = new Bench().create({ now: Date.now });
  peer.beginEpoch();
  const { epoch } = peer;
  const vector = peer.stateVector();
  cache.receive(link, [{ type: 'state', epoch, replicaId: peer.id, vector, token: 1, isMirrored: false, isDeferred: false, isPersistent: false }]);
  await cache.end();
  await until('the end', () => heard.at(-1)?.type === 'leave');
  for (const message of heard) {
    if ((message.type !== 'update' && message.type !== 'sync') || message.epoch.number !== epoch.number) continue;
    expect(peer.receive([message.update])).toBe('applied');
  }
  expect(peer.get([])).toEqual({ a: 1 });
});

test('who exits while it takes in a large snapshot does not replace it by the part that it has', async () => {
  jest.replaceProperty(limits, 'stateStructsMax', 10 as never);
  jest.replaceProperty(limits, 'loadUpdatesMax', 1 as never);
  const [during, after] = [persistent(), persistent()];
  const writer = new TestHost(during);
  await writer.cache.sync();
  for (let i = 0; i < 100; i++) writer.cache.replica.set(`k${i}`, i);
  await writer.cache.flush();
  await writer.cache.end();
  const { cache } = new TestHost(during);
  cache.replica.set('own', 1);
  cache.touch();
  await until('some of it is there', () => cache.replica.get('k0') !== undefined);
  expect(cache.replica.get('k99')).toBeUndefined();
  cache.saveSync();
  // There its process ends.
  cpSync(dirname(during.filename!), dirname(after.filename!), { recursive: true });
  const { cache: next } = new TestHost(after);
  await next.sync();
  expect(Object.keys(next.replica.get([]) as object)).toHaveLength(101);
  for (const each of [cache, next]) await each.end();
});
