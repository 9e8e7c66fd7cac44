/** Who is asked when, if a process may lack something: one peer first, and how long that is waited for. */
import { setTimeout as delay } from 'node:timers/promises';
import { CatchUp } from '../../lib/host/catch-up';
import { limits } from '../../lib/limits';
import type { Link } from '../../lib/mesh/link';
import { startPatience } from '../../lib/mesh/patience';
import { until } from '../mesh/meshes';
import { linkToSilentPeer, TestHost } from './hosts';

afterEach(() => {
  jest.restoreAllMocks();
});

/** Links are told apart here, and nothing else. */
function fakeLink(): Link {
  return Object.create(null) as Link;
}

describe('of several peers', () => {
  const [a, b, c] = [fakeLink(), fakeLink(), fakeLink()];
  let asked: Link[];
  let catchUp: CatchUp;

  beforeEach(() => {
    asked = [];
    catchUp = new CatchUp((link) => asked.push(link));
    expect([a, b, c, b].map((link) => catchUp.takesTurn(link))).toEqual([true, false, false, false]);
  });
  afterEach(() => {
    catchUp.stop();
  });

  test('one is asked first, again if need be, and the others once it has answered', () => {
    expect(catchUp.takesTurn(a)).toBe(true);
    catchUp.noteCaughtUp(b);
    expect(asked).toEqual([]);
    catchUp.noteCaughtUp(a);
    expect(asked).toEqual([b, c]);
    expect([c, a].map((link) => catchUp.takesTurn(link))).toEqual([true, false]);
  });

  test('the others are asked when the first is gone, but for those that are gone as well', () => {
    catchUp.remove(b);
    catchUp.remove(a);
    expect(asked).toEqual([c]);
  });

  test('one that has answered, or is about to, is asked again: at once, or when the first has answered', () => {
    catchUp.askAgain(a);
    expect([asked, catchUp.isWaiting(a)]).toEqual([[], true]);
    catchUp.noteCaughtUp(a);
    expect(asked).toEqual([b, c, a]);
    catchUp.askAgain(b);
    expect(asked).toEqual([b, c, a, b]);
  });

  test('none is asked any more by who leaves', () => {
    catchUp.stop();
    catchUp.noteCaughtUp(a);
    expect(asked).toEqual([]);
  });
});

test('the others are asked when the first is silent, not while it sends', async () => {
  jest.replaceProperty(limits, 'sourceWaitMs', 100 as never);
  const [a, b] = [fakeLink(), fakeLink()];
  let isAsked = false;
  const catchUp = new CatchUp(() => (isAsked = true));
  catchUp.takesTurn(a);
  catchUp.takesTurn(b);
  for (let i = 0; i < 30; i++) {
    catchUp.noteMessages(a);
    await delay(10);
  }
  expect(isAsked).toBe(false);
  await until('the other was asked', () => isAsked);
});

