/** What was flushed in a simulated history: whom it was confirmed by, and that it is there then, and in the end. */
import _ from 'lodash';
import { Document } from '../../lib/core/document';
import { formatKey, parseKey } from '../../lib/core/path';
import type { Replica } from '../../lib/core/replica';
import { isSameWrite, supersedes, type Register } from '../../lib/core/register';
import type { Session } from '../../lib/core/session';
import { surveyUpdate } from '../../lib/core/update';
import type { Write } from './oracle';

interface Confirmation {
  /** What was set before the flush, by who asked for it. */
  readonly writes: readonly Write[];
  /** Who has said that it has it. */
  readonly peer: Replica;
  /** Whether who asked keeps a copy of its own, and so does not need that one's. */
  readonly hasCopy: boolean;
}

export class FlushLog {
  /** All writes of the history so far. */
  readonly #writes: readonly Write[];
  readonly #confirmations: Confirmation[] = [];

  constructor(writes: readonly Write[]) {
    this.#writes = writes;
  }

  /** How often a peer has confirmed something. */
  get count(): number {
    return this.#confirmations.length;
  }

  /** Asks the peer of `session` to confirm what `replica` has set so far. Throws, once it has, if it does not have that. */
  ask(replica: Replica, session: Session, peer: Replica, hasCopy: boolean): void {
    const writes = this.#writes.filter(({ writer, value, expiresAt }) => writer === replica.id && value !== undefined && expiresAt === 0);
    if (writes.length === 0) return;
    session.flush(false, ({ kind }) => {
      if (kind !== 'done') return;
      this.#confirmations.push({ writes, peer, hasCopy });
      this.#check(peer, writes, (write) => peer.has([...write.path]));
    });
  }

  /** What a peer that is still there has confirmed is in every document, unless something later has taken its place. */
  checkAll(replicas: readonly Replica[]): void {
    for (const { writes, peer } of this.#confirmations) {
      if (!replicas.includes(peer)) continue;
      for (const replica of replicas) this.#check(replica, writes, () => false);
    }
  }

  /**
   * What `replica` has confirmed is in its document, or what has taken its place, whatever everybody else knows: nothing
   * else is left if all of them die. Not so where that may have been forgotten.
   */
  checkCopy(replica: Replica): void {
    const writes = this.#confirmations.flatMap(({ peer, hasCopy, writes: some }) => (peer === replica && !hasCopy ? some : []));
    const lasting = _.uniq(writes).filter((write) => !this.#writes.some((other) => isTransient(other) && hides(other, write)));
    if (lasting.length === 0) return;
    const registers = registersOf(replica).map((register) => ({ ...register, path: parseKey(register.key)! }));
    for (const write of lasting) {
      const isThere = registers.some((register) => isSameWrite(register, write) || hides(register, write));
      const { path, writer } = write;
      if (!isThere) throw new Error(`a copy of ${replica.id} has neither ${path.join(' / ')} of ${writer}, which was flushed, nor anything later`);
    }
  }

  #check(replica: Replica, writes: readonly Write[], isShown: (write: Write) => boolean): void {
    const lasting = writes.filter((write) => !this.#writes.some((other) => hides(other, write)));
    if (lasting.length === 0) return;
    const entries = _.groupBy(registersOf(replica), 'key');
    for (const write of lasting) {
      const isThere = entries[formatKey([...write.path])]?.some((register) => isSameWrite(register, write)) === true;
      if (!isThere && !isShown(write)) throw new Error(`${replica.id} lacks ${write.path.join(' / ')} of ${write.writer}, which was flushed`);
    }
  }
}

/** What the document of `replica` has. */
function registersOf(replica: Replica): Register[] {
  const document = new Document({ epoch: replica.epoch, replicaId: 'checker', clientId: 1 });
  const registers = document.apply([surveyUpdate(replica.encodeState())]).added.map(({ register }) => register);
  document.destroy();
  return registers;
}

/** Whether a write is forgotten after a while. */
function isTransient({ value, expiresAt }: Write): boolean {
  return value === undefined || expiresAt !== 0;
}

/** Whether `other` has taken the place of `write`, or may have by its expiry. */
function hides(other: Write, write: Write): boolean {
  const isAbove = other.path.length <= write.path.length && other.path.every((segment, depth) => segment === write.path[depth]);
  return isAbove && !isSameWrite(other, write) && (supersedes(other, write) || other.expiresAt !== 0);
}
