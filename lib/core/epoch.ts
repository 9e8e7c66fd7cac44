/**
 * Epochs: the lives of documents. A later epoch replaces an earlier one; all who start from one file, or
 * from nothing, start in the same.
 */

import { limits } from '../limits';

/** The last number there is; whatever claims a later one is damaged. */
export const EPOCH_NUMBER_MAX = 0xffff_ffff;

/** Life of one document. */
export interface Epoch {
  /** Counts up from 0, a 32-bit unsigned integer. */
  readonly number: number;
  /** The replica that began it; empty for the first. Orders two that were begun concurrently. */
  readonly founder: string;
}

/** The epoch of whatever starts from nothing. */
export const firstEpoch: Epoch = Object.freeze({ number: 0, founder: '' });

/** Negative, zero or positive as `a` comes before, is, or comes after `b`. */
export function compareEpochs(a: Epoch, b: Epoch): number {
  if (a.number !== b.number) return a.number - b.number;
  return a.founder === b.founder ? 0 : a.founder < b.founder ? -1 : 1;
}

/** Whether `epoch` is so much later than `own` that only a fault can have made it: it would use up the numbers. */
export function isFarAhead(epoch: Epoch, own: Epoch): boolean {
  return epoch.number - own.number > limits.epochsAheadMax;
}
