/**
 * The private directory in which the processes of one application find each other's sockets: where it
 * is, that nobody else can get into it, and what its entries are called.
 */

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chmod, lstat, mkdir, readdir, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CacheError } from '../errors';
import { limits } from '../limits';
import { isPeerId } from './hello';

const suffix = '.sock';
const isWindows = process.platform === 'win32';
const ownerBits = 0o700;
const strangerBits = 0o077;
/** How often and how long to look again at a directory whose maker is about to correct its mode. */
const modeChecks = 10;
const modeCheckDelayMs = 5;

/**
 * Names, creates and checks the socket directory of the application that keeps its data in
 * `dataDirectory`. `override` is used as it is: containers that mount the data under different paths
 * meet in it. Throws `ERR_CLUSTER_CACHE_DIRECTORY`.
 */
export async function socketDirectory(dataDirectory: string, override?: string): Promise<string> {
  if (override !== undefined) return privateDirectory(override);
  const data = await canonicalPath(resolve(dataDirectory));
  const parent = await privateDirectory(join(await temporaryDirectory(), `cluster-cache-${process.getuid?.() ?? 'user'}`));
  return privateDirectory(join(parent, hash(data)));
}

/**
 * Creates the directory, and missing parents, if need be, and returns its real path. Refuses one that
 * is not this user's alone. Throws `ERR_CLUSTER_CACHE_DIRECTORY`.
 */
export async function privateDirectory(path: string): Promise<string> {
  const directory = resolve(path);
  try {
    await createPrivately(directory);
    await checkPrivate(directory);
    return await realpath(directory);
  } catch (cause) {
    if (cause instanceof CacheError) throw cause;
    throw refusal(directory, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** Ids of the peers that have an entry in the directory, whether they live or not. */
export async function listEndpoints(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  return names.filter((name) => name.endsWith(suffix)).map((name) => basename(name, suffix)).filter(isPeerId);
}

/** The file that stands for the peer in the directory: its socket, or on Windows an empty marker. */
export function entryPath(directory: string, id: string): string {
  return join(directory, id + suffix);
}

/** What to listen on and to connect to. Throws `ERR_CLUSTER_CACHE_SOCKET` if the path is too long. */
export function endpointPath(directory: string, id: string): string {
  if (isWindows) return `\\\\.\\pipe\\cluster-cache-${hash(directory)}-${id}`;
  const path = entryPath(directory, id);
  const bytes = Buffer.byteLength(path);
  if (bytes > limits.socketPathBytesMax) {
    throw new CacheError(
      'ERR_CLUSTER_CACHE_SOCKET',
      `The socket path ${path} has ${bytes} bytes, systems cut it after ${limits.socketPathBytesMax}: ` +
        'set the option socketDirectory to a shorter path, the same for all processes',
    );
  }
  return path;
}

/**
 * All processes of a user must come to the same answer whoever started them, and a wrong answer would
 * silently part them. So no environment variable decides: a login has XDG_RUNTIME_DIR and often its
 * own TMPDIR, a service or cron job has not. Where /tmp cannot be used, the system's choice is left.
 */
async function temporaryDirectory(): Promise<string> {
  if (isWindows) return tmpdir();
  try {
    await access('/tmp', constants.W_OK | constants.X_OK);
    return '/tmp';
  } catch {
    return tmpdir();
  }
}

/** The real path of what exists of `path`, and the rest as it is. */
async function canonicalPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    const parent = dirname(path);
    if (parent === path || !(hasCode(cause, 'ENOENT') || hasCode(cause, 'ENOTDIR'))) {
      throw refusal(path, 'its real path cannot be found', cause);
    }
    return join(await canonicalPath(parent), basename(path));
  }
}

async function createPrivately(directory: string, hasParent = false): Promise<void> {
  try {
    await mkdir(directory, { mode: ownerBits });
  } catch (cause) {
    if (hasCode(cause, 'EEXIST')) return;
    const parent = dirname(directory);
    // With a parent there, as in /proc, nothing can be made here.
    if (hasParent || !hasCode(cause, 'ENOENT') || parent === directory) throw cause;
    await createPrivately(parent);
    await createPrivately(directory, true);
    return;
  }
  // Only what was made here may be changed, and only because a umask may have taken the owner's bits.
  if (!isWindows && !hasOwnerBits((await lstat(directory)).mode)) await chmod(directory, ownerBits);
}

async function checkPrivate(directory: string): Promise<void> {
  for (let check = 1; ; check++) {
    const stats = await lstat(directory);
    if (stats.isSymbolicLink()) throw refusal(directory, 'it is a symbolic link');
    if (!stats.isDirectory()) throw refusal(directory, 'it is not a directory');
    if (isWindows) return;
    const mode = (stats.mode & 0o7777).toString(8);
    if (process.getuid !== undefined && stats.uid !== process.getuid()) {
      throw refusal(directory, `it belongs to user ${stats.uid}, this process to user ${process.getuid()}`);
    }
    if ((stats.mode & strangerBits) !== 0) {
      throw refusal(directory, `others may enter it (mode ${mode}): make it 700 or name a new directory inside it`);
    }
    if (hasOwnerBits(stats.mode)) return;
    // Another process may just be between making the directory and correcting its mode.
    if (check === modeChecks) throw refusal(directory, `its owner may not use it (mode ${mode})`);
    await delay(modeCheckDelayMs);
  }
}

function hasOwnerBits(mode: number): boolean {
  return (mode & ownerBits) === ownerBits;
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function refusal(path: string, reason: string, cause?: unknown): CacheError {
  return new CacheError('ERR_CLUSTER_CACHE_DIRECTORY', `The directory ${path} cannot hold sockets: ${reason}`, { cause });
}

/** Whether `error` is a system error with this code; it may come from another realm. */
export function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
