/**
 * Join: one process provides the entries, another one takes them into its memory. What a process needs to start and
 * to load its modules is not counted.
 */
'use strict';

const { delay, now } = require('../../demo/wait');
const { entriesOf } = require('../data');

/** Of all entries, every so manieth is looked at. */
const STEP = 97;

module.exports = (adapter) => ({
  /** Makes the entries ready for those who join; the process must stay. */
  provide: (scene, count) => adapter.provide(scene, entriesOf(count)),

  /** Takes them; resolves to how long that took, and the longest pause of the event loop meanwhile, in ms. */
  async join(scene, count) {
    const entries = entriesOf(count);
    const keys = entries.map(([key]) => key);
    global.gc();
    await delay(50);
    const startedAt = now();
    let last = startedAt;
    let pauseMs = 0;
    const tick = () => {
      pauseMs = Math.max(pauseMs, now() - last);
      last = now();
    };
    const timer = setInterval(tick, 1);
    const get = await adapter.join(scene, keys);
    tick();
    const ms = now() - startedAt;
    clearInterval(timer);
    for (let i = 0; i < count; i += STEP) {
      const [key, value] = entries[i];
      if (get(key) !== value) throw new Error(`${key} is missing after the join`);
    }
    return { ms, pauseMs };
  },
});
