/**
 * Connections of ioredis for all adapters that use it.
 */
'use strict';

/** Connects to the server on `socket`; resolves when it answers. */
async function connectRedis(socket) {
  const { Redis } = require('ioredis');
  const client = new Redis({ path: socket, retryStrategy: null });
  // A command that fails tells by itself.
  client.on('error', () => undefined);
  await client.ping();
  return client;
}

/** Sends a pipeline; resolves to the results, rejects with the first error among them. */
async function send(pipeline) {
  const answers = await pipeline.exec();
  return answers.map(([error, result]) => {
    if (error) throw error;
    return result;
  });
}

/** Processor time of the server so far, in milliseconds, as it tells itself. */
async function serverCpuMs(client) {
  const text = await client.info('cpu');
  const seconds = (name) => Number(new RegExp(`^${name}:(\\S+)`, 'm').exec(text)[1]);
  return (seconds('used_cpu_sys') + seconds('used_cpu_user')) * 1000;
}

module.exports = { connectRedis, send, serverCpuMs };
