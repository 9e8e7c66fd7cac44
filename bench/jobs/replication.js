/**
 * Replication: what each of several processes is asked to do, all of which hold the same data by one carrier.
 * Times are of the clock that all processes of a machine share.
 */
'use strict';

const { setImmediate: nextTurn } = require('node:timers/promises');
const { delay, now, until } = require('../../demo/wait');
const { pathOf, smallValue } = require('../data');

const PROBE = 'probe';
/** What the probe is in the end. */
const OVER = 'over';
const PAUSE_MS = 3;
/** The load under which delays are measured: so many writes every so often. */
const LOAD_WRITES = 20;
const LOAD_PAUSE_MS = 2;
const PER_TURN = 1000;
const SEEN_MS = 120_000;

module.exports = (adapter) => {
  let carrier = null;
  let index = 0;

  async function write(key, value) {
    carrier.set(key, value);
    await carrier.endTurn?.();
  }

  const commands = {
    /** Takes its place among the others. */
    async carry(scene) {
      index = scene.index;
      carrier = await adapter.carry(scene);
    },

    /** Resolves when this process has heard of each of `count`, and tells them of itself. */
    async meet(count) {
      await write(`here.${index}`, 1);
      for (let i = 0; i < count; i++) await until(`${i} is heard`, () => carrier.get(`here.${i}`) === 1);
    },

    /** Writes the time, again and again, and other things meanwhile if `isLoaded`. */
    async probe(samples, isLoaded) {
      let isOver = false;
      const load = async () => {
        for (let i = 0; isLoaded && !isOver; i++) {
          for (let j = 0; j < LOAD_WRITES; j++) carrier.set(pathOf((i * LOAD_WRITES + j) % PER_TURN), smallValue(i));
          await carrier.endTurn?.();
          await delay(LOAD_PAUSE_MS);
        }
      };
      const loading = load();
      for (let i = 0; i < samples; i++) {
        await delay(PAUSE_MS);
        await write(PROBE, String(now()));
      }
      isOver = true;
      await loading;
      await delay(PAUSE_MS);
      await write(PROBE, OVER);
    },

    /** Resolves to the milliseconds after which each probe could be read here; one that the next overtook is left out. */
    listen() {
      const delays = [];
      let last = carrier.get(PROBE);
      return new Promise((resolve) => {
        carrier.onChange(() => {
          const value = carrier.get(PROBE);
          if (value === last) return;
          last = value;
          if (value !== OVER) {
            delays.push(now() - Number(value));
            return;
          }
          carrier.onChange(null);
          resolve(delays);
        });
      });
    },

    /** Writes `count` times over `keys` paths of its own, 1,000 per turn; resolves to when it began. */
    async fill({ round, count, keys }) {
      const startedAt = now();
      for (let i = 0; i < count; ) {
        const end = Math.min(count, i + PER_TURN);
        for (; i < end; i++) carrier.set(filled(index, i % keys), valueAt(round, i));
        await carrier.endTurn?.();
        await nextTurn();
      }
      return startedAt;
    },

    /** Resolves to when this process had everything that the others in `writers` write in that round. */
    async hasAll({ round, count, keys }, writers) {
      for (const writer of writers) {
        if (writer === index) continue;
        // What was written last comes last, as a rule; all is looked at only then.
        for (let i = count - 1; i >= count - keys; i--) {
          const key = filled(writer, i % keys);
          const value = valueAt(round, i);
          const end = now() + SEEN_MS;
          while (carrier.get(key) !== value) {
            if (now() > end) throw new Error(`${key} has not come in ${SEEN_MS} ms`);
            await delay(1);
          }
        }
      }
      return now();
    },

    /** Milliseconds of processor time so far; with that of a server, where one is used and `isTeller`. */
    async cpu(isTeller) {
      const { user, system } = process.cpuUsage();
      const server = isTeller ? ((await carrier.serverCpuMs?.()) ?? 0) : 0;
      return (user + system) / 1000 + server;
    },
  };
  return commands;
};

function filled(writer, i) {
  return `fill.${writer}.${i}`;
}

function valueAt(round, i) {
  return `round ${round}, ${i}`;
}
