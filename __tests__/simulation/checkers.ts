/** What must hold in every simulated history. Each checker throws an error that says what it saw. */
import _ from 'lodash';
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

/** Documents hold little more than what is alive, however much was written. */
export function checkBounded(world: World): void {
  for (const { replica } of world.nodes) {
    const { entries, live, structs } = replica.census();
    const entriesMax = 2 * live + 4 * world.nodes.length;
    if (entries > entriesMax) throw new Error(`${replica.id} holds ${entries} entries for ${live} that live`);
    const structsMax = 6 * live + 30 * world.nodes.length + 4 * replica.census().segmentsEver;
    if (structs > structsMax) throw new Error(`${replica.id} holds ${structs} structs for ${live} that live`);
  }
}
