/** What arrives while a large cache goes over to a new epoch waits, from a peer that speaks the protocol by hand. */
import * as Y from 'yjs';
import type { Message } from '../../lib/core/message';
import { Replica } from '../../lib/core/replica';
import { Cache } from '../../lib/index';
import { limits } from '../../lib/limits';
import { newDirectory, addCleanup, until } from '../process/harness';
import { SpokenPeer } from './spoken-peer';

afterEach(() => jest.restoreAllMocks());

const epoch = { number: 1, founder: 'p' };
const state: Message = { type: 'state', epoch, replicaId: 'p', vector: new Uint8Array([0]), token: 1, isMirrored: false, isDeferred: false, isPersistent: false };
const update: Message = { type: 'update', epoch, update: new Uint8Array([0, 0]) };

test('what arrives while a new epoch is looked through is taken in after that, and does not end it', async () => {
  const path = newDirectory();
  const cache = new Cache('c', { path, persist: false });
  addCleanup(() => cache.close());
  for (let i = 0; i < 10; i++) cache.set(`k${i}`, i);
  await cache.sync();

  const { turnOver } = Replica.prototype;
  let isHeld = true;
  const inOnePiece: boolean[] = [];
  jest.spyOn(Replica.prototype, 'turnOver').mockImplementation(function (this: Replica, countMax?: number) {
    if (countMax === undefined) inOnePiece.push(this.isTurningOver);
    // It takes as long as the test wants.
    return countMax !== undefined && isHeld && this.isTurningOver ? true : turnOver.call(this, countMax);
  });
  const receive = jest.spyOn(Replica.prototype, 'receive');
  const received = (): number => receive.mock.calls.filter(([updates]) => updates.length > 0).length;

  const peer = await SpokenPeer.connect(path, 'c');
    peer.say(state);
  await until('it has entered the epoch', () => peer.heard.some((message) => message.type === 'state' && message.epoch.number === 1));
  peer.say(update);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(received()).toBe(0);
  // Users do not wait.
  expect([cache.set('k1', 'new'), cache.get('k1'), cache.get('k2')]).toEqual(['new', 'new', 2]);
  isHeld = false;
  await until('it is taken in', () => received() > 0);
  expect(inOnePiece).not.toContain(true);
  await until('all is written', () => cache.stats().registers.live === 10 && peer.heard.some(({ type }) => type === 'complete'));
});

test('a cache whose commit fails for good does not hold up another of its process', async () => {
  // Many turns of the event loop.
  jest.replaceProperty(limits, 'turnoverNodesMax', 1 as never);
  jest.replaceProperty(limits, 'turnMs', 0.01 as never);
  const path = newDirectory();
  const [failing, other] = ['failing', 'other'].map((name) => new Cache(name, { path, persist: false })) as [Cache, Cache];
  addCleanup(() => other.close());
  const errors: unknown[] = [];
  failing.on('error', (error) => errors.push(error));
  await Promise.all([failing.sync(), other.sync()]);
  for (let i = 0; i < 500; i++) other.set(`k${i}`, i);
  await other.flush();
  const peer = await SpokenPeer.connect(path, 'other');

  // An application that goes on after what nobody has caught.
  const uncaught: unknown[] = [];
  const immediate = setImmediate;
  jest.spyOn(global, 'setImmediate').mockImplementation(((act: () => void) =>
    immediate(() => {
      try {
        act();
      } catch (error) {
        uncaught.push(error);
      }
    })));
  const { integrate } = Y.Item.prototype;
  jest.spyOn(Y.Item.prototype, 'integrate').mockImplementation(function (this: Y.Item, ...args) {
    if (this.parentSub === 'poison') throw new Error('poison');
    integrate.apply(this, args);
  });
  const { enterEpoch } = Replica.prototype;
  jest.spyOn(Replica.prototype, 'enterEpoch').mockImplementation(function (this: Replica, to) {
    // In the same turn, a moment before.
    if (to.founder === 'p' && this.epoch.number === 0) failing.set('poison', 1);
    return enterEpoch.call(this, to);
  });
  const receive = jest.spyOn(Replica.prototype, 'receive');
  peer.say(state);
  await until('it has failed for good', () => uncaught.length > 0);
  peer.say(update);
  await until('the other hears its peer', () => receive.mock.calls.some(([updates]) => updates.length > 0));
  expect(errors.length).toBeGreaterThan(0);
});
