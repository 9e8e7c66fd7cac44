/** Redis through node-redis, which sends the commands of one turn together by itself; values as JSON. */
'use strict';

const { Flow } = require('../flow');

/** Apart from what ioredis has on the same server. */
const DATABASE = 1;

module.exports = {
  title: 'Redis, node-redis',
  packages: ['redis'],
  needsRedis: true,
  suites: ['reads', 'writes'],
  hasTtl: true,

  async open({ redisSocket }) {
    const { createClient } = require('redis');
    const client = createClient({
      socket: { path: redisSocket, reconnectStrategy: false },
      database: DATABASE,
      // Without a timer for each command, as the other client.
      commandOptions: { timeout: undefined },
    });
    // A command that fails tells by itself.
    client.on('error', () => undefined);
    await client.connect();
    await client.flushDb();
    const flow = new Flow();
    return {
      async getMany(keys) {
        const texts = await Promise.all(keys.map((key) => client.get(key)));
        return texts.map((text) => JSON.parse(text));
      },
      setTurn(writes, ttl) {
        const options = ttl === undefined ? undefined : { expiration: { type: 'PX', value: ttl } };
        const answers = writes.map(([key, value]) => client.set(key, JSON.stringify(value), options));
        return flow.add(Promise.all(answers), writes.length);
      },
      settle: () => flow.settle(),
      close: () => client.destroy(),
    };
  },
};
