/**
 * The one error class of the library and the closed list of its codes.
 *
 * A mistake of the caller is a `TypeError` or `RangeError` that carries one of these codes; whatever
 * goes wrong outside the caller's reach is a `CacheError`. `docs/errors.md` explains each code.
 */

/** Codes of errors that are thrown at the caller, or given to the `error` event. */
export type ErrorCode =
  | 'ERR_CLUSTER_CACHE_OPTION'
  | 'ERR_CLUSTER_CACHE_NAME'
  | 'ERR_CLUSTER_CACHE_PATH'
  | 'ERR_CLUSTER_CACHE_VALUE'
  | 'ERR_CLUSTER_CACHE_TTL'
  | 'ERR_CLUSTER_CACHE_LIMIT'
  | 'ERR_CLUSTER_CACHE_CLOSED'
  | 'ERR_CLUSTER_CACHE_LISTENER'
  | 'ERR_CLUSTER_CACHE_DIRECTORY'
  | 'ERR_CLUSTER_CACHE_SOCKET'
  | 'ERR_CLUSTER_CACHE_FRAME'
  | 'ERR_CLUSTER_CACHE_PROTOCOL'
  | 'ERR_CLUSTER_CACHE_UPDATE'
  | 'ERR_CLUSTER_CACHE_SNAPSHOT'
  | 'ERR_CLUSTER_CACHE_STORAGE'
  | 'ERR_CLUSTER_CACHE_TIMEOUT';

/** Something failed that the caller could not have prevented; `cause` holds the original error. */
export class CacheError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'CacheError';
    this.code = code;
  }
}

/** What the file system threw, as one of ours. */
export function storageError(cause: unknown): CacheError {
  return cause instanceof CacheError ? cause : new CacheError('ERR_CLUSTER_CACHE_STORAGE', 'The file cannot be written.', { cause });
}

/** A `TypeError` with a code, for an argument of the wrong kind. */
export function typeError(code: ErrorCode, message: string): TypeError & { readonly code: ErrorCode } {
  return Object.assign(new TypeError(message), { code });
}

/** A `RangeError` with a code, for an argument of the right kind that is out of bounds. */
export function rangeError(code: ErrorCode, message: string): RangeError & { readonly code: ErrorCode } {
  return Object.assign(new RangeError(message), { code });
}
