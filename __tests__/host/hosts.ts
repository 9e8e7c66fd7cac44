/** A host without a mesh, whose turns the test ends, and links to peers that keep a record and never answer. */
import { join } from 'node:path';
import { decodeEnvelope, encodeEnvelope, type Message } from '../../lib/core/message';
import { OpenCache } from '../../lib/host/open-cache';
import type { Committer, OpenCacheHost, OpenCacheOptions } from '../../lib/host/ports';
import { turn } from '../../lib/host/turn';
import type { Link } from '../../lib/mesh/link';
import { Cleanup, RecordingMesh, until } from '../mesh/meshes';

export const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** Of a replica or a Yjs client. */
let lastId = 0;

/** Hosts one open cache. */
export class TestHost implements OpenCacheHost {
  readonly cache: OpenCache;
  readonly links = new Map<string, Link>();
  readonly #scheduled = new Set<Committer>();

  constructor(options: Partial<OpenCacheOptions> = {}) {
    const lasting = { name: 'c', filename: '', isPersistent: false, durability: 'no' } as const;
    this.cache = new OpenCache({ ...lasting, maxEntries: Infinity, maxBytes: Infinity, ...options }, this);
    this.cache.attach({ gcInterval: 120_000, hasListeners: () => false, emit: () => undefined });
  }

  /** Ends turns until nobody has anything to commit, but not more than `countMax`; how many. */
  endTurns(countMax: number): number {
    let count = 0;
    for (; count < countMax && this.#scheduled.size > 0; count++) {
      turn.end();
      const caches = [...this.#scheduled];
      this.#scheduled.clear();
      for (const cache of caches) cache.commit();
    }
    return count;
  }

  self(): ReturnType<OpenCacheHost['self']> {
    return { id: 'self', seniority: { rank: 1, startedAt: 1_000 }, pid: process.pid, threadId: 0 };
  }

  isJoined(): boolean {
    return true;
  }

  join(): Promise<void> {
    return Promise.resolve();
  }

  scan(): Promise<void> {
    return Promise.resolve();
  }

  send(link: Link, cache: string, message: Message): boolean {
    return link.send(encodeEnvelope({ cache, message }));
  }

  scheduleCommit(cache: Committer): void {
    this.#scheduled.add(cache);
  }

  nextId(): string {
    return `id${++lastId}`;
  }

  nextClientId(): number {
    return ++lastId;
  }
}

/** A link to a peer that never answers, and what that peer has heard. */
export async function linkToSilentPeer(): Promise<{ link: Link; heard: Message[] }> {
  const directory = cleanup.directory();
  const heard: Message[] = [];
  const silent = new RecordingMesh(directory, 'silent', {
    onMessages: (_link, payloads) => heard.push(...payloads.map((payload) => decodeEnvelope(payload).message)),
  });
  const self = new RecordingMesh(directory, 'self');
  for (const { mesh } of [silent, self]) {
    cleanup.add(() => mesh.close());
    await mesh.start();
  }
  await until('the link', () => self.ids.length === 1);
  return { link: self.link('silent'), heard };
}

/** Options of a cache with a file of its own. */
export const persistent = (): Partial<OpenCacheOptions> => ({ isPersistent: true, durability: 'always', filename: join(cleanup.directory(), 'c.snapshot') });
