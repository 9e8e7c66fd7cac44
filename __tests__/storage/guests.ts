/**
 * Processes that keep one cache on a disk in memory: a replica and a keeper each, with no link between them, and a
 * record of what each of them was promised.
 */
import { Replica } from '../../lib/core/replica';
import type { CacheError } from '../../lib/errors';
import { Intake } from '../../lib/host/intake';
import { Keeper } from '../../lib/host/keeper';
import type { Peers } from '../../lib/host/peers';
import type { Durability } from '../../lib/host/ports';
import { limits } from '../../lib/limits';
import type { Disk } from '../../lib/storage/disk';

export const filename = '/data/x.db';

let idLast = 0;

/** One process. What it writes is `<name>.0`, `<name>.1` and so on. */
export class Guest {
  readonly name: string;
  readonly replica: Replica;
  readonly keeper: Keeper;
  readonly errors: CacheError[] = [];
  /** How many writes of whom a flush has promised to be on disk: all that it had, its own and what it had read. */
  readonly promised = new Map<string, number>();
  #written = 0;

  constructor(name: string, disk: Disk, durability: Durability = 'everysec') {
    this.name = name;
    this.replica = new Replica({
      id: `r${++idLast}`,
      now: Date.now,
      nextClientId: () => ++idLast,
      retentionMs: () => 120_000,
      onUpdate: (update) => this.keeper.record(update),
    });
    const { replica } = this;
    const commit = (): void => void replica.commit(limits.commitMax);
    const onError = (error: CacheError): void => void this.errors.push(error);
    // It has none: all that they are asked is how many they are.
    const peers = { count: 0, restartAll: () => undefined } as unknown as Peers;
    const intake = new Intake({ replica, peers, commit, onError });
    this.keeper = new Keeper({ replica, intake, filename, durability, disk, commit, onError });
  }

  async begin(): Promise<void> {
    await this.keeper.begin();
    this.keeper.takeOffice();
  }

  write(): void {
    this.replica.set([this.name, String(this.#written)], this.#written);
    this.#written++;
    this.replica.commit();
  }

  /** As a manager does that sees nobody else. */
  beginEpoch(): void {
    this.replica.beginEpoch();
    this.replica.tend(new Set(), true);
    this.replica.commit();
  }

  /** Asks for the promise that all it has is on disk. */
  async flush(): Promise<void> {
    const counts = this.#counts();
    await this.keeper.save();
    for (const [name, count] of counts) this.promised.set(name, Math.max(count, this.promised.get(name) ?? 0));
  }

  #counts(): [string, number][] {
    const all = (this.replica.get([]) ?? {}) as Record<string, object>;
    return Object.entries(all).map(([name, writes]) => [name, Object.keys(writes).length]);
  }
}

/** How many writes of `name` a process has that starts on `disk`; fails where they are no prefix. */
export async function readBack(disk: Disk, names: readonly string[]): Promise<{ counts: number[]; errors: CacheError[] }> {
  const reader = new Guest('reader', disk);
  await reader.keeper.begin();
  const counts = names.map((name) => {
    const found = Object.keys((reader.replica.get(name) ?? {}) as object).map(Number);
    expect(found.sort((a, b) => a - b)).toEqual(Array.from(found, (_, i) => i));
    return found.length;
  });
  return { counts, errors: reader.errors };
}
