/**
 * The load: autocannon writes and reads as all users at once, and remembers every write that was acknowledged.
 */
'use strict';

const autocannon = require('autocannon');
const { now } = require('./wait');

const CONNECTIONS = 16;
/** Requests per second over all connections: a steady load, and room for those that join. */
const RATE = 240;

class Load {
  /** Acknowledged writes: `{ user, id, text, pid, at }`, in the order in which the answers came. */
  acknowledged = [];
  answered = 0;
  /** Requests that got no answer, because the worker that had them was killed. */
  lost = 0;
  /** Answers other than 200, by status. */
  refused = new Map();
  #url;
  #sessions;
  #runs = [];
  #lastNumber = 0;
  /** How many of the acknowledged writes each process has acknowledged. */
  #counts = new Map();

  /** `sessions`: `{ user, token }` of those who are logged in. */
  constructor(port, sessions) {
    this.#url = `http://127.0.0.1:${port}`;
    this.#sessions = sessions;
  }

  /** Begins to send over new connections, until `stop`. */
  start() {
    const run = autocannon({
      url: this.#url,
      connections: CONNECTIONS,
      overallRate: RATE,
      duration: 120,
      // Only a connection that was handed to a worker which was dead already comes to wait that long.
      timeout: 5,
      sampleInt: 100,
      setupClient: (client) => this.#watch(client),
      requests: [this.#write(), this.#write(), this.#read()],
    });
    this.#runs.push(run);
  }

  /** Stops sending; resolves when all connections are closed. */
  async stop() {
    const runs = this.#runs.splice(0);
    for (const run of runs) run.stop();
    await Promise.all(runs);
  }

  /** How many writes process `pid` has acknowledged. */
  countOf(pid) {
    return this.#counts.get(pid) ?? 0;
  }

  /** Counts the requests of a connection after which the next one is sent without an answer. */
  #watch(client) {
    let isWaiting = false;
    client.on('request', () => {
      if (isWaiting) this.lost += 1;
      isWaiting = true;
    });
    client.on('response', () => {
      isWaiting = false;
    });
  }

  /** Every write has a note of its own, so that each must be found again; every user writes through all workers. */
  #write() {
    return {
      setupRequest: (request) => {
        const { number, token } = this.#next();
        const body = JSON.stringify({ text: textOf(`n${number}`) });
        return { ...request, method: 'PUT', path: `/notes/n${number}`, headers: headersOf(token), body };
      },
      onResponse: (status, body) => this.#hear(status, body),
    };
  }

  #read() {
    return {
      setupRequest: (request) => {
        const { token } = this.#next();
        return { ...request, method: 'GET', path: '/me', headers: headersOf(token) };
      },
      onResponse: (status, body) => this.#hear(status, body),
    };
  }

  /** A number that no request had before, and whose session it uses. */
  #next() {
    const number = ++this.#lastNumber;
    return { number, token: this.#sessions[number % this.#sessions.length].token };
  }

  /**
   * What was acknowledged is read from the answer: after a lost connection, autocannon no longer knows
   * which request an answer belongs to.
   */
  #hear(status, body) {
    this.answered += 1;
    if (status !== 200) {
      this.refused.set(status, (this.refused.get(status) ?? 0) + 1);
      return;
    }
    const { user, id, pid } = JSON.parse(body);
    if (id === undefined) return;
    this.acknowledged.push({ user, id, text: textOf(id), pid, at: now() });
    this.#counts.set(pid, this.countOf(pid) + 1);
  }
}

function headersOf(token) {
  return { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
}

function textOf(id) {
  return `text of ${id}`;
}

module.exports = { Load };
