/** One history: a world from a seed, its faults, its healing, and all checkers on it. */
import { checkAgreement, checkBounded, checkCounts, checkNoGaps, checkOracle, checkPaths, checkReads } from './checkers';
import { randomAction } from './user';
import { RETENTION_MS, World } from './world';

const STEPS = 200;
const REST_ROUNDS = 8;

/** Plays the history of `seed`; throws an error that names the seed where a checker finds fault. */
export function playHistory(seed: number): void {
  const hasCrashes = seed % 3 === 0;
  try {
    const world = new World(seed, { hasCrashes });
    for (let step = 0; step < STEPS; step++) {
      world.step();
      const node = world.random.pick(world.nodes);
      if (step % 2 === 0) checkReads(world, node);
      // What is still to be written may take the place of what only the document of the epoch before had.
      if (node.isCopied && node.replica.isWhole && !node.replica.hasUnwritten) world.flushes.checkCopy(node.replica);
      if (step % 4 === 0) checkPaths(node, randomAction(world.random, 0).path);
      checkNoGaps(world);
    }
    world.heal();
    // What a crashed process knew alone may be known to one and forgotten by another until it is swept.
    if (!hasCrashes) checkSettled(world, hasCrashes);
    // Later, when some has expired, and when all has; swept, and swept again.
    for (const ms of [200, RETENTION_MS, RETENTION_MS, RETENTION_MS, 1]) {
      collect(world, ms);
      if (!hasCrashes || ms === 1) checkSettled(world, hasCrashes);
    }
    checkBounded(world);
    comeToRest(world);
    checkCounts(world);
    world.flushes.checkAll(world.nodes.map(({ replica }) => replica));
  } catch (cause) {
    throw new Error(`seed ${seed}: ${(cause as Error).message}`, { cause });
  }
}

/** The timers fire in all nodes, after some time; the first of them is the manager. */
function collect(world: World, ms: number): void {
  world.nowMs += ms;
  for (const index of world.nodes.keys()) world.upkeep(index, index === 0);
  world.settle();
}

/** Nothing is written any more: then there comes a collection that finds nothing to do. */
function comeToRest(world: World): void {
  const sumRevisions = (): number => world.nodes.reduce((sum, { replica }) => sum + replica.revision, 0);
  // Of tombstones below each other one goes at a time.
  for (let round = 0; round < REST_ROUNDS; round++) {
    const before = sumRevisions();
    collect(world, RETENTION_MS);
    if (sumRevisions() === before) return;
  }
  throw new Error(`upkeep has not come to an end after ${REST_ROUNDS} collections`);
}

function checkSettled(world: World, hasCrashes: boolean): void {
  checkAgreement(world);
  if (!hasCrashes) checkOracle(world);
  for (const node of world.nodes) checkReads(world, node);
}
