/**
 * The workers as the primary sees them: it starts them, asks them, stops and kills them. It also owns the
 * temporary folder in which they meet, and removes it with the last of them.
 *
 * The primary never loads the library: what it knows about the cache, it has asked a worker.
 */
'use strict';

const { fork } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Asked } = require('../demo/asked');
const { within } = require('../demo/wait');

const ASK_MS = 600_000;
/** How long a killed process may take to be gone. */
const KILL_MS = 200;

/** One worker, with the commands of commands.js. */
class Member extends Asked {
  isStopped = false;
  isEnding = false;

  constructor(name, { cwd, execArgv }) {
    const options = { cwd, serialization: 'advanced', execArgv: ['--expose-gc', ...execArgv] };
    super(name, fork(path.join(__dirname, 'worker.js'), [], options), ASK_MS);
  }

  /** Stops the process where it stands, as a debugger or a suspended machine would. */
  pause() {
    this.isStopped = true;
    process.kill(this.pid, 'SIGSTOP');
  }

  resume() {
    process.kill(this.pid, 'SIGCONT');
    this.isStopped = false;
  }

  kill() {
    this.isEnding = true;
    return super.kill();
  }

  /** Has the worker close its cache; the process must then end by itself. */
  async close() {
    this.isEnding = true;
    await this.ask('close');
    const { code, signal } = await within(`${this.name}: end`, this.exited, 60_000);
    if (code !== 0) throw new Error(`${this.name} ended with ${signal ?? `exit code ${code}`}`);
  }
}

class Fleet {
  /** Those that run. */
  members = [];
  /** Ends that nobody asked for. */
  troubles = [];
  folder;
  #count = 0;
  /** Short lives that have not ended. */
  #lives = new Set();

  constructor() {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cluster-cache-soak-'));
  }

  /** Starts a worker that has not opened anything. `execArgv` are options of Node.js, such as `--cpu-prof`. */
  fork({ execArgv = [] } = {}) {
    const member = new Member(`process ${++this.#count}`, { cwd: this.folder, execArgv });
    this.members.push(member);
    void member.exited.then(({ code, signal }) => {
      this.members = this.members.filter((other) => other !== member);
      if (!member.isEnding) this.troubles.push(`${member.name} has ended unasked (${signal ?? `exit code ${code}`})`);
    });
    return member;
  }

  /** Starts a worker; resolves when it has opened the cache `name` and heard of all data. */
  async open(name, options = {}, forkOptions = {}) {
    const member = this.fork(forkOptions);
    await member.ask('open', name, this.options(options));
    return member;
  }

  /** Runs a process that opens the cache `name`, writes a little and ends (lifetime.js); rejects if it fails. */
  live(name, options, job) {
    const text = JSON.stringify({ name, options: this.options(options), ...job });
    const child = fork(path.join(__dirname, 'lifetime.js'), [text], { cwd: this.folder });
    this.#lives.add(child);
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        this.#lives.delete(child);
        if (code === 0) resolve();
        else reject(new Error(`a short life has ended with ${signal ?? `exit code ${code}`}`));
      });
    });
  }

  /** Options of a cache in the folder. */
  options(options = {}) {
    return { path: path.join(this.folder, 'data'), socketDirectory: path.join(this.folder, 'sockets'), ...options };
  }

  /** Asks all at once; resolves to the answers in the order of `members`. */
  askAll(command, ...args) {
    return Promise.all(this.members.map((member) => member.ask(command, ...args)));
  }

  /** Bytes of all files of the cache: snapshot, log and the copies kept beside them; and of the snapshot alone. */
  fileSizes(name) {
    const data = path.join(this.folder, 'data');
    const files = fs.existsSync(data) ? fs.readdirSync(data).filter((file) => file.startsWith(`${name}.db`)) : [];
    const sizeOf = (file) => fs.statSync(path.join(data, file), { throwIfNoEntry: false })?.size ?? 0;
    return {
      snapshot: sizeOf(`${name}.db`),
      all: files.reduce((sum, file) => sum + sizeOf(file), 0),
    };
  }

  /** Closes all, one after the other. */
  async closeAll() {
    for (const member of [...this.members]) await member.close();
  }

  async killAll() {
    for (const child of this.#lives) child.kill('SIGKILL');
    await Promise.all(this.members.map((member) => member.kill()));
  }

  /** Kills what runs and removes the folder. */
  async end() {
    await this.killAll();
    this.endSync();
  }

  /** As `end`, where nothing can be awaited. */
  endSync() {
    const runs = this.members.length + this.#lives.size > 0;
    void this.killAll();
    // Whoever is being killed may be about to write one more file.
    if (runs) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, KILL_MS);
    fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

module.exports = { Fleet };
