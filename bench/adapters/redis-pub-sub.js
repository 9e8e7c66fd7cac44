/**
 * A Map in every process, kept in step by Redis: each write is a `SET PX` and a message to all, in one pipeline per
 * turn. Messages are lost for whoever is not connected.
 */
'use strict';

const { connectRedis, send, serverCpuMs } = require('../redis-client');
const { Flow } = require('../flow');

const TTL_MS = 600_000;
const CHANNEL = 'writes';

module.exports = {
  title: 'Redis SET PX + pub/sub',
  packages: ['ioredis'],
  needsRedis: true,
  suites: ['replication'],

  async carry({ redisSocket, index }) {
    const client = await connectRedis(redisSocket);
    const subscriber = await connectRedis(redisSocket);
    const map = new Map();
    const flow = new Flow();
    const own = `${index}:`;
    let pipeline = client.pipeline();
    let count = 0;
    let listener = null;
    subscriber.on('message', (_channel, text) => {
      if (text.startsWith(own)) return;
      const [key, value] = JSON.parse(text.slice(text.indexOf(':') + 1));
      map.set(key, value);
      listener?.();
    });
    await subscriber.subscribe(CHANNEL);
    return {
      get: (key) => map.get(key),
      set(key, value) {
        map.set(key, value);
        pipeline.set(key, JSON.stringify(value), 'PX', TTL_MS);
        pipeline.publish(CHANNEL, own + JSON.stringify([key, value]));
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
