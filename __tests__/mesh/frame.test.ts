import fc from 'fast-check';
import { encodeFrame, encodeFrameHeader, FrameDecoder, type Frame } from '../../lib/mesh/frame';

const frameBytesMax = 1 << 20;
const decoder = (): FrameDecoder => new FrameDecoder(frameBytesMax, frameBytesMax);
const frames = fc.array(fc.record({ type: fc.integer({ min: 0, max: 255 }), payload: fc.uint8Array({ maxLength: 300 }) }));

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function plain(frame: Frame): { type: number; payload: number[] } {
  return { type: frame.type, payload: [...frame.payload] };
}

test('any chunking of any frames gives the same frames', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1 }), (sent, sizes) => {
      const bytes = concat(sent.map(({ type, payload }) => encodeFrame(type, payload)));
      const receiver = decoder();
      const received: Frame[] = [];
      for (let offset = 0, turn = 0; offset < bytes.length; turn++) {
        const size = sizes[turn % sizes.length]!;
        received.push(...receiver.push(bytes.slice(offset, offset + size)));
        offset += size;
      }
      expect(received.map(plain)).toEqual(sent.map(plain));
    }),
  );
});

test('a frame with any one bit flipped is never taken for one', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(), (payload, position) => {
      const bytes = encodeFrame(7, payload);
      const bit = position % (bytes.length * 8);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      let received: Frame[] = [];
      try {
        received = decoder().push(bytes);
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_CLUSTER_CACHE_FRAME' });
      }
      expect(received).toEqual([]);
    }),
    { numRuns: 1000 },
  );
});

test('a header and a payload sent apart are the frame', () => {
  const payload = Uint8Array.of(1, 2, 3);
  expect(concat([encodeFrameHeader(9, payload), payload])).toEqual(encodeFrame(9, payload));
});

test('the first frame has its own bound', () => {
  const bytes = encodeFrame(1, new Uint8Array(100));
  expect(() => new FrameDecoder(100, 1000).push(bytes)).toThrow(expect.objectContaining({ code: 'ERR_CLUSTER_CACHE_FRAME' }));
  const receiver = new FrameDecoder(101, 1000);
  expect(receiver.push(bytes)).toHaveLength(1);
  expect(receiver.push(encodeFrame(1, new Uint8Array(999)))).toHaveLength(1);
  expect(() => receiver.push(encodeFrame(1, new Uint8Array(1000)))).toThrow('1001');
});

test('an empty body is refused', () => {
  expect(() => decoder().push(new Uint8Array(8))).toThrow(expect.objectContaining({ code: 'ERR_CLUSTER_CACHE_FRAME' }));
});

test('a header that claims much allocates only for what comes', () => {
  const header = new Uint8Array(8);
  new DataView(header.buffer).setUint32(0, 400 << 20, true);
  const receivers = Array.from({ length: 50 }, () => new FrameDecoder(512 << 20));
  const before = process.memoryUsage().arrayBuffers;
  for (const receiver of receivers) {
    receiver.push(header);
    receiver.push(new Uint8Array(1000));
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 << 20);
});

test('a large frame in small chunks takes linear time', () => {
  const payload = new Uint8Array(100 << 20).fill(5);
  const chunkBytes = 64 << 10;
  const bytes = encodeFrame(3, payload);
  const receiver = new FrameDecoder(512 << 20);
  const received: Frame[] = [];
  // Of the processor: how long it takes is up to others as well.
  const cpuBefore = process.cpuUsage();
  for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
    received.push(...receiver.push(bytes.subarray(offset, offset + chunkBytes)));
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  // Quadratic copying would move 80 GB.
  expect((user + system) / 1000).toBeLessThan(5_000);
  expect(Buffer.compare(received[0]!.payload, payload)).toBe(0);
});

test('frames stay valid after later pushes', () => {
  const receiver = decoder();
  const first = receiver.push(encodeFrame(1, Uint8Array.of(1, 2, 3)))[0]!;
  const bytes = encodeFrame(2, new Uint8Array(200).fill(9));
  receiver.push(bytes.slice(0, 100));
  const second = receiver.push(bytes.slice(100))[0]!;
  receiver.push(encodeFrame(3, new Uint8Array(200).fill(8)).slice(0, 150));
  expect([...first.payload]).toEqual([1, 2, 3]);
  expect(second.payload.every((byte) => byte === 9)).toBe(true);
});

test('payloads are plain Uint8Arrays even if the chunks are Buffers', () => {
  const [frame] = decoder().push(Buffer.from(encodeFrame(1, Uint8Array.of(1))));
  expect(Buffer.isBuffer(frame!.payload)).toBe(false);
});
