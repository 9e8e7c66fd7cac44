/**
 * One short life, for measure-lifetimes.js and the soak: opens the cache, overwrites ten keys, closes, ends.
 */
'use strict';

const { Cache } = require('cluster-cache');

async function live({ name, options, number, keys }) {
  const cache = new Cache(name, options);
  await cache.sync();
  for (let i = 0; i < 10; i++) cache.set(`key.${(number * 10 + i) % keys}`, { number, text: 'of a short life' });
  await cache.close();
}

// The end of the primary ends this too.
process.on('disconnect', () => process.exit());
live(JSON.parse(process.argv[2])).then(
  () => process.disconnect?.(),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
