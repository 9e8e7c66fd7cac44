/**
 * The processes of a benchmark as the primary sees them: it starts them, asks them, ends them. It also owns the
 * temporary folder in which they meet.
 *
 * Each peer has processes of its own, so that neither its compiled code nor its heap weighs on another's.
 */
'use strict';

const { fork } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { within } = require('../demo/wait');

const ASK_MS = 600_000;
/** How long a killed process may take to be gone. */
const KILL_MS = 200;

/** One process. */
class Member {
  /** Resolves when the process has ended. */
  exited;
  isAlive = true;
  /** Called with what the process wants to have handed on to the others of its team (adapters/process-send.js). */
  onRelay = null;
  #child;
  #questions = new Map();
  #lastId = 0;

  /** Has `job` (jobs/) done with `adapter` (adapters/). */
  constructor(job, adapter, folder) {
    this.name = `${adapter}, ${job}`;
    this.#child = fork(path.join(__dirname, 'worker.js'), [job, adapter], { cwd: folder, execArgv: ['--expose-gc'] });
    this.#child.on('message', (message) => this.#hear(message));
    // A process that was killed cannot be written to; its exit tells.
    this.#child.on('error', () => undefined);
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.isAlive = false;
        const reason = new Error(`${this.name}: has ended (${signal ?? `exit code ${code}`})`);
        for (const { reject } of this.#questions.values()) reject(reason);
        this.#questions.clear();
        resolve();
      });
    });
  }

  /** Has the process carry out a command of its job; resolves to the result. */
  ask(command, ...args) {
    const id = ++this.#lastId;
    const answer = new Promise((resolve, reject) => {
      if (!this.isAlive) throw new Error(`${this.name}: is gone`);
      this.#questions.set(id, { resolve, reject });
      this.#child.send({ id, command, args });
    });
    return within(`${this.name}: ${command}`, answer, ASK_MS);
  }

  /** Hands on what another member wants to be relayed. */
  relay(payload) {
    if (this.isAlive) this.#child.send({ relay: payload });
  }

  /** Kills the process: what a benchmark leaves is nobody's. */
  end() {
    if (this.isAlive) this.#child.kill('SIGKILL');
    return this.exited;
  }

  #hear({ id, relay, result, error }) {
    if (relay !== undefined) {
      this.onRelay?.(relay);
      return;
    }
    const question = this.#questions.get(id);
    this.#questions.delete(id);
    if (error === undefined) question?.resolve(result);
    else question?.reject(new Error(error));
  }
}

class Crew {
  /** Short, since sockets are made below it, whose paths may have 103 bytes. */
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ccb-'));
  #members = new Set();
  #count = 0;

  /** Starts a process for `job` with the adapter named `adapter`. */
  start(job, adapter) {
    const member = new Member(job, adapter, this.folder);
    this.#members.add(member);
    void member.exited.then(() => this.#members.delete(member));
    return member;
  }

  /** A new folder for a peer to keep files and sockets in. */
  place() {
    const folder = path.join(this.folder, String(++this.#count));
    fs.mkdirSync(folder);
    return folder;
  }

  async end() {
    await Promise.all([...this.#members].map((member) => member.end()));
    fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** As `end`, where nothing can be awaited. */
  endSync() {
    const runs = this.#members.size > 0;
    for (const member of this.#members) void member.end();
    // Whoever is being killed may be about to write one more file.
    if (runs) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, KILL_MS);
    fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

module.exports = { Crew };
