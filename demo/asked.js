/**
 * A process that can be asked: `{ id, command, args }` goes to it, `{ id, result }` or `{ id, error }` comes back.
 */
'use strict';

const { EventEmitter } = require('node:events');
const { within } = require('./wait');

/** Emits `told` with each message that is no answer. */
class Asked extends EventEmitter {
  /** Resolves to `{ code, signal }` when the process has ended. */
  exited;
  isAlive = true;
  #child;
  #answerMs;
  #questions = new Map();
  #lastId = 0;

  /** `child` is of `fork()`, of `node:child_process` or `node:cluster`; it has `answerMs` to answer (20,000). */
  constructor(name, child, answerMs) {
    super();
    this.name = name;
    this.#child = child;
    this.#answerMs = answerMs;
    child.on('message', (message) => this.#hear(message));
    // A process that was killed cannot be written to; its exit tells.
    child.on('error', () => undefined);
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.isAlive = false;
        const reason = new Error(`${this.name} has ended (${signal ?? `exit code ${code}`})`);
        for (const { reject } of this.#questions.values()) reject(reason);
        this.#questions.clear();
        resolve({ code, signal });
      });
    });
  }

  get pid() {
    return (this.#child.process ?? this.#child).pid;
  }

  /** Has the process carry out one of its commands; resolves to the result. */
  ask(command, ...args) {
    const id = ++this.#lastId;
    const answer = new Promise((resolve, reject) => {
      if (!this.isAlive) throw new Error(`${this.name} is gone`);
      this.#questions.set(id, { resolve, reject });
      this.#child.send({ id, command, args });
    });
    return within(`${this.name}: ${command}`, answer, this.#answerMs);
  }

  /** Tells it something that needs no answer. */
  tell(message) {
    if (this.isAlive) this.#child.send(message);
  }

  /** Ends the process without giving it a chance to do anything; resolves as `exited` does. */
  kill() {
    try {
      if (this.isAlive) process.kill(this.pid, 'SIGKILL');
    } catch {
      // It has ended by itself, and the event of its exit is about to come.
    }
    return this.exited;
  }

  #hear(message) {
    const { id, result, error } = message;
    if (id === undefined) {
      this.emit('told', message);
      return;
    }
    const question = this.#questions.get(id);
    this.#questions.delete(id);
    if (error === undefined) question?.resolve(result);
    else question?.reject(new Error(`${this.name}: ${error}`));
  }
}

module.exports = { Asked };
