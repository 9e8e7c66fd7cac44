/** What is fuzzed: a round of inputs made from chance, each of which must end in a value or in a documented error. */
import type { ErrorCode } from '../../lib/errors';
import type { Random } from '../simulation/random';

export interface Target {
  /** Inputs that one round feeds. */
  readonly inputs: number;
  /** Plays one round. Throws where a rule is broken. */
  readonly play: (random: Random) => void;
}

/** What `decode` returns, or undefined where it threw one of `codes`. Any other error is a fault. */
export function valueOf<T>(decode: () => T, ...codes: readonly ErrorCode[]): T | undefined {
  try {
    return decode();
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    if (codes.some((known) => known === code)) return undefined;
    throw error;
  }
}

export function check(isRight: boolean, rule: string): void {
  if (!isRight) throw new Error(`broken: ${rule}`);
}
