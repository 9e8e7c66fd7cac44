/** Redis through ioredis, with values as JSON: pipelines of a turn's reads or writes, `MGET` to join. */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { connectRedis, send } = require('../redis-client');
const { Flow } = require('../flow');

const MGET_KEYS = 1000;

module.exports = {
  title: 'Redis, ioredis',
  packages: ['ioredis'],
  needsRedis: true,
  suites: ['reads', 'writes', 'join', 'level'],
  hasTtl: true,

  async open({ redisSocket }) {
    const client = await connectRedis(redisSocket);
    await client.flushdb();
    const emptyBytes = await memoryOf(client);
    const flow = new Flow();
    return {
      async getMany(keys) {
        const pipeline = client.pipeline();
        for (const key of keys) pipeline.get(key);
        const texts = await send(pipeline);
        return texts.map((text) => JSON.parse(text));
      },
      setTurn(writes, ttl) {
        const pipeline = client.pipeline();
        for (const [key, value] of writes) {
          const text = JSON.stringify(value);
          if (ttl === undefined) pipeline.set(key, text);
          else pipeline.set(key, text, 'PX', ttl);
        }
        return flow.add(send(pipeline), writes.length);
      },
      settle: () => flow.settle(),
      close: () => client.disconnect(),
      async footprint() {
        await client.save();
        const [, folder] = await client.config('GET', 'dir');
        return { disk: fs.statSync(path.join(folder, 'dump.rdb')).size, memory: (await memoryOf(client)) - emptyBytes };
      },
    };
  },

  async provide({ redisSocket }, entries) {
    const client = await connectRedis(redisSocket);
    await client.flushdb();
    const pipeline = client.pipeline();
    for (const [key, value] of entries) pipeline.set(key, JSON.stringify(value));
    await send(pipeline);
    client.disconnect();
  },

  async join({ redisSocket }, keys) {
    const client = await connectRedis(redisSocket);
    const map = new Map();
    const parts = [];
    for (let from = 0; from < keys.length; from += MGET_KEYS) {
      const part = keys.slice(from, from + MGET_KEYS);
      parts.push(
        client.mget(part).then((texts) => {
          for (const [i, text] of texts.entries()) map.set(part[i], JSON.parse(text));
        }),
      );
    }
    await Promise.all(parts);
    client.disconnect();
    return (key) => map.get(key);
  },
};

async function memoryOf(client) {
  return Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))[1]);
}
