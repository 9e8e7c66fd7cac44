/**
 * The lock of processes that save a file as they exit, so that of several that end together each reads what
 * the one before has written. A lock file beside the snapshot; all of it synchronous, and none of it sure:
 * who cannot get the lock in time saves all the same.
 */
import { closeSync, openSync, rmSync, statSync } from 'node:fs';
import { limits } from '../limits';
import { hasCode } from './disk';

const POLL_MS = 5;

/** Runs `work` while holding the lock of the snapshot at `filename`. */
export function withExitLock(filename: string, work: () => void): void {
  const path = `${filename}-lock`;
  const isHeld = acquire(path);
  try {
    work();
  } finally {
    if (isHeld) rmSync(path, { force: true });
  }
}

function acquire(path: string): boolean {
  for (let waitedMs = 0; waitedMs < limits.exitLockWaitMs; waitedMs += POLL_MS) {
    try {
      closeSync(openSync(path, 'wx', 0o600));
      return true;
    } catch (error) {
      // No directory to lock in, or none to write to: saving will make it, or say why not.
      if (!hasCode(error, 'EEXIST')) return false;
    }
    removeStale(path);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
  }
  return false;
}

function removeStale(path: string): void {
  try {
    if (Date.now() - statSync(path).mtimeMs > limits.exitLockAgeMs) rmSync(path, { force: true });
  } catch {
    // Gone by itself: the next attempt will tell.
  }
}
