/**
 * The files beside a snapshot `x.db`: logs, those kept aside, left-over temporary ones.
 *
 *     x.db-log                         the log that is appended to
 *     x.db-log-<digits>                a log that is appended to no more, until a snapshot holds all of it
 *     x.db-damaged-<ms>, -unsupported- what could not be read, kept for whoever wants to look at it
 *     x.db-log-damaged-<ms>, ...       likewise, of logs
 *     x.db.<digits>                    a snapshot before it is verified; stays behind when a writer is killed
 *     x.db.<digits>.<digits>           likewise, of write-file-atomic
 *
 * None of these names ends in `.db`, so none is the snapshot of another cache.
 */
import { randomInt } from 'node:crypto';
import { basename, dirname } from 'node:path';

import { limits } from '../limits';
import { hasCode, perform } from './disk';
import type { FileIdentity, FileStatus, Steps } from './disk';
import type { FileFault } from './records';
import { snapshotFileBytesMax } from './snapshot';

/** What a look at a file has shown. `unreadable` says nothing about what is in it. */
export type Examined<Content> =
  | { readonly state: 'missing' }
  | { readonly state: 'read'; readonly content: Content; readonly identity: FileIdentity }
  | { readonly state: 'faulty'; readonly fault: FileFault }
  | { readonly state: 'unreadable'; readonly cause: unknown };

/** Where the log is that is appended to. */
export function logOf(file: string): string {
  return `${file}-log`;
}

/** A name for a log that is appended to no more: never used twice, so that no log takes the place of another. */
export function retiredLogOf(file: string): string {
  return `${logOf(file)}-${newDigits()}`;
}

/** A name for a snapshot that has yet to be verified. */
export function stagedOf(file: string): string {
  return `${file}.${newDigits()}`;
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

/** Reads a file and tells what `parse` makes of it. Throws nothing. */
export function* examineFile<Content extends object>(
  path: string,
  parse: (bytes: Uint8Array) => Content | FileFault,
): Steps<Examined<Content>> {
  try {
    // Ask for the identity first: if the file changes in between, it looks foreign and is read again.
    const identity = yield* perform('stat', path);
    // A pipe would be read for ever.
    if (!identity.isFile()) return { state: 'unreadable', cause: new Error(`${path} is no regular file`) };
    if (identity.size > snapshotFileBytesMax) return { state: 'faulty', fault: 'size' };
    const content = parse(yield* perform('readFile', path));
    if (typeof content === 'string') return { state: 'faulty', fault: content };
    return { state: 'read', content, identity };
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

/** Moves `path`, in which `fault` was found, to a name beside `file`, and removes the oldest of those there. */
export function* keepAside(file: string, path: string, fault: FileFault, nowMs: number): Steps<void> {
  const kind = fault === 'version' ? 'unsupported' : 'damaged';
  const newestFirst = yield* listAside(file);
  // Later than every other, also within a millisecond or when the clock was set back: the oldest ones go.
  const timestamp = Math.max(nowMs, (newestFirst[0]?.timestamp ?? 0) + 1);
  yield* perform('rename', path, `${path === file ? file : logOf(file)}-${kind}-${timestamp}`);
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
  return siblings.filter((suffix) => /^\.\d+(?:\.\d+)?$/.test(suffix)).map((suffix) => file + suffix);
}

/** The logs of `file`, the one that is appended to last. Throws where the directory cannot be read. */
export function* listLogs(file: string): Steps<string[]> {
  const prefix = basename(logOf(file));
  try {
    const siblings = yield* perform('readdir', dirname(file));
    const suffixes = siblings.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
    const retired = suffixes.filter((suffix) => /^-\d+$/.test(suffix)).map((suffix) => logOf(file) + suffix);
    return suffixes.includes('') ? [...retired, logOf(file)] : retired;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

/** The files that were kept aside, newest first. */
function* listAside(file: string): Steps<{ readonly path: string; readonly timestamp: number }[]> {
  const siblings = yield* listSuffixes(file);
  return siblings
    .flatMap((suffix) => {
      const timestamp = /^(?:-log)?-(?:damaged|unsupported)-(\d{1,15})$/.exec(suffix)?.[1];
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

/** Fifteen random digits. */
function newDigits(): string {
  return String(randomInt(2 ** 47)).padStart(15, '0');
}
