/** The inbox: what has come over real links, and was too much for one turn of the event loop. */
import { Inbox } from '../../lib/host/inbox';
import { turn } from '../../lib/host/turn';
import { limits } from '../../lib/limits';
import type { Link } from '../../lib/mesh/link';
import { Cleanup, RecordingMesh, until } from '../mesh/meshes';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const bytesOf = (value: string): Uint8Array => new Uint8Array(Buffer.from(value));

/** Numbered payloads, of as many bytes each. */
const numbered = (count: number, bytes = 10): string[] => Array.from({ length: count }, (_, i) => String(i).padEnd(bytes, '.'));

type Sender = 'a' | 'b';

/** A process with an inbox, and links from others. */
class Scene {
  readonly inbox: Inbox;
  /** What was taken in, by sender. */
  readonly received: Record<Sender, string[]> = { a: [], b: [] };
  /** How many payloads waited whenever a read brought more of the same sender. */
  readonly waitedBefore = new Set<number>();
  readonly senders: RecordingMesh[] = [];
  /** Called with each payload; by default they take no time. */
  onPayload: (payload: string, link: Link) => void = () => undefined;
  isHeldUp = false;
  readonly #directory = cleanup.directory();
  readonly #receiver: RecordingMesh;
  readonly #added: Record<Sender, number> = { a: 0, b: 0 };

  constructor() {
    this.inbox = new Inbox({
      receive: (link, payloads) => {
        for (const payload of payloads.map((bytes) => Buffer.from(bytes).toString())) {
          this.received[link.id as Sender].push(payload);
          this.onPayload(payload, link);
        }
      },
      isHeldUp: () => this.isHeldUp,
    });
    this.#receiver = this.#create('receiver', {
      onMessages: (link, payloads) => {
        const id = link.id as Sender;
        this.waitedBefore.add(this.#added[id] - this.received[id].length);
        this.#added[id] += payloads.length;
        this.inbox.add(link, payloads);
      },
      onUnlink: (link) => {
        this.inbox.end(link);
      },
    });
  }

  async connect(...ids: Sender[]): Promise<void> {
    await this.#receiver.mesh.start();
    for (const id of ids) {
      const sender = this.#create(id);
      this.senders.push(sender);
      await sender.mesh.start();
    }
    await until('the links', () => ids.every((id) => this.#receiver.ids.includes(id)));
  }

  link(id: Sender): Link {
    return this.#receiver.link(id);
  }

  #create(id: string, overrides: ConstructorParameters<typeof RecordingMesh>[2] = {}): RecordingMesh {
    const peer = new RecordingMesh(this.#directory, id, overrides);
    cleanup.add(() => peer.mesh.close());
    return peer;
  }
}

async function startScene(...ids: Sender[]): Promise<Scene> {
  const scene = new Scene();
  await scene.connect(...ids);
  return scene;
}

/** Uses up the time of a turn. */
function block(): void {
  for (const end = performance.now() + limits.turnMs; performance.now() <= end; );
}

test('messages of each link are taken in in order, and while some wait no more of that link are read', async () => {
  const scene = await startScene('a', 'b');
  scene.onPayload = (payload) => {
    if (Number.parseInt(payload) % 8 === 0) block();
  };
  // More than a few reads of a socket.
  const sent = numbered(200, limits.receiveBytesMax / 2);
  for (const { mesh } of scene.senders) for (const payload of sent) mesh.links.get('receiver')!.send(bytesOf(payload));
  await until('all is taken in', () => scene.received.a.length + scene.received.b.length === 2 * sent.length);
  expect(scene.received).toEqual({ a: sent, b: sent });
  expect([...scene.waitedBefore]).toEqual([0]);
});

test('what takes long is taken in bit by bit, and the event loop turns in between', async () => {
  const scene = await startScene('a');
  scene.onPayload = block;
  const payloads = numbered(10);
  scene.inbox.add(scene.link('a'), payloads.map(bytesOf));
  for (let turn = 1; turn <= payloads.length; turn++) {
    expect(scene.received.a).toHaveLength(turn);
    await new Promise(setImmediate);
  }
  expect(scene.received.a).toEqual(payloads);
  // It is read again.
  scene.senders[0]!.link('receiver').send(bytesOf('later'));
  await until('what comes later', () => scene.received.a.at(-1) === 'later');
});

test('what is read when the time of the turn is over waits for the next', async () => {
  const scene = await startScene('a');
  turn.end();
  turn.share('commit');
  block();
  scene.inbox.add(scene.link('a'), ['late'].map(bytesOf));
  expect(scene.received.a).toEqual([]);
  await until('it is taken in', () => scene.received.a.length === 1);
});

test('nothing is taken in, nor more read, while something else has to end first; it is after that', async () => {
  const scene = await startScene('a');
  scene.onPayload = (payload) => {
    scene.isHeldUp = payload.startsWith('1');
  };
  // One is all that is taken in at once.
  const payloads = numbered(4, limits.receiveBytesMax);
  scene.inbox.add(scene.link('a'), payloads.map(bytesOf));
  expect(scene.received.a).toEqual(payloads.slice(0, 2));
  scene.senders[0]!.link('receiver').send(bytesOf('later'));
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  expect(scene.received.a).toEqual(payloads.slice(0, 2));
  scene.isHeldUp = false;
  await until('the rest', () => scene.received.a.length === 5);
  expect(scene.received.a).toEqual([...payloads, 'later']);
});

test('links take turns, so that one with much to say does not keep another waiting', async () => {
  const scene = await startScene('a', 'b');
  scene.onPayload = block;
  scene.inbox.add(scene.link('a'), numbered(10).map(bytesOf));
  scene.inbox.add(scene.link('b'), numbered(2).map(bytesOf));
  await until('the other', () => scene.received.b.length === 2);
  expect(scene.received.a.length).toBeLessThanOrEqual(4);
  await until('the one', () => scene.received.a.length === 10);
});

test('what waits of a link that ends is taken in, and nothing of another', async () => {
  const scene = await startScene('a', 'b');
  const payloads = numbered(3 * limits.receiveCountMax);
  scene.onPayload = block;
  scene.inbox.add(scene.link('a'), payloads.map(bytesOf));
  scene.inbox.add(scene.link('b'), payloads.map(bytesOf));
  scene.onPayload = () => undefined;
  scene.link('a').close();
  expect(scene.received).toEqual({ a: payloads, b: [] });
  await until('the other', () => scene.received.b.length === payloads.length);
  expect(scene.received.b).toEqual(payloads);
});

test('what follows a message for which the link was ended is not taken in', async () => {
  const scene = await startScene('a');
  scene.onPayload = (payload, link) => {
    if (payload === 'bad') link.close();
  };
  scene.inbox.add(scene.link('a'), ['bad', ...numbered(4 * limits.receiveCountMax)].map(bytesOf));
  await new Promise(setImmediate);
  // No more than what was taken in at once with it.
  expect(scene.received.a.length).toBeLessThanOrEqual(limits.receiveCountMax);
  expect(scene.received.a[0]).toBe('bad');
});

test('what waits of all links is taken in at once before the process ends', async () => {
  const scene = await startScene('a', 'b');
  const payloads = numbered(3 * limits.receiveCountMax);
  scene.onPayload = block;
  for (const id of ['a', 'b'] as const) scene.inbox.add(scene.link(id), payloads.map(bytesOf));
  expect(scene.received.b).toEqual([]);
  scene.onPayload = () => undefined;
  scene.inbox.empty();
  expect(scene.received).toEqual({ a: payloads, b: payloads });
});