describe('a sync waits for a peer', () => {
  const synced = async (): Promise<{ host: TestHost; link: Link; asked: (times: number) => Promise<void>; token: () => number; isOver: () => boolean; promise: Promise<void> }> => {
    jest.replaceProperty(limits, 'answerWaitMs', 200 as never);
    const host = new TestHost();
    await host.cache.sync();
    const { link, heard } = await linkToSilentPeer();
    host.cache.addLink(link);
    const asked = (times: number): Promise<void> =>
      until(`it has asked ${times} times`, () => heard.filter(({ type }) => type === 'state').length >= times);
    let isOver = false;
    const promise = host.cache.sync().then(() => {
      isOver = true;
    });
    const token = (): number => heard.flatMap((message) => (message.type === 'state' ? [message.token] : [])).at(-1) ?? 0;
    return { host, link, asked, token, isOver: () => isOver, promise };
  };

  test('that is silent no longer than it must', async () => {
    const { host, promise } = await synced();
    await promise;
    await host.cache.end();
  });

  test('that is silent no longer because another has answered', async () => {
    const { host, isOver, promise } = await synced();
    await promise;
    const { link: other, heard } = await linkToSilentPeer();
    host.cache.addLink(other);
    const { epoch } = host.cache.replica;
    const update = host.cache.replica.encodeState();
    jest.replaceProperty(limits, 'sourceWaitMs', 20 as never);
    jest.replaceProperty(limits, 'answerWaitMs', 2000 as never);
    let isOverToo = false;
    const both = host.cache.sync().then(() => (isOverToo = true));
    const tokens = (): number[] => heard.flatMap((message) => (message.type === 'state' ? [message.token] : []));
    await until('both were asked', () => tokens().length >= 2);
    host.cache.receive(other, [{ type: 'sync', epoch, token: tokens().at(-1)!, isComplete: true, isInformed: true, update }]);
    // It counts the turns of this event loop, as the sync does: no load on the machine makes one of them late.
    await new Promise<void>((resolve) => startPatience(3000, resolve));
    expect([isOver(), isOverToo]).toEqual([true, true]);
    await both;
    await host.cache.end();
  });

  test('that goes on sending until it has answered', async () => {
    const { host, link, token, isOver, promise } = await synced();
    const { epoch } = host.cache.replica;
    const update = host.cache.replica.encodeState();
    for (let i = 0; i < 60; i++) {
      host.cache.receive(link, [{ type: 'update', epoch, update }]);
      await delay(10);
    }
    expect(isOver()).toBe(false);
    // Of every state that was sent until now.
    host.cache.receive(link, [{ type: 'sync', epoch, token: token(), isComplete: true, isInformed: true, update }]);
    await promise;
    await host.cache.end();
  });

  test('that has sent all it had but is never done no longer than it must', async () => {
    const { host, link, asked, token, promise } = await synced();
    const { epoch } = host.cache.replica;
    const update = host.cache.replica.encodeState();
    await asked(2);
    host.cache.receive(link, [{ type: 'sync', epoch, token: token(), isComplete: false, isInformed: true, update }]);
    const writing = setInterval(() => host.cache.receive(link, [{ type: 'update', epoch, update }]), 10);
    await promise;
    clearInterval(writing);
    await host.cache.end();
  });

  test('that is silent no longer though others ask again and again', async () => {
    const { host, promise } = await synced();
    const { link: other, heard } = await linkToSilentPeer();
    host.cache.addLink(other);
    const { epoch } = host.cache.replica;
    const update = host.cache.replica.encodeState();
    const asking = setInterval(() => {
      void host.cache.sync();
      const states = heard.filter((message) => message.type === 'state');
      host.cache.receive(other, [{ type: 'sync', epoch, token: states.at(-1)?.token ?? 0, isComplete: true, isInformed: true, update }]);
    }, 50);
    await promise;
    clearInterval(asking);
    await host.cache.end();
  });

  test('no longer than the cache is open', async () => {
    const { host, asked, promise } = await synced();
    const { link: second } = await linkToSilentPeer();
    host.cache.addLink(second);
    jest.replaceProperty(limits, 'answerWaitMs', 60_000 as never);
    jest.replaceProperty(limits, 'sourceWaitMs', 60_000 as never);
    const both = Promise.all([promise, host.cache.sync()]);
    await asked(3);
    await host.cache.end();
    await both;
  });

  test('that goes before it was asked no longer', async () => {
    jest.replaceProperty(limits, 'sourceWaitMs', 60_000 as never);
    const { host, link, asked, promise } = await synced();
    const { link: second } = await linkToSilentPeer();
    host.cache.addLink(second);
    const startedAt = performance.now();
    jest.replaceProperty(limits, 'answerWaitMs', 60_000 as never);
    const both = host.cache.sync();
    // It asks the first again, and not yet the second.
    await asked(3);
    host.cache.removeLink(second);
    host.cache.removeLink(link);
    await Promise.all([both, promise]);
    expect(performance.now() - startedAt).toBeLessThan(30_000);
    await host.cache.end();
  });
});
