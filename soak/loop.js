/**
 * Watches the event loop of a process: the longest pause, as it elapsed, and without what this thread waited for a
 * processor, which others had, among them V8's own threads.
 */
'use strict';

const { monitorEventLoopDelay } = require('node:perf_hooks');
const { threadWaited } = require('./thread');

class LoopWatch {
  #delays = monitorEventLoopDelay({ resolution: 1 });
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
    const ms = (ns) => Math.max(0, ns / 1e6 - 1);
    return {
      max: ms(this.#delays.max),
      p999: ms(this.#delays.percentile(99.9)),
      p99: ms(this.#delays.percentile(99)),
      own: this.#own,
    };
  }

  #look() {
    return { at: performance.now(), waited: threadWaited() };
  }
}

module.exports = { LoopWatch };
