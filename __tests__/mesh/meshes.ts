/** What the tests of the mesh share: conditions with a deadline, directories, and meshes that keep a record. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CacheError } from '../../lib/errors';
import type { Link } from '../../lib/mesh/link';
import { Mesh, type MeshOptions } from '../../lib/mesh/mesh';

const deadlineMs = 20_000;

/** Waits until the condition holds; fails with what it was about if it does not within the deadline. */
export async function until(what: string, condition: () => boolean, waitMs = deadlineMs): Promise<void> {
  const deadline = Date.now() + waitMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`Waited in vain: ${what}`);
    await delay(2);
  }
}

/** Calls of the clean-ups, last one first; for `afterEach`. */
export class Cleanup {
  readonly #actions: (() => unknown)[] = [];

  add(action: () => unknown): void {
    this.#actions.push(action);
  }

  async run(): Promise<void> {
    for (let action = this.#actions.pop(); action !== undefined; action = this.#actions.pop()) await action();
  }

  /** A new directory, short enough for sockets. */
  directory(): string {
    const directory = mkdtempSync(join(tmpdir(), 'mesh-'));
    this.add(() => {
      rmSync(directory, { recursive: true, force: true });
    });
    return directory;
  }
}

/** A mesh and all that it told. */
export class RecordingMesh {
  readonly mesh: Mesh;
  readonly events: string[] = [];
  readonly batches: string[][] = [];
  readonly errors: CacheError[] = [];

  constructor(directory: MeshOptions['directory'], id: string, overrides: Partial<MeshOptions> = {}) {
    this.mesh = new Mesh({
      id,
      startedAt: 1_000,
      directory,
      onLink: (link) => this.events.push(`link ${link.id}`),
      onUnlink: (link) => this.events.push(`unlink ${link.id}`),
      onMessages: (_link, payloads) => this.batches.push(payloads.map((payload) => Buffer.from(payload).toString())),
      onDrain: (link) => this.events.push(`drain ${link.id}`),
      onSeniority: (link) => this.events.push(`seniority ${link.id}`),
      onError: (error) => this.errors.push(error),
      ...overrides,
    });
  }

  get ids(): string[] {
    return [...this.mesh.links.keys()].sort();
  }

  link(id: string): Link {
    const link = this.mesh.links.get(id);
    if (link === undefined) throw new Error(`${this.mesh.id} has no link to ${id}`);
    return link;
  }
}

/** Not started; closed by the clean-up. */
export function makeMesh(cleanup: Cleanup, directory: string, id: string, overrides: Partial<MeshOptions> = {}): RecordingMesh {
  const peer = new RecordingMesh(directory, id, overrides);
  cleanup.add(() => peer.mesh.close());
  return peer;
}

/** Started one after the other, so that the later one dials the earlier. */
export async function startMeshes(cleanup: Cleanup, directory: string, ...ids: string[]): Promise<RecordingMesh[]> {
  const peers: RecordingMesh[] = [];
  for (const id of ids) {
    const peer = makeMesh(cleanup, directory, id);
    await peer.mesh.start();
    peers.push(peer);
  }
  await until('full mesh', () => peers.every((peer) => peer.ids.length === ids.length - 1));
  return peers;
}
