/** A process of the target `kills`: it writes, flushes and watches until it is killed, or told to stop. */
'use strict';

const { Cache } = require('../../dist');

const TTL_MS = 200;
/** What may pass between the moment that a writer notes and that of its `set`, on a busy machine. */
const EXPIRY_SLACK_MS = 1000;

const [directory, name] = process.argv.slice(2);
const cache = new Cache('kills', { path: directory, gcInterval: 1000 });
let isStopped = false;
let number = 0;

cache.on('error', ({ code, message }) => tell({ fault: `${code}: ${message}` }));
process.on('disconnect', () => process.exit());
process.on('message', async ({ ledger, tell: isAsked, stop, end }) => {
  if (stop) isStopped = true;
  if (isAsked) tell({ digest: JSON.stringify(Object.entries(cache.get('last') ?? {}).sort()) });
  if (ledger !== undefined) check(ledger);
  if (end) {
    await cache.close();
    process.disconnect();
  }
});

function check(ledger) {
  for (const [writer, last] of Object.entries(ledger)) {
    const found = cache.get(['last', writer]);
    if (found === null || found < last) tell({ fault: `${writer} has flushed ${last}, and ${found} is there` });
  }
}

function watch() {
  const before = Date.now();
  for (const [writer, until] of Object.entries(cache.get('short') ?? {})) {
    if (until + EXPIRY_SLACK_MS < before) tell({ fault: `a value of ${writer} is seen ${before - until} ms after its end` });
  }
}

async function work() {
  await cache.sync();
  tell({ isSynced: true });
  while (!isStopped) {
    const last = ++number;
    cache.set(['last', name], last);
    cache.set(['short', name], Date.now() + TTL_MS, TTL_MS);
    cache.set(['other', String(last % 100)], { by: name, last });
    watch();
    await cache.flush();
    tell({ flushed: last });
  }
}

function tell(message) {
  if (process.connected) process.send(message, () => undefined);
}

work().catch((error) => tell({ fault: error.stack }));
