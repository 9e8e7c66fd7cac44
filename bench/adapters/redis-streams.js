/**
 * A Map in every process, fed by one Redis stream: `XADD` for each write, in one pipeline per turn, and a blocking
 * `XREAD` in every process. The stream is trimmed; who is away for long misses what was cut off.
 */
'use strict';

const { connectRedis, send, serverCpuMs } = require('../redis-client');
const { Flow } = require('../flow');

const STREAM = 'stream';
const LENGTH_MAX = 200_000;
const READ_MAX = 1000;

module.exports = {
  title: 'Redis Streams',
  packages: ['ioredis'],
  needsRedis: true,
  suites: ['replication'],

  async carry({ redisSocket, index }) {
    const client = await connectRedis(redisSocket);
    const reader = await connectRedis(redisSocket);
    const map = new Map();
    const flow = new Flow();
    const own = String(index);
    let pipeline = client.pipeline();
    let count = 0;
    let listener = null;
    const [last] = await client.xrevrange(STREAM, '+', '-', 'COUNT', 1);
    void follow(reader, last?.[0] ?? '0', ([, writer, , key, , value]) => {
      if (writer === own) return;
      map.set(key, JSON.parse(value));
      listener?.();
    });
    return {
      get: (key) => map.get(key),
      set(key, value) {
        map.set(key, value);
        pipeline.xadd(STREAM, 'MAXLEN', '~', LENGTH_MAX, '*', 'w', own, 'k', key, 'v', JSON.stringify(value));
        count++;
      },
      endTurn() {
        const wait = flow.add(send(pipeline), count);
        pipeline = client.pipeline();
        count = 0;
        return wait;
      },
      onChange(hear) {
        listener = hear;
      },
      serverCpuMs: () => serverCpuMs(client),
    };
  },
};

/** Hands all entries after `id` to `take`, for as long as the process lives. */
async function follow(reader, id, take) {
  for (;;) {
    const answer = await reader.xread('COUNT', READ_MAX, 'BLOCK', 0, 'STREAMS', STREAM, id);
    for (const [entryId, fields] of answer?.[0]?.[1] ?? []) {
      take(fields);
      id = entryId;
    }
  }
}
