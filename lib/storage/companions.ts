/**
 * The files beside a snapshot `x.db`: the previous one, those kept aside, left-over temporary ones.
 *
 *     x.db-previous                    the last good one, while a new one is written and verified
 *     x.db-damaged-<ms>, -unsupported- what could not be read, kept for whoever wants to look at it
 *     x.db.<digits>                    of write-file-atomic; stays behind when a writer is killed
 *
 * None of these names ends in `.db`, so none is the snapshot of another cache.
 */
import { basename, dirname } from 'node:path';

import { limits } from '../limits';
import { hasCode, perform } from './disk';
import type { FileIdentity, FileStatus, Steps } from './disk';
import { parseSnapshot, snapshotFileBytesMax } from './snapshot';
import type { Snapshot, SnapshotFault } from './snapshot';

/** What a look at a file has shown. `unreadable` says nothing about what is in it. */
export type Examined =
  | { readonly state: 'missing' }
  | { readonly state: 'whole'; readonly snapshot: Snapshot; readonly identity: FileIdentity }
  | { readonly state: 'faulty'; readonly fault: SnapshotFault }
  | { readonly state: 'unreadable'; readonly cause: unknown };

/** Where the snapshot before this one is kept. */
export function previousOf(file: string): string {
  return `${file}-previous`;
}

export function isSameFile(one: FileIdentity | null, other: FileIdentity | null): boolean {
  if (one === null || other === null) return one === other;
  return one.ino === other.ino && one.size === other.size && one.mtimeNs === other.mtimeNs;
}

/** The status of a file, or null where there is none. */
export function* findFile(path: string): Steps<FileStatus | null> {
  try {
    return yield* perform('stat', path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Reads a file and tells what it is. Throws nothing. */
export function* examineFile(path: string): Steps<Examined> {
  try {
    // Ask for the identity first: if the file is replaced in between, it looks foreign and is read again.
    const identity = yield* perform('stat', path);
    // A pipe would be read for ever.
    if (!identity.isFile()) return { state: 'unreadable', cause: new Error(`${path} is no regular file`) };
    if (identity.size > snapshotFileBytesMax) return { state: 'faulty', fault: 'size' };
    const parsed = parseSnapshot(yield* perform('readFile', path));
    if (typeof parsed === 'string') return { state: 'faulty', fault: parsed };
    return { state: 'whole', snapshot: parsed, identity };
  } catch (error) {
    return hasCode(error, 'ENOENT') ? { state: 'missing' } : { state: 'unreadable', cause: error };
  }
}

/** Removes a file that may be missing. */
export function* removeFile(path: string): Steps<void> {
  try {
    yield* perform('unlink', path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

/**
 * Makes `file` the previous one as well, and returns the identity of that.
 *
 * A file system without hard links gets a copy.
 */
export function* keepPrevious(file: string): Steps<FileIdentity> {
  const previous = previousOf(file);
  yield* removeFile(previous);
  try {
    yield* perform('link', file, previous);
  } catch {
    try {
      yield* perform('copyFile', file, previous);
    } catch (error) {
      // Part of a copy is worth nothing, but one that somebody else has made meanwhile is.
      if (!hasCode(error, 'EEXIST')) yield* removeFile(previous);
      throw error;
    }
  }
  return yield* perform('stat', previous);
}

/** Moves `path`, in which `fault` was found, to a name beside `file`, and removes the oldest of those there. */
export function* keepAside(file: string, path: string, fault: SnapshotFault, nowMs: number): Steps<void> {
  const kind = fault === 'version' ? 'unsupported' : 'damaged';
  const newestFirst = yield* listAside(file);
  // Later than every other, also within a millisecond or when the clock was set back: the oldest ones go.
  const timestamp = Math.max(nowMs, (newestFirst[0]?.timestamp ?? 0) + 1);
  yield* perform('rename', path, `${file}-${kind}-${timestamp}`);
  for (const oldest of newestFirst.slice(limits.filesKeptAsideMax - 1)) {
    try {
      yield* removeFile(oldest.path);
    } catch {
      // The next file that is kept aside tries again.
    }
  }
}

/** Removes temporary files of `file` that are so old that their writer cannot be alive. */
export function* sweepTemporary(file: string, nowMs: number): Steps<void> {
  const before = BigInt(nowMs - limits.temporaryFileAgeMs) * 1_000_000n;
  for (const path of yield* listTemporary(file)) {
    try {
      const status = yield* findFile(path);
      if (status !== null && status.isFile() && status.mtimeNs < before) yield* removeFile(path);
    } catch {
      // A left-over costs nothing but its room, which is no reason not to read the snapshot.
    }
  }
}

/** The temporary files of `file`, whoever writes them; none where the directory cannot be read. */
export function* listTemporary(file: string): Steps<string[]> {
  const siblings = yield* listSuffixes(file);
  return siblings.filter((suffix) => /^\.\d+$/.test(suffix)).map((suffix) => file + suffix);
}

/** The files that were kept aside, newest first. */
function* listAside(file: string): Steps<{ readonly path: string; readonly timestamp: number }[]> {
  const siblings = yield* listSuffixes(file);
  return siblings
    .flatMap((suffix) => {
      const timestamp = /^-(?:damaged|unsupported)-(\d{1,15})$/.exec(suffix)?.[1];
      return timestamp === undefined ? [] : [{ path: file + suffix, timestamp: Number(timestamp) }];
    })
    .sort((one, other) => other.timestamp - one.timestamp);
}

/** What follows the name of `file` in the names of its siblings. */
function* listSuffixes(file: string): Steps<string[]> {
  const name = basename(file);
  try {
    const siblings = yield* perform('readdir', dirname(file));
    return siblings.filter((sibling) => sibling.startsWith(name)).map((sibling) => sibling.slice(name.length));
  } catch {
    return [];
  }
}

/**
 * Makes a directory and those above it; returns the topmost that was missing, if any.
 *
 * Not by the system's own recursive mkdir: where the parent exists and nothing can be made in it, as in /proc,
 * that tries for ever.
 */
export function* makeDirectory(path: string): Steps<string | undefined> {
  const parent = dirname(path);
  let topmost: string | undefined;
  try {
    yield* perform('mkdir', path);
    return path;
  } catch (error) {
    if (hasCode(error, 'EEXIST') || (parent === path && (yield* findFile(path)) !== null)) return undefined;
    if (!hasCode(error, 'ENOENT') || parent === path) throw error;
    topmost = yield* makeDirectory(parent);
  }
  try {
    yield* perform('mkdir', path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  return topmost ?? path;
}

/** Makes the names in `directory` durable, and those of the directories from `topmost` down to it. */
export function* syncNames(directory: string, topmost: string | undefined): Steps<void> {
  const last = topmost === undefined ? directory : dirname(topmost);
  for (let path = directory; ; path = dirname(path)) {
    try {
      yield* perform('syncDirectory', path);
    } catch (error) {
      if (!hasCode(error, ...CANNOT_SYNC_DIRECTORY)) throw error;
    }
    if (path === last || path === dirname(path)) return;
  }
}

/** Windows, some network file systems, and directories that may be written but not read. */
const CANNOT_SYNC_DIRECTORY = [
  'EACCES', 'EBADF', 'EINVAL', 'EISDIR', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EPERM',
];
