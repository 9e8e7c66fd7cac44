/** A peer that speaks the protocol by hand, about one cache. */
import { connect, type Socket } from 'node:net';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { decodeEnvelope, encodeEnvelope, type Envelope, type Message } from '../../lib/core/message';
import { encodeFrame, FrameDecoder } from '../../lib/mesh/frame';
import { encodeHello } from '../../lib/mesh/hello';
import { socketDirectory } from '../../lib/mesh/directory';
import { limits } from '../../lib/limits';
import { addCleanup } from '../process/harness';

const frameType = { hello: 1, accept: 2, message: 4 } as const;

export class SpokenPeer {
  /** What was said to it about the cache. */
  readonly heard: Message[] = [];
  readonly #socket: Socket;
  readonly #cache: string;

  /** To the one process that is there. */
  static async connect(path: string, cache: string): Promise<SpokenPeer> {
    const sockets = await socketDirectory(path);
    return new SpokenPeer(connect(join(sockets, readdirSync(sockets)[0]!)), cache);
  }

  private constructor(socket: Socket, cache: string) {
    this.#socket = socket;
    this.#cache = cache;
    addCleanup(() => socket.destroy());
    const decoder = new FrameDecoder(limits.frameBytesMax);
    socket.on('data', (chunk: Buffer) => {
      for (const { type, payload } of decoder.push(chunk)) {
        if (type !== frameType.message) continue;
        const envelope: Envelope = decodeEnvelope(payload);
        if (envelope.cache === cache) this.heard.push(envelope.message);
      }
    });
    // As the smaller id, the peer is the one who accepts.
    socket.write(encodeFrame(frameType.hello, encodeHello({ id: '0', seniority: { rank: 1, startedAt: 1 }, pid: 1, threadId: 0 })));
    socket.write(encodeFrame(frameType.accept, new Uint8Array(0)));
  }

  say(message: Message): void {
    this.#socket.write(encodeFrame(frameType.message, encodeEnvelope({ cache: this.#cache, message })));
  }
}
