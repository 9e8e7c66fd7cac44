/** Neighbours that are not of this library: what they say is up to the test. */
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { encodeFrame } from '../../lib/mesh/frame';
import { encodeHello } from '../../lib/mesh/hello';
import { until, type Cleanup } from './meshes';

/** A frame in which somebody says that it is `id`. */
export const helloOf = (id: string): Uint8Array =>
  encodeFrame(1, encodeHello({ id, seniority: { rank: 1, startedAt: 1 }, pid: 1, threadId: 0 }));

/** A client of the peer `id`. What it is told goes unread, unless it is paused. */
export async function stranger(cleanup: Cleanup, directory: string, id: string): Promise<Socket> {
  const socket = connect(join(directory, `${id}.sock`));
  cleanup.add(() => socket.destroy());
  socket.on('error', () => undefined).resume();
  await until('the connection', () => !socket.connecting);
  return socket;
}

/** An endpoint in the name of `id`. */
export async function impostor(cleanup: Cleanup, directory: string, id: string, onSocket: (socket: Socket) => void): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(join(directory, `${id}.sock`), resolve));
  cleanup.add(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
}

export const isOver = (socket: Socket): boolean => socket.destroyed || socket.readableEnded;
