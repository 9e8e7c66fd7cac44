/**
 * The workers as the primary sees them: it starts them, asks them, stops and kills them.
 *
 * The primary never loads the library: what it knows about the cache, it has asked a worker.
 */
'use strict';

const cluster = require('node:cluster');
const path = require('node:path');
const { Asked } = require('./asked');
const { within } = require('./wait');

/** One worker, with the commands of worker.js. Emits what the worker tells unasked: `change` and `error`. */
class Member extends Asked {
  /** Whether the demo has asked it to end. */
  isEnding = false;

  constructor(number, environment) {
    super(`worker ${number}`, cluster.fork(environment));
    this.on('told', ({ event, ...details }) => this.emit(event, details));
  }

  kill() {
    this.isEnding = true;
    return super.kill();
  }

  /** Has the worker close its cache; the process must then end by itself. Resolves to its exit code. */
  async stop() {
    this.isEnding = true;
    await this.ask('close');
    const { code } = await within(`${this.name}: end`, this.exited);
    return code;
  }
}

class Fleet {
  /** Those that run. */
  members = [];
  /** Ids of all processes that were ever started. */
  pids = [];
  #environment;
  #onTrouble;

  /** `onTrouble` is told of `error` events and of workers that end unasked. */
  constructor({ data, sockets, onTrouble }) {
    cluster.setupPrimary({ exec: path.join(__dirname, 'worker.js'), args: [] });
    this.#environment = { DEMO_DATA: data, DEMO_SOCKETS: sockets };
    this.#onTrouble = onTrouble;
  }

  /** Starts a worker; resolves when it has opened the cache and heard of all data. */
  async start() {
    const member = new Member(this.pids.length + 1, this.#environment);
    this.members.push(member);
    this.pids.push(member.pid);
    member.on('error', ({ message }) => this.#onTrouble(`${member.name}: error event: ${message}`));
    void member.exited.then(({ code, signal }) => {
      this.members = this.members.filter((other) => other !== member);
      if (!member.isEnding) this.#onTrouble(`${member.name} has ended unasked (${signal ?? `exit code ${code}`})`);
    });
    await member.ask('open');
    return member;
  }

  /** Starts several at the same moment. */
  startMany(count) {
    return Promise.all(Array.from({ length: count }, () => this.start()));
  }

  /** Asks all at once; resolves to the answers in the order of `members`. */
  askAll(command, ...args) {
    return Promise.all(this.members.map((member) => member.ask(command, ...args)));
  }

  /** Closes all at once; resolves to their exit codes. */
  stopAll() {
    return Promise.all(this.members.map((member) => member.stop()));
  }

  /** Kills all at once. */
  async killAll() {
    await Promise.all(this.members.map((member) => member.kill()));
  }

  /** The member that all name as the manager; undefined while they do not agree on one that lives. */
  async manager() {
    const [pid, ...others] = await this.askAll('manager');
    return others.every((other) => other === pid) ? this.members.find((member) => member.pid === pid) : undefined;
  }
}

module.exports = { Fleet };
