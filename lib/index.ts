/** cluster-cache: the public names, one by one. */
export { Cache } from './cache';
export type { CacheOptions } from './cache';
export type { CacheEvents, ChangeEvent, ManagerEvent, Peer, PeerEvent } from './events';
export type { CacheStats } from './stats';
export { CacheError } from './errors';
export type { ErrorCode } from './errors';
export type { Path } from './core/path';
