/** Who starts, or was cut off, learns all that was confirmed to be on disk, whoever of those who knew it has ended. */
import { cpSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Message } from '../../lib/core/message';
import type { Replica } from '../../lib/core/replica';
import type { OpenCacheOptions } from '../../lib/host/ports';
import { limits } from '../../lib/limits';
import type { Link } from '../../lib/mesh/link';
import { Store } from '../../lib/storage/store';
import { Bench } from '../core/replicas';
import { until } from '../mesh/meshes';
import { cleanup, linkToSilentPeer, TestHost } from './hosts';

afterEach(() => {
  jest.restoreAllMocks();
});

const persistent = (): Partial<OpenCacheOptions> => ({ isPersistent: true, durability: 'always', filename: join(cleanup.directory(), 'c.snapshot') });

/** Another process, unseen, that flushes `key` and ends. */
async function flushElsewhere(options: Partial<OpenCacheOptions>, key: string): Promise<void> {
  const { cache } = new TestHost(options);
  await cache.sync();
  cache.replica.set(key, 1);
  await cache.flush();
  await cache.end();
}

describe('what was flushed and is on disk only', () => {
  test('is there when who starts has opened the cache, though its file was loaded before', async () => {
    const options = persistent();
    const host = new TestHost(options);
    let go: () => void = () => undefined;
    const joined = new Promise<void>((resolve) => (go = resolve));
    const joins = jest.spyOn(host, 'join').mockReturnValue(joined);
    await until('the file is loaded', () => joins.mock.calls.length > 0);
    await flushElsewhere(options, 'k');
    let seen: unknown;
    const emit = (name: string, ..._args: readonly unknown[]): void => {
      if (name === 'sync') seen ??= host.cache.replica.get('k') ?? 'nothing';
    };
    host.cache.attach({ gcInterval: 120_000, hasListeners: () => false, emit });
    go();
    await host.cache.sync();
    expect(seen).toBe(1);
    await host.cache.end();
  });

  test.each([true, false])('is there after a sync (in office: %p)', async (isInOffice) => {
    const options = persistent();
    const host = new TestHost(options);
    await host.cache.sync();
    if (isInOffice) {
      host.cache.replica.set('own', 1);
      await host.cache.flush();
    }
    await flushElsewhere(options, 'k');
    await host.cache.sync();
    expect(host.cache.replica.get('k')).toBe(1);
    await host.cache.end();
  });
});

describe('a peer', () => {
  /** One that answers whatever it is asked, from `said` on. */
  const meet = async (host: TestHost, isInformed: boolean): Promise<Link> => {
    const { link, heard } = await linkToSilentPeer();
    const replica = new Bench().create({ id: 'p', now: Date.now });
    let answered = 0;
    const timer = setInterval(() => {
      const states = heard.filter((message) => message.type === 'state' && !message.isDeferred);
      for (const state of states.slice(answered)) {
        if (state.type !== 'state') continue;
        const answer: Message = { type: 'sync', epoch: replica.epoch, token: state.token, isComplete: true, isInformed, update: replica.encodeState() };
        host.cache.receive(link, [answer]);
      }
      answered = states.length;
    }, 5);
    cleanup.add(() => {
      clearInterval(timer);
      return Promise.resolve();
    });
    host.cache.addLink(link);
    return link;
  };

  test.each([
    ['knows what is on disk: the files are left alone', true, 0],
    ['does not: they are looked at', false, 1],
  ])('that %s', async (_, isInformed, looks) => {
    const host = new TestHost(persistent());
    await host.cache.sync();
    await meet(host, isInformed);
    const look = jest.spyOn(Store.prototype, 'hasForeignFile');
    await host.cache.sync();
    expect(look.mock.calls).toHaveLength(looks);
    await host.cache.end();
  });

  test('is told whether this process knows: not while it starts', async () => {
    const host = new TestHost(persistent());
    let go: () => void = () => undefined;
    jest.spyOn(host, 'scan').mockReturnValue(Promise.resolve());
    const joined = new Promise<void>((resolve) => (go = resolve));
    const joins = jest.spyOn(host, 'join').mockReturnValue(joined);
    await until('the file is loaded', () => joins.mock.calls.length > 0);
    const { link, heard } = await linkToSilentPeer();
    host.cache.addLink(link);
    const replica = new Bench().create({ id: 'p', now: Date.now });
    const ask = (token: number): boolean =>
      host.cache.receive(link, [
        { type: 'state', epoch: replica.epoch, replicaId: 'p', vector: replica.stateVector(), token, isMirrored: false, isDeferred: false, isPersistent: true },
      ]);
    const told = (): boolean[] => heard.flatMap((message) => (message.type === 'sync' ? [message.isInformed] : []));
    ask(1);
    await until('it has answered', () => told().length === 1);
    jest.replaceProperty(limits, 'answerWaitMs', 100 as never);
    go();
    await host.cache.sync();
    ask(2);
    await until('it has answered again', () => told().length === 2);
    expect(told()).toEqual([false, true]);
    await host.cache.end();
  });
});

