/** Replicas under a clock that the test sets, and ways to carry updates between them. */
import * as Y from 'yjs';
import type { Change } from '../../lib/core/change';
import { formatSegmentId } from '../../lib/core/entry';
import { Replica, type ReplicaOptions } from '../../lib/core/replica';
import { toHybridTime } from '../../lib/core/stamp';

export const START_MS = Date.UTC(2026, 0, 1);
export const RETENTION_MS = 60_000;

export class Bench {
  nowMs = START_MS;
  #clients = 0;
  #ids = 0;
  /** What every replica told of, as `id reason key`, local ones marked with `!`. */
  readonly changes: string[] = [];

  create(options: Partial<ReplicaOptions> = {}): Replica {
    const id = options.id ?? `r${this.#ids++}`;
    return new Replica({
      id,
      now: () => this.nowMs,
      nextClientId: () => ++this.#clients,
      retentionMs: () => RETENTION_MS,
      orphanMsMin: 0,
      onChange: ({ register, reason, isLocal }: Change) => {
        this.changes.push(`${id}${isLocal ? '!' : ''} ${reason} ${register.key}`);
      },
      ...options,
    });
  }

  /** Hands out what was told since the last call. */
  told(): string[] {
    return this.changes.splice(0);
  }
}

/** Commits `from` and gives each of `to` what was committed. */
export function send(from: Replica, ...to: Replica[]): void {
  const update = from.commit();
  if (update !== null) for (const replica of to) expect(replica.receive([update])).toBe('applied');
}

/** Commits all and gives all of them everything. */
export function mergeAll(...replicas: Replica[]): void {
  for (const replica of replicas) replica.commit();
  for (const from of replicas) for (const to of replicas) if (from !== to) to.receive([from.encodeState(to.stateVector())]);
}

/** Has all of them tell each other everything until none has anything left to do. */
export function settle(...replicas: Replica[]): void {
  for (let round = 0; round < 100; round++) {
    mergeAll(...replicas);
    if (!replicas.some((replica) => replica.hasUncommitted)) return;
  }
  throw new Error('does not settle');
}

/** The Yjs document as any peer would read it from the whole state. */
export function documentOf(replica: Replica): Y.Doc {
  const doc = new Y.Doc();
  Y.applyUpdate(doc, replica.encodeState());
  return doc;
}

/** What is committed: `segment key` of each entry, sorted. */
export function placesOf(replica: Replica): string[] {
  const places: string[] = [];
  for (const [id, map] of documentOf(replica).getMap('segments')) {
    for (const key of (map as Y.Map<unknown>).keys()) places.push(`${id} ${key}`);
  }
  return places.sort();
}

/** Matches an error with this code. */
export function code(name: 'PATH' | 'VALUE' | 'TTL'): Error {
  return expect.objectContaining({ code: `ERR_CLUSTER_CACHE_${name}` }) as Error;
}

/** An update of a writer of its own with one entry, written at `ms`. */
export function entryAt(ms: number, key = 'x', value = 'late', writer = 'evil'): Uint8Array {
  const doc = new Y.Doc();
  doc.getMap('segments').set(formatSegmentId(writer, 1), new Y.Map([[key, [toHybridTime(ms), 0, 0, value]]]));
  return Y.encodeStateAsUpdate(doc);
}

/** Has Yjs throw, while `act` runs, at any entry with the key `poison`, as at something that the survey let through. */
export function withPoison(act: () => void): void {
  const { integrate } = Y.Item.prototype;
  const spy = jest.spyOn(Y.Item.prototype, 'integrate').mockImplementation(function (this: Y.Item, ...args) {
    if (this.parentSub === 'poison') throw new Error('poison');
    integrate.apply(this, args);
  });
  try {
    expect(act).toThrow('poison');
  } finally {
    spy.mockRestore();
  }
}
