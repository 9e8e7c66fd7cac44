/**
 * The Redis server of a run: started on a Unix socket in a temporary folder, if `redis-server` is installed, with
 * nothing written to disk unless it is asked to, and ended with the run.
 */
'use strict';

const { execFileSync, spawn } = require('node:child_process');
const net = require('node:net');
const path = require('node:path');
const { until } = require('../demo/wait');

const START_MS = 10_000;

/** Resolves to the running server, or to null where none is installed. */
async function startRedis(folder) {
  let version;
  try {
    version = /v=(\S+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown';
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
  const socket = path.join(folder, 'redis.sock');
  const settings = { port: 0, unixsocket: socket, dir: folder, save: '', appendonly: 'no', daemonize: 'no' };
  const child = spawn('redis-server', Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]), { stdio: 'ignore' });
  let hasEnded = false;
  const exited = new Promise((resolve) => {
    child.once('exit', () => {
      hasEnded = true;
      resolve();
    });
    child.once('error', () => undefined);
  });
  try {
    await until('redis-server listens', () => hasEnded || canConnect(socket), START_MS);
    if (hasEnded) throw new Error('redis-server has ended at once');
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return {
    socket,
    version,
    async end() {
      child.kill('SIGTERM');
      await exited;
    },
    endSync() {
      child.kill('SIGKILL');
    },
  };
}

function canConnect(socket) {
  return new Promise((resolve) => {
    const connection = net.connect(socket);
    connection.once('error', () => resolve(false));
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
  });
}

module.exports = { startRedis };
