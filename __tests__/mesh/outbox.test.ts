/** The outbox of a link, over a real pair of sockets of which one side does not read at first. */
import { createServer, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { Outbox } from '../../lib/mesh/outbox';
import { Cleanup, until } from './meshes';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const FRAME_BYTES = 64 * 1024;
/** Far more than the system and the socket take together. */
const FRAME_COUNT = 60;

/** A frame in two parts that tells its number. */
function frameOf(number: number): Uint8Array[] {
  const parts = [Buffer.alloc(4), Buffer.alloc(FRAME_BYTES - 4, number)];
  parts[0]!.writeUInt32LE(number);
  return parts;
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

interface Pair {
  readonly socket: Socket;
  readonly outbox: Outbox;
  /** Has the other side read, from now on. */
  readonly read: () => void;
  /** Numbers of the frames that the other side has read. */
  readonly arrived: () => number[];
}

async function connectPair(): Promise<Pair> {
  const path = join(cleanup.directory(), 's');
  const server = createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  cleanup.add(() => server.close());
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const socket = connect(path);
  const peer = await accepted;
  cleanup.add(() => {
    socket.destroy();
    peer.destroy();
  });
  const chunks: Buffer[] = [];
  peer.on('data', (chunk: Buffer) => chunks.push(chunk));
  const arrived = (): number[] => {
    const bytes = Buffer.concat(chunks);
    return numbers(Math.floor(bytes.length / FRAME_BYTES)).map((i) => bytes.readUInt32LE(i * FRAME_BYTES));
  };
  return { socket, outbox: new Outbox(socket), read: () => peer.resume(), arrived };
}

/** Sends all frames; those of odd numbers may be dropped. */
function sendAll({ outbox }: Pair): void {
  for (const number of numbers(FRAME_COUNT)) outbox.send(frameOf(number), number % 2 === 1);
}

test('what the socket has no room for waits, and follows in order as it drains', async () => {
  const pair = await connectPair();
  const { socket, outbox, read, arrived } = pair;
  const refills: boolean[] = [];
  let sent = FRAME_COUNT;
  socket.on('drain', () => {
    // Now the socket has room, yet others came first.
    if (refills.length < 3) outbox.send(frameOf(sent++), true);
    refills.push(outbox.refill());
  });
  sendAll(pair);
  // Nearly all of it can be taken back.
  expect(outbox.bytes).toBeGreaterThan(4 * socket.writableLength);
  expect(outbox.bytes).toBeLessThanOrEqual(FRAME_COUNT * FRAME_BYTES);
  read();
  await until('all has arrived', () => arrived().length === sent && outbox.bytes === 0);
  expect(arrived()).toEqual(numbers(sent));
  expect(refills.length).toBeGreaterThan(1);
  // Only the last of those that handed something over left nothing.
  expect(refills.indexOf(true)).toBeGreaterThan(0);
});

test('of what waits, only frames that may be dropped are taken back', async () => {
  const pair = await connectPair();
  const { socket, outbox, read, arrived } = pair;
  socket.on('drain', () => outbox.refill());
  sendAll(pair);
  const before = outbox.bytes;
  outbox.drop();
  const dropped = (before - outbox.bytes) / FRAME_BYTES;
  expect(dropped).toBeGreaterThan(FRAME_COUNT / 3);
  outbox.send(frameOf(FRAME_COUNT), true);
  read();
  await until('the rest has arrived', () => arrived().at(-1) === FRAME_COUNT);
  // The last ones of odd number are missing: the first were no longer here.
  const isDropped = (number: number): boolean => number % 2 === 1 && number >= FRAME_COUNT - 2 * dropped;
  expect(arrived()).toEqual(numbers(FRAME_COUNT + 1).filter((number) => !isDropped(number)));
  expect(outbox.bytes).toBe(0);
});

test('a flush hands over everything, in order', async () => {
  const pair = await connectPair();
  const { socket, outbox, read, arrived } = pair;
  sendAll(pair);
  outbox.flush();
  expect(outbox.bytes).toBe(socket.writableLength);
  expect(outbox.refill()).toBe(true);
  socket.end();
  read();
  await until('all has arrived', () => arrived().length === FRAME_COUNT);
  expect(arrived()).toEqual(numbers(FRAME_COUNT));
});
