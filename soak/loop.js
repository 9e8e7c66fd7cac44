/**
 * Watches the event loop of a process: the longest pause, as it elapsed, and without what this thread waited for a
 * processor, which others had, among them V8's own threads.
 */
'use strict';

const fs = require('node:fs');
const { monitorEventLoopDelay } = require('node:perf_hooks');

/** Linux tells how long the main thread was ready to run and did not, in ns, as the second number. */
const SCHEDSTAT = '/proc/self/schedstat';

class LoopWatch {
  #delays = monitorEventLoopDelay({ resolution: 1 });
  #schedstat = openIfAny(SCHEDSTAT);
  #bytes = Buffer.alloc(80);
  #timer;
  #last;
  #own = 0;

  constructor() {
    this.#delays.enable();
    this.#last = this.#look();
    this.#timer = setInterval(() => {
      const { at, waited } = this.#look();
      // One is what the timer takes by itself.
      this.#own = Math.max(this.#own, at - this.#last.at - 1 - (waited - this.#last.waited));
      this.#last = { at, waited };
    }, 1);
  }

  /** Stops; in ms, `max` and percentiles of the delays as Node.js has them, and `own`, the longest without waiting; where that is not told, with. */
  end() {
    clearInterval(this.#timer);
    this.#delays.disable();
    if (this.#schedstat !== null) fs.closeSync(this.#schedstat);
    const ms = (ns) => Math.max(0, ns / 1e6 - 1);
    return {
      max: ms(this.#delays.max),
      p999: ms(this.#delays.percentile(99.9)),
      p99: ms(this.#delays.percentile(99)),
      own: this.#own,
    };
  }

  #look() {
    const at = performance.now();
    if (this.#schedstat === null) return { at, waited: 0 };
    const length = fs.readSync(this.#schedstat, this.#bytes, 0, this.#bytes.length, 0);
    return { at, waited: Number(this.#bytes.toString('latin1', 0, length).split(' ')[1]) / 1e6 };
  }
}

function openIfAny(path) {
  try {
    return fs.openSync(path, 'r');
  } catch {
    return null;
  }
}

module.exports = { LoopWatch };
