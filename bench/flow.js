/**
 * The flow to a server: what was sent and not answered yet, with a bound, so that a writer that is quicker than its
 * server waits instead of filling memory.
 */
'use strict';

const IN_FLIGHT_MAX = 20_000;

class Flow {
  #inFlight = 0;
  #all = new Set();
  /** The first refusal, until somebody waits. */
  #refusal = null;

  /** Takes note of `count` writes that `answer` will acknowledge; a promise if one has to wait before the next. */
  add(answer, count) {
    this.#inFlight += count;
    const done = answer
      .catch((error) => {
        this.#refusal ??= error;
      })
      .then(() => {
        this.#inFlight -= count;
        this.#all.delete(done);
      });
    this.#all.add(done);
    return this.#inFlight > IN_FLIGHT_MAX ? this.settle() : undefined;
  }

  /** Resolves when everything is answered; rejects if something was refused. */
  async settle() {
    await Promise.all(this.#all);
    const refusal = this.#refusal;
    this.#refusal = null;
    if (refusal !== null) throw refusal;
  }
}

module.exports = { Flow };
