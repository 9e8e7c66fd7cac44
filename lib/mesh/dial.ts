/**
 * Dialling one endpoint: tells the dead from the busy, removes the sockets of the dead, and leaves
 * alone what is no socket.
 */

import { lstat, unlink } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { CacheError } from '../errors';
import { limits } from '../limits';
import { entryPath, hasCode } from './directory';
import type { Link } from './link';

export interface Dialler {
  /** Begins a link to the endpoint. */
  connect(id: string): Link;
  /** Whether a link to the peer is still wanted. */
  isWanted(id: string): boolean;
  onError(error: CacheError): void;
}

const isWindows = process.platform === 'win32';

/** Resolves when the peer is linked, or dead, or cannot be reached for now. Never rejects. */
export async function dial(dialler: Dialler, directory: string, id: string): Promise<void> {
  let refusals = 0;
  for (let attempt = 0; attempt < limits.dialAttemptsMax; attempt++) {
    if (attempt > 0) await delay(limits.redialDelayMs * 2 ** (attempt - 1), undefined, { ref: false });
    if (!dialler.isWanted(id)) return;
    const link = dialler.connect(id);
    const reason = await link.settled;
    if (!dialler.isWanted(id) || reason instanceof CacheError) return;
    if (hasCode(reason, 'ENOENT') && !isWindows) return;
    if (isDead(reason)) {
      refusals += 1;
      if (refusals > 1 && (await removeDead(dialler, entryPath(directory, id)))) return;
    } else if (attempt + 1 === limits.dialAttemptsMax && reason !== undefined && !isBusy(reason)) {
      dialler.onError(unreachable(entryPath(directory, id), reason));
    }
  }
}

/** Removes the entry of a dead process. False if it may belong to one that is about to listen. */
async function removeDead(dialler: Dialler, path: string): Promise<boolean> {
  try {
    const stats = await lstat(path);
    if (isWindows ? !stats.isFile() : !stats.isSocket()) return true;
    const ageMs = Date.now() - stats.ctimeMs;
    // A clock that was set back must not keep the dead for ever.
    if (ageMs >= 0 && ageMs < limits.bindGraceMs) return false;
    await unlink(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) dialler.onError(unreachable(path, error));
  }
  return true;
}

/** Nobody listens there: what Linux, macOS (if it is no socket) and Windows call it. */
function isDead(reason: Error | undefined): boolean {
  return hasCode(reason, 'ECONNREFUSED') || hasCode(reason, 'ENOTSOCK') || hasCode(reason, 'ENOENT');
}

/** The peer lives, but its queue of connections is full, or it ended this one. */
function isBusy(reason: Error): boolean {
  return hasCode(reason, 'EAGAIN') || hasCode(reason, 'ECONNRESET') || hasCode(reason, 'EPIPE');
}

function unreachable(path: string, cause: unknown): CacheError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new CacheError('ERR_CLUSTER_CACHE_SOCKET', `The process behind ${path} cannot be reached: ${reason}`, { cause });
}
