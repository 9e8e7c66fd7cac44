/** Changes: what a replica tells of when what it shows is no longer the same. */
import { EVICTED_AT, type Register } from './register';

/** Why what is visible at a path changed. */
export type ChangeReason = 'set' | 'delete' | 'expire' | 'clear' | 'evict';

/** A change of what the cache shows: `register` has become the winner at its path, or has expired. */
export interface Change {
  readonly register: Register;
  readonly reason: ChangeReason;
  /** Whether this replica made it. */
  readonly isLocal: boolean;
}

/** Why `register`, which has become the winner at its path, did so. */
export function reasonOf({ key, value, expiresAt }: Register): ChangeReason {
  if (value !== undefined) return 'set';
  if (expiresAt === EVICTED_AT) return 'evict';
  if (expiresAt !== 0) return 'expire';
  return key === '' ? 'clear' : 'delete';
}