describe('who has answered is asked again, and waited for, when one that owed an answer', () => {
  const leave = (host: TestHost, link: Link): unknown => host.cache.receive(link, [{ type: 'leave' }]);
  const vanish = (host: TestHost, link: Link): unknown => host.cache.removeLink(link);

  test.each([
    ['is gone', 'sync', vanish],
    ['has left', 'sync', leave],
    ['is gone', 'start', vanish],
    ['has left', 'start', leave],
  ] as const)('%s: it may have heard from that (%s)', async (_, occasion, end) => {
    jest.replaceProperty(limits, 'sourceWaitMs', 60_000 as never);
    jest.replaceProperty(limits, 'answerWaitMs', 60_000 as never);
    const peers = [await linkToSilentPeer(), await linkToSilentPeer()];
    const host = new TestHost();
    let go: () => void = () => undefined;
    const joins = jest.spyOn(host, 'join');
    if (occasion === 'start') joins.mockReturnValue(new Promise<void>((resolve) => (go = resolve)));
    const replicas = ['p', 'q'].map((id) => new Bench().create({ id, now: Date.now }));
    const meet = (): void => {
      peers.forEach(({ link }, i) => {
        host.cache.addLink(link);
        const { id, epoch } = replicas[i]!;
        const vector = replicas[i]!.stateVector();
        host.cache.receive(link, [
          { type: 'state', epoch, replicaId: id, vector, token: 1, isMirrored: false, isDeferred: true, isPersistent: true },
        ]);
      });
    };
    let isDone = false;
    const emit = (name: string, ..._args: readonly unknown[]): void => {
      if (name === 'sync') isDone = true;
    };
    if (occasion === 'sync') await host.cache.sync();
    host.cache.attach({ gcInterval: 120_000, hasListeners: () => false, emit });
    if (occasion === 'sync') {
      meet();
      void host.cache.sync();
    } else {
      await until('it starts', () => joins.mock.calls.length > 0);
      meet();
      go();
    }
    const [one, other] = peers as [(typeof peers)[0], (typeof peers)[0]];
    const [peer] = replicas as [Replica];
    const tokens = (heard: readonly Message[]): number[] =>
      heard.flatMap((message) => (message.type === 'state' && !message.isDeferred ? [message.token] : []));
    const answer = (): void => {
      const token = tokens(one.heard).at(-1)!;
      host.cache.receive(one.link, [{ type: 'sync', epoch: peer.epoch, token, isComplete: true, isInformed: true, update: peer.encodeState() }]);
    };
    const asked = occasion === 'sync' ? 2 : 1;
    await until('the first is asked', () => tokens(one.heard).length === asked);
    answer();
    await until('so is the second', () => tokens(other.heard).length > 0);
    expect(isDone).toBe(false);
    peer.set('k', 1);
    peer.commit();
    end(host, other.link);
    await until('the first is asked again', () => tokens(one.heard).length === asked + 1);
    expect(isDone).toBe(false);
    answer();
    await until('it is done', () => isDone);
    expect(host.cache.replica.get('k')).toBe(1);
    await host.cache.end();
  });
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
