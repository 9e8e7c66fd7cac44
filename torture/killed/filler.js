/** A process of the target `full`: it writes and flushes, whatever comes of it, until it is killed, or told to end. */
'use strict';

const { setTimeout: delay } = require('node:timers/promises');
const { Cache } = require('../../dist');

const KEYS = 30;
const BYTES_MAX = 20_000;

const [directory, name] = process.argv.slice(2);
const cache = new Cache('full', { path: directory, gcInterval: 1000 });
let isEnding = false;
let number = 0;

cache.on('error', ({ code, message }) => {
  if (code !== 'ERR_CLUSTER_CACHE_STORAGE') tell({ fault: `${code}: ${message}` });
});
process.on('disconnect', () => process.exit());
process.on('message', async ({ ledger, end }) => {
  if (isEnding) return;
  for (const [writer, last] of Object.entries(ledger)) {
    const found = cache.get(['last', writer]);
    if (!(found >= last)) tell({ fault: `${writer} has flushed ${last}, and ${found} is there` });
  }
  if (!end) return;
  isEnding = true;
  await cache.close();
  process.disconnect();
});

async function work() {
  await cache.sync();
  tell({ isSynced: true });
  while (!isEnding) {
    const last = ++number;
    cache.set(['last', name], last);
    cache.set(['filling', String(Math.floor(Math.random() * KEYS))], 'x'.repeat(Math.random() * BYTES_MAX));
    try {
      await cache.flush();
      tell({ flushed: last });
    } catch (error) {
      // What ends it is no fault.
      if (isEnding) break;
      if (error.code !== 'ERR_CLUSTER_CACHE_STORAGE') tell({ fault: `flush: ${error.stack}` });
      tell({ failed: last });
      await delay(20);
    }
    if (!isEnding && cache.get(['last', name]) !== last) tell({ fault: `it has set ${last} and does not see it` });
  }
}

function tell(message) {
  if (process.connected) process.send(message, () => undefined);
}

work().catch((error) => tell({ fault: error.stack }));
