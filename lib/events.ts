/**
 * The events of a cache: their arguments, and a way to emit them by which no listener can hurt another.
 */
import { EventEmitter } from 'node:events';
import { CacheError } from './errors';

/** A write has become the newest at its path, or what it wrote has expired. */
export interface ChangeEvent {
  /** Canonical lodash path; the empty string for the whole cache. */
  readonly path: string;
  /**
   * Why: it was set or deleted, it had expired when the timer swept it, the whole cache was cleared, or the
   * cache was over a limit.
   */
  readonly reason: 'set' | 'delete' | 'expire' | 'clear' | 'evict';
  /** Whether this process made the change or heard of it. */
  readonly origin: 'local' | 'remote';
}

/** Another process, or thread, that has the cache open. */
export interface Peer {
  /** Of that opening alone. */
  readonly id: string;
  readonly pid: number;
  /** 0 for the main thread. */
  readonly threadId: number;
}

/** A peer has opened or closed the cache, or died. */
export interface PeerEvent {
  readonly type: 'joined' | 'left';
  readonly peer: Peer;
}

/** Another process keeps the file copy, if any, and evicts, from now on. */
export interface ManagerEvent {
  readonly manager: Peer;
  /** Whether it is this process. */
  readonly isSelf: boolean;
}

/** Names of the events and the arguments of their listeners. */
export interface CacheEvents {
  change: [event: ChangeEvent];
  peer: [event: PeerEvent];
  manager: [event: ManagerEvent];
  /** A sync is complete: the first one by itself, later ones by `sync()`. */
  sync: [];
  /** Something failed outside the caller's reach; nobody need listen. */
  error: [error: CacheError];
  close: [];
}

/** An emitter whose `error` may go unheard and whose listeners may throw or reject without harm. */
export class GuardedEmitter extends EventEmitter<CacheEvents> {
  /** Calls every listener of `name`; a fault of one is reported as an `error` event. */
  protected notify<Name extends keyof CacheEvents>(name: Name, ...args: CacheEvents[Name]): void {
    for (const listener of this.rawListeners(name)) {
      try {
        const result: unknown = Reflect.apply(listener, this, args);
        // Of any kind and realm: an async listener that fails must not end the process.
        if (isThenable(result)) result.then(undefined, (cause: unknown) => this.#report(name, cause));
      } catch (cause) {
        this.#report(name, cause);
      }
    }
  }

  #report(name: keyof CacheEvents, cause: unknown): void {
    // A listener of errors that fails has nobody left to tell.
    if (name === 'error') return;
    this.notify(
      'error',
      new CacheError('ERR_CLUSTER_CACHE_LISTENER', `A listener of the "${name}" event has failed.`, { cause }),
    );
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
