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
const { Asked } = require('../demo/asked');

const ASK_MS = 600_000;
/** How long a killed process may take to be gone. */
const KILL_MS = 200;

/** One process, with the commands of its job. */
class Member extends Asked {
  /** Called with what the process wants to have handed on to the others of its team (adapters/process-send.js). */
  onRelay = null;

  /** Has `job` (jobs/) done with `adapter` (adapters/). */
  constructor(job, adapter, folder) {
    const options = { cwd: folder, execArgv: ['--expose-gc'] };
    super(`${adapter}, ${job}`, fork(path.join(__dirname, 'worker.js'), [job, adapter], options), ASK_MS);
    this.on('told', ({ relay }) => this.onRelay?.(relay));
  }

  /** Hands on what another member wants to be relayed. */
  relay(payload) {
    this.tell({ relay: payload });
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
    await Promise.all([...this.#members].map((member) => member.kill()));
    fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** As `end`, where nothing can be awaited. */
  endSync() {
    const runs = this.#members.size > 0;
    for (const member of this.#members) void member.kill();
    // Whoever is being killed may be about to write one more file.
    if (runs) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, KILL_MS);
    fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

module.exports = { Crew };
