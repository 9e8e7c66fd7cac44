/**
 * A worker: the only kind of process here that loads the library. It opens the cache and does what the
 * primary asks; the HTTP application is in server.js.
 */
'use strict';

const { Cache } = require('cluster-cache');
const { createServer } = require('./server');
const { delay, now } = require('./wait');

let cache;
let server;
let managerPid = null;
let isWatched = false;

/** What the primary can ask for. */
const commands = {
  /** Opens the cache; resolves when this process has what the file and all others have. */
  async open() {
    // The sockets would be found without this option, too. With it the demo can remove all that it made.
    cache = new Cache('demo', { path: process.env.DEMO_DATA, socketDirectory: process.env.DEMO_SOCKETS });
    cache.on('manager', ({ manager }) => {
      managerPid = manager.pid;
    });
    cache.on('change', ({ path, origin }) => {
      if (isWatched && origin === 'remote') tell('change', { path, value: cache.get(path), at: now() });
    });
    cache.on('error', (error) => tell('error', { message: `${error.code}: ${error.message}` }));
    await cache.sync();
  },

  set(path, value, ttl) {
    return timed(() => cache.set(path, value, ttl));
  },

  delete(path) {
    return timed(() => cache.delete(path));
  },

  get(path) {
    return cache.get(path);
  },

  has(path) {
    return cache.has(path);
  },

  /** Tells the primary of every remote change from now on, or no longer. */
  watch(isWanted) {
    isWatched = isWanted;
  },

  /**
   * Reads a child and its parent again and again, until both have shown it and then no more, or for
   * `patienceMs`. Returns for both when it was last seen and then first missed, with the wall time just
   * before and just after that read.
   */
  async observe(parent, child, patienceMs) {
    const end = now() + patienceMs;
    const sights = { child: {}, parent: {} };
    const look = (sight, isThere) => {
      if (sight.missed !== undefined) return;
      const before = Date.now();
      const key = isThere() ? 'seen' : 'missed';
      if (key === 'seen' || sight.seen !== undefined) sight[key] = { before, after: Date.now() };
    };
    while (now() < end && (sights.child.missed === undefined || sights.parent.missed === undefined)) {
      look(sights.child, () => cache.get(`${parent}.${child}`) !== null);
      look(sights.parent, () => cache.get(parent)?.[child] !== undefined);
      await delay(2);
    }
    return sights;
  },

  manager() {
    return managerPid;
  },

  flush() {
    return cache.flush();
  },

  /** Serves on a port that all workers share; returns it. */
  async serve() {
    server = createServer(cache);
    await new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return server.address().port;
  },

  /** Closes everything; the process then ends because nothing is left to do. */
  async close() {
    server?.closeAllConnections();
    server?.close();
    await cache.close();
    setImmediate(() => process.disconnect());
  },
};

/** Does `work`; returns its result, when it began by the common clock, and the wall time before and after. */
function timed(work) {
  const at = now();
  const before = Date.now();
  const result = work();
  return { result, at, before, after: Date.now() };
}

function tell(event, details) {
  // Without a primary there is nobody to tell, and the process is about to end.
  if (process.connected) process.send({ event, ...details }, () => undefined);
}

process.on('message', ({ id, command, args }) => {
  // Async, so that what a command throws becomes an answer, too.
  const work = async () => commands[command](...args);
  work().then(
    (result) => process.send({ id, result }, () => undefined),
    (error) => process.send({ id, error: error instanceof Error ? error.stack : String(error) }, () => undefined),
  );
});

// Ctrl-C reaches every process of the terminal; the primary decides what becomes of it.
process.on('SIGINT', () => undefined);
