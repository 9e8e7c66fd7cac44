/** Whose segment maps a replica looks after: its own, and those of its wards, who are gone. */
import { ownerOf } from './entry';

export class Wards {
  /** How the names of this replica's own segment maps begin. */
  readonly #ownPrefix: string;
  readonly #ids = new Set<string>();

  constructor(replicaId: string) {
    this.#ownPrefix = `${replicaId}.`;
  }

  add(id: string): void {
    this.#ids.add(id);
  }

  /** Forgets all that `isGone` no longer holds for; who those were. */
  takeUnless(isGone: (id: string) => boolean): string[] {
    const present = [...this.#ids].filter((id) => !isGone(id));
    for (const id of present) this.#ids.delete(id);
    return present;
  }

  /** Whether the segment map `home` is this replica's own. */
  owns(home: string | null): boolean {
    return home?.startsWith(this.#ownPrefix) === true;
  }

  /** Whether this replica looks after the segment map `home`. */
  tends(home: string | null): boolean {
    return this.owns(home) || (home !== null && this.#ids.size > 0 && this.#ids.has(ownerOf(home)));
  }
}
