/** What must hold in every simulated history. Each checker throws an error that says what it saw. */
import _ from 'lodash';
import { Document } from '../../lib/core/document';
import { segmentOwner } from '../../lib/core/entry';
import { formatKey, parseKey } from '../../lib/core/path';
import { surveyUpdate } from '../../lib/core/update';
import { supersedes, type Register } from '../../lib/core/register';
import type { Replica } from '../../lib/core/replica';
import { expectedView } from './oracle';
import type { Node, World } from './world';

/** No read shows a value that has expired by the reader's own clock. */
export function checkReads(world: World, node: Node): void {
  const shown = JSON.stringify(node.replica.get([]));
  for (const [, digits] of shown.matchAll(/#(\d+)/g)) {
    const expiresAt = world.expiries.get(Number(digits));
    if (expiresAt !== undefined && expiresAt <= world.clockOf(node)) {
      throw new Error(`value #${digits} is shown ${world.clockOf(node) - expiresAt} ms after it expired`);
    }
  }
}

/** Every replica shows the same, to the order of its properties. */
export function checkAgreement(world: World): void {
  const [first, ...others] = world.nodes.map(({ replica }) => JSON.stringify(replica.get([])));
  for (const other of others) {
    if (other !== first) throw new Error(`replicas differ:\n  ${first}\n  ${other}`);
  }
}

/** Every replica shows what lodash makes of all writes in stamp order. */
export function checkOracle(world: World): void {
  const expected = expectedView(world.writes, world.nowMs);
  const shown = world.nodes[0]!.replica.get([]);
  if (!_.isEqual(shown, expected)) {
    throw new Error(`not as lodash:\n  shown    ${JSON.stringify(shown)}\n  expected ${JSON.stringify(expected)}`);
  }
}

/** A single path reads as the whole does, whatever was read before. */
export function checkPaths(node: Node, path: string[]): void {
  let whole: unknown = node.replica.get([]);
  // A string has characters, not children.
  for (const segment of path) whole = _.isObject(whole) ? _.get(whole, [segment]) : undefined;
  const single = node.replica.get(path);
  // A gap in an array is shown as null in the whole, and is missing by itself.
  if (!_.isEqual(whole ?? null, single ?? null)) {
    throw new Error(`${path.join(' / ')} is ${JSON.stringify(single)}, but ${JSON.stringify(whole)} in the whole`);
  }
}

/** Nothing was applied that builds on what had not arrived. */
export function checkNoGaps(world: World): void {
  for (const { replica } of world.nodes) if (replica.gapCount > 0) throw new Error(`${replica.id} has met a gap`);
}

/**
 * However much was written, and by however many: the cache keeps to its limit, all that is left belongs to those
 * who are there, and beside what is alive each of them keeps as much that is dead, and one segment map, at most.
 */
export function checkBounded(world: World): void {
  const { nodes, segmentWritesMax, maxEntries } = world;
  const there = new Set(nodes.map(({ replica }) => replica.id));
  for (const { replica } of nodes) {
    const { live, tombstones, structs, segmentsEver, clients } = replica.census();
    checkMost(`${replica.id}: values`, live, maxEntries);
    checkMost(`${replica.id}: tombstones`, tombstones, live + nodes.length);
    const holdings = holdingsOf(replica);
    for (const [owner, { winners, dead }] of holdings) {
      checkMost(`${replica.id}: entries of ${owner}, who is gone,`, there.has(owner) ? 0 : winners.size + dead, 0);
      checkMost(`${replica.id}: dead entries of ${owner}`, dead, winners.size + segmentWritesMax);
    }
    // Several managers at once leave copies.
    const alive = _.sumBy([...holdings.values()], ({ winners }) => winners.size);
    const winners = new Set([...holdings.values()].flatMap((holding) => [...holding.winners]));
    checkMost(`${replica.id}: writes that have won`, winners.size, live + tombstones);
    // Compaction and adoption write, too.
    checkMost(`${replica.id}: segment maps ever`, segmentsEver, clients + (2 * world.writes.length) / segmentWritesMax);
    const structsMax = 2 * alive + segmentWritesMax * nodes.length + 2 * segmentsEver + clients;
    checkMost(`${replica.id}: structs`, structs, structsMax);
  }
}

/** Every replica counts the same: what only some of them still hold would stay for ever, whatever is shown. */
export function checkCounts(world: World): void {
  const [first, ...others] = world.nodes.map(({ replica }) => {
    const { live, bytes, tombstones, entries } = replica.census();
    return JSON.stringify({ live, bytes, tombstones, entries });
  });
  for (const other of others) {
    if (other !== first) throw new Error(`replicas count differently:\n  ${first}\n  ${other}`);
  }
}

function checkMost(what: string, count: number, max: number): void {
  if (count > max) throw new Error(`${what} are ${count}, more than ${max}`);
}

/** What an owner's segment maps hold. */
interface Holding {
  /** Paths at which an entry is the write that has won, and is not hidden. */
  readonly winners: Set<string>;
  /** All other entries; of those that were moved from one segment map to another, the one that was left. */
  dead: number;
}

/** What the document of `replica` holds, by owner, read from its bytes. */
function holdingsOf(replica: Replica): Map<string, Holding> {
  const document = new Document({ epoch: replica.epoch, replicaId: 'checker', clientId: 1 });
  const registers = document.apply([surveyUpdate(replica.encodeState())]).added.map(({ register }) => register);
  document.destroy();
  if (registers.length !== replica.census().entries) throw new Error(`${replica.id} has miscounted its entries`);
  const winners = new Map<string, Register>();
  for (const register of registers) {
    const other = winners.get(register.key);
    if (other === undefined || supersedes(register, other)) winners.set(register.key, register);
  }
  const holdings = new Map<string, Holding>();
  for (const register of registers) {
    const owner = segmentOwner(register.home!)!;
    const holding = holdings.get(owner) ?? { winners: new Set(), dead: 0 };
    holdings.set(owner, holding);
    const path = parseKey(register.key)!;
    const isDead = _.range(path.length + 1).some((depth) => {
      const winner = winners.get(formatKey(path.slice(0, depth)));
      return winner !== undefined && supersedes(winner, register);
    });
    if (isDead || holding.winners.has(register.key)) holding.dead++;
    else holding.winners.add(register.key);
  }
  return holdings;
}
