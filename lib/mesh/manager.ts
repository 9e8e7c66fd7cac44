/**
 * Who the manager is: the most senior of the peers one can see, and the hint of `manager-process` that
 * goes into the seniority.
 */

import { isMainThread } from 'node:worker_threads';
import { limits } from '../limits';
import { compareSeniority, type Candidate } from './hello';
import { startPatience } from './patience';

interface ListedProcess {
  readonly pid: number;
  readonly ppid?: number;
}

interface ManagerProcess {
  getAllProcesses(): Promise<ListedProcess[]>;
}

/** The handles that a call left open, as far as they matter here. */
interface Handle {
  unref?(): void;
  kill?(): boolean;
}

const named = 0;
const notNamed = 1;

/** The most senior of the candidates; undefined if there are none. */
export function mostSenior<T extends Candidate>(candidates: Iterable<T>): T | undefined {
  let first: T | undefined = undefined;
  for (const candidate of candidates) {
    if (first === undefined || compareSeniority(candidate, first) < 0) first = candidate;
  }
  return first;
}

/**
 * The rank that `manager-process` gives this process: 0 if it names it the manager, 1 if not, or if it
 * does not know within `limits.managerWaitMs`. Only a hint: processes may get different answers.
 */
export async function askManagerProcess(): Promise<number> {
  // All threads of a process have its pid; one of them at most can be meant.
  if (!isMainThread) return notNamed;
  let handles: Handle[] = [];
  try {
    // Loaded late and guarded: it throws if there is no main script, as under an ESM entry.
    const managerProcess = require('manager-process') as ManagerProcess;
    const before = new Set(activeHandles());
    const listing = managerProcess.getAllProcesses();
    handles = activeHandles().filter((handle) => !before.has(handle));
    // The child that runs `ps` was started just now; it must not hold this process.
    for (const handle of handles) handle.unref?.();
    const processes = await withPatience(listing);
    return managerPid(processes) === process.pid ? named : notNamed;
  } catch {
    for (const handle of handles) handle.kill?.();
    return notNamed;
  }
}

/**
 * The manager as `manager-process` computes it, from its own list. The list lacks this process if there
 * are others, because `find-process` hides the one that asks; `ps` sorts by pid.
 */
export function managerPid(
  listed: readonly ListedProcess[],
  self: ListedProcess = { pid: process.pid, ppid: process.ppid },
): number | undefined {
  const others = listed.filter(({ pid }) => pid !== self.pid);
  const all = [...others, self].sort((a, b) => a.pid - b.pid);
  const parents = [...new Set(all.map(({ ppid }) => ppid))];
  // The first parent is that of the cluster's primary, the second the primary itself.
  const parent = parents.length > 1 ? parents[1] : parents[0];
  return all.find(({ ppid }) => ppid === parent)?.pid;
}

function withPatience<T>(promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = startPatience(limits.managerWaitMs, () => {
      reject(new Error('manager-process did not answer'));
    });
    promise.then(resolve, reject).finally(cancel);
  });
}

/** The library hides the child process that it starts; only Node's own list of handles shows it. */
function activeHandles(): Handle[] {
  const { _getActiveHandles: list } = process as unknown as { _getActiveHandles?: () => Handle[] };
  return list?.call(process) ?? [];
}
