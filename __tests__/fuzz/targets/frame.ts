/** Frames, before the checksum: what comes out of a damaged stream is what went in, or nothing. */
import { encodeFrame, FrameDecoder, type Frame } from '../../../lib/mesh/frame';
import type { Random } from '../../simulation/random';
import { join, mutate } from '../mutate';
import { check, valueOf, type Target } from '../target';

const spell = ({ type, payload }: Frame): string => `${type} ${Buffer.from(payload).toString('latin1')}`;

export const frame: Target = { inputs: 20, play };

function play(random: Random): void {
  const frames = Array.from({ length: 1 + random.int(5) }, () => ({
    type: random.int(256),
    payload: Uint8Array.from({ length: random.int(random.chance(0.1) ? 5000 : 60) }, () => random.int(256)),
  }));
  const sent = new Set(frames.map(spell));
  const encoded = frames.map(({ type, payload }) => encodeFrame(type, payload));
  for (let i = 0; i < 20; i++) {
    const bytes = mutate(random, join(...encoded), encoded);
    const decoder = new FrameDecoder();
    for (let at = 0; at < bytes.length;) {
      const end = at + 1 + random.int(random.pick([3, 30, 3000]));
      const received = valueOf(() => decoder.push(bytes.slice(at, end)), 'ERR_CLUSTER_CACHE_FRAME');
      if (received === undefined) break;
      // The bytes 1 0 0 0, 0 0 0 ff, ff are a frame without a payload, and so may damage by chance make another of a few bytes.
      const wasSent = (each: Frame): boolean => sent.has(spell(each)) || each.payload.length < 4;
      check(received.every(wasSent), 'a frame that was not sent came out');
      at = end;
    }
  }
}
