/**
 * The endpoint of this process: listens in the socket directory and notices when a cleaner of
 * temporary files has removed its entry.
 */

import { chmodSync, rmSync } from 'node:fs';
import { lstat, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { CacheError } from '../errors';
import { endpointPath, entryPath, hasCode } from './directory';

const isWindows = process.platform === 'win32';
const socketMode = 0o600;

export class Listener {
  readonly #id: string;
  readonly #onSocket: (socket: Socket) => void;
  #server: Server | undefined = undefined;
  #directory = '';
  #hasReference = false;
  #isClosed = false;

  constructor(id: string, onSocket: (socket: Socket) => void) {
    this.#id = id;
    this.#onSocket = onSocket;
  }

  /** Listens, again if it did before. Throws `ERR_CLUSTER_CACHE_SOCKET`. */
  async listen(directory: string): Promise<void> {
    if (this.#isClosed) return;
    // First close, then listen: closing removes the file of that name, whoever made it.
    this.#server?.close();
    const path = endpointPath(directory, this.#id);
    const server = createServer(this.#onSocket);
    this.#server = server;
    this.#directory = directory;
    if (!this.#hasReference) server.unref();
    try {
      await listenOn(server, path);
      if (isWindows) await writeFile(entryPath(directory, this.#id), '');
    } catch (cause) {
      server.close();
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CacheError('ERR_CLUSTER_CACHE_SOCKET', `Cannot listen on ${path}: ${reason}`, { cause });
    }
    if (this.#server !== server) server.close();
  }

  /** Whether others can see the endpoint. */
  async isVisible(): Promise<boolean> {
    if (this.#server?.listening !== true) return false;
    try {
      await lstat(entryPath(this.#directory, this.#id));
      return true;
    } catch (error) {
      return !hasCode(error, 'ENOENT');
    }
  }

  /** Stops listening and removes the entry; links that have come in stay. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.close();
    if (isWindows) await rm(entryPath(this.#directory, this.#id), { force: true }).catch(() => undefined);
  }

  /** Removes the entry of a process that is ending, so that nobody need find out by dialling. */
  removeSync(): void {
    if (this.#server?.listening !== true) return;
    // Left behind, it does no harm: whoever dials it in vain removes it.
    rmSync(entryPath(this.#directory, this.#id), { force: true });
  }

  /** Keeps the process alive. */
  ref(): void {
    this.#hasReference = true;
    this.#server?.ref();
  }

  unref(): void {
    this.#hasReference = false;
    this.#server?.unref();
  }
}

function listenOn(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // Later errors are those of single connections (too many open files); whoever dialled tries again.
    server.on('error', reject);
    server.once('listening', resolve);
    // Closed before it came to that.
    server.once('close', resolve);
    // In a cluster worker the primary would own the socket if it were not exclusive.
    server.listen({ path, exclusive: true });
    if (!isWindows && server.listening) allowOwner(path);
  });
}

/** A umask may have left a socket that even its owner cannot connect to. */
function allowOwner(path: string): void {
  try {
    chmodSync(path, socketMode);
  } catch {
    // Whoever dials will report that it may not.
  }
}
