/** Who starts, or was cut off, learns all that was confirmed to be on disk, whoever of those who knew it has ended. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Message } from '../../lib/core/message';
import { Replica } from '../../lib/core/replica';
import type { OpenCacheOptions } from '../../lib/host/ports';
import { Session } from '../../lib/core/session';
import { Informants } from '../../lib/host/informants';
import { limits } from '../../lib/limits';
import type { Link } from '../../lib/mesh/link';
import { Store } from '../../lib/storage/store';
import { Bench } from '../core/replicas';
import { until } from '../mesh/meshes';
import { cleanup, linkToSilentPeer, persistent, TestHost } from './hosts';

afterEach(() => {
  jest.restoreAllMocks();
});

/** The peer says that it has the cache open; it will ask later. */
function appear(host: TestHost, link: Link, replica: Replica): void {
  const { id, epoch } = replica;
  const vector = replica.stateVector();
  host.cache.receive(link, [
    { type: 'state', epoch, replicaId: id, vector, token: 1, isMirrored: false, isDeferred: true, isPersistent: false },
  ]);
}

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
  interface Answering {
    isInformed: boolean;
    isComplete: boolean;
    /** Says that the last answer is complete. */
    complete(): void;
    readonly link: Link;
  }

  /** One that answers whatever it is asked. */
  const meet = async (host: TestHost, isInformed: boolean, isComplete = true): Promise<Answering> => {
    const { link, heard } = await linkToSilentPeer();
    const replica = new Bench().create({ id: 'p', now: Date.now });
    let token = 0;
    const complete = (): void => void host.cache.receive(link, [{ type: 'complete', token }]);
    const answering: Answering = { isInformed, isComplete, complete, link };
    let answered = 0;
    const timer = setInterval(() => {
      const states = heard.flatMap((message) => (message.type === 'state' && !message.isDeferred ? [message.token] : []));
      for (token of states.slice(answered)) {
        const { isInformed: knows, isComplete: isAll } = answering;
        const { epoch } = replica;
        host.cache.receive(link, [{ type: 'sync', epoch, token, isComplete: isAll, isInformed: knows, update: replica.encodeState() }]);
      }
      answered = states.length;
    }, 5);
    cleanup.add(() => {
      clearInterval(timer);
      return Promise.resolve();
    });
    host.cache.addLink(link);
    appear(host, link, replica);
    return answering;
  };

  const looks = (): number => jest.mocked(Store.prototype.hasForeignFile).mock.calls.length;
  const open = async (): Promise<TestHost> => {
    const host = new TestHost(persistent());
    await host.cache.sync();
    jest.spyOn(Store.prototype, 'hasForeignFile');
    return host;
  };

  test.each([
    ['knows what is on disk: the files are left alone', true, 0],
    ['does not: they are looked at', false, 1],
  ])('that %s', async (_, isInformed, expected) => {
    const host = await open();
    await meet(host, isInformed);
    await host.cache.sync();
    expect(looks()).toBe(expected);
    await host.cache.end();
  });

  test.each([
    ['and knows still when it is asked again: the files are left alone', true, 0],
    ['and has lost its memory when it is asked again: they are looked at', false, 1],
  ])('that knew before another was lost, %s', async (_, isInformed, expected) => {
    jest.replaceProperty(limits, 'answerWaitMs', 60_000 as never);
    const host = await open();
    const peer = await meet(host, true);
    const { link, heard } = await linkToSilentPeer();
    host.cache.addLink(link);
    const asked = (): number => heard.filter((message) => message.type === 'state' && !message.isDeferred).length;
    await until('the other is asked', () => asked() === 1);
    const synced = host.cache.sync();
    await until('it is asked by the sync', () => asked() === 2);
    peer.isInformed = isInformed;
    host.cache.removeLink(link);
    await synced;
    expect(looks()).toBe(expected);
    await host.cache.end();
  });

  test('that knows is not enough where another is silent', async () => {
    jest.replaceProperty(limits, 'answerWaitMs', 100 as never);
    const host = await open();
    await meet(host, true);
    const { link } = await linkToSilentPeer();
    host.cache.addLink(link);
    await host.cache.sync();
    expect(looks()).toBe(1);
    await host.cache.end();
  });

  test.each([
    ['has told it all', true, 0],
    ['goes before', false, 1],
  ])('that knows, and writes still, counts when it %s', async (_, isCompleted, expected) => {
    jest.replaceProperty(limits, 'answerWaitMs', 60_000 as never);
    const host = await open();
    const peer = await meet(host, true, false);
    let isDone = false;
    const synced = host.cache.sync().then(() => (isDone = true));
    await delay(50);
    expect(isDone).toBe(false);
    if (isCompleted) peer.complete();
    else host.cache.removeLink(peer.link);
    await synced;
    expect(looks()).toBe(expected);
    await host.cache.end();
  });

  test('is asked once for one that is lost, and not at all where nobody waits', async () => {
    jest.replaceProperty(limits, 'answerWaitMs', 60_000 as never);
    jest.replaceProperty(limits, 'sourceWaitMs', 60_000 as never);
    const host = new TestHost();
    await host.cache.sync();
    const peers = [await linkToSilentPeer(), await linkToSilentPeer(), await linkToSilentPeer()];
    const asked = (): number[] =>
      peers.map(({ heard }) => heard.filter((message) => message.type === 'state' && !message.isDeferred).length);
    peers.forEach(({ link }) => host.cache.addLink(link));
    await until('the source is asked', () => asked()[0] === 1);
    host.cache.removeLink(peers[0]!.link);
    await until('the others are', () => asked()[1] === 1 && asked()[2] === 1);
    const synced = host.cache.sync();
    await until('the new source is asked by the sync', () => asked()[1] === 2);
    host.cache.removeLink(peers[1]!.link);
    await until('the last is asked', () => asked()[2]! >= 2);
    await delay(50);
    expect(asked()).toEqual([1, 2, 2]);
    host.cache.removeLink(peers[2]!.link);
    await synced;
    await host.cache.end();
  });

  test('that has answered is not asked again for one that is lost while nobody waits', async () => {
    const host = new TestHost();
    await host.cache.sync();
    const peer = await meet(host, true);
    const ask = jest.spyOn(Session.prototype, 'ask');
    const { link, heard } = await linkToSilentPeer();
    host.cache.addLink(link);
    await until('the other is asked', () => heard.some((message) => message.type === 'state' && !message.isDeferred));
    ask.mockClear();
    host.cache.removeLink(link);
    await delay(50);
    expect(ask).not.toHaveBeenCalled();
    host.cache.removeLink(peer.link);
    await host.cache.end();
  });

  test.each([
    ['and knows still: the files are left alone', true, 0],
    ['and has gone, or lost its memory: they are looked at', false, 1],
  ])('that knew before all that could be found were linked is asked again, %s', async (_, isInformed, expected) => {
    const host = new TestHost(persistent());
    let go: () => void = () => undefined;
    const joins = jest.spyOn(host, 'join').mockReturnValue(new Promise<void>((resolve) => (go = resolve)));
    await until('the file is loaded', () => joins.mock.calls.length > 0);
    const peer = await meet(host, true);
    const note = jest.spyOn(Informants.prototype, 'note');
    await until('it has answered', () => note.mock.calls.length === 1);
    // One that cannot be linked any more may have told it what is on disk by now.
    peer.isInformed = isInformed;
    jest.spyOn(Store.prototype, 'hasForeignFile');
    let isOpen = false;
    const emit = (name: string, ..._args: readonly unknown[]): void => {
      if (name === 'sync') isOpen = true;
    };
    host.cache.attach({ gcInterval: 120_000, hasListeners: () => false, emit });
    go();
    await until('the cache is open', () => isOpen);
    expect(looks()).toBe(expected);
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
    jest.spyOn(Replica.prototype, 'isWhole', 'get').mockReturnValue(false);
    ask(3);
    await until('it has answered in a document that is not whole', () => told().length === 3);
    expect(told()).toEqual([false, true, false]);
    jest.restoreAllMocks();
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
        appear(host, link, replicas[i]!);
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
    if (occasion === 'start') {
      await until('the first is asked while others are looked for', () => tokens(one.heard).length === 1);
      answer();
    }
    const asked = 2;
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
