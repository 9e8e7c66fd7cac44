/**
 * The process that is fuzzed: `child.js <target> <seed> <rounds> <progress file>` plays rounds from that seed on. It
 * writes the seed of each round to the file before it plays it, so that who watches knows which one killed it.
 */
import { openSync, writeSync } from 'node:fs';
import { Random } from '../simulation/random';
import { Honest } from './honest';
import { differences, printPrototypes } from './prototypes';
import { targets } from './targets';

const [name = '', seedText, roundsText, progressFile = ''] = process.argv.slice(2);
const target = targets[name];
if (target === undefined) throw new RangeError(`there is no target ${name}`);
const [seed, rounds] = [Number(seedText), Number(roundsText)];
const progress = openSync(progressFile, 'w');
const before = printPrototypes();
const ROUNDS_PER_LOOK = 20;

for (let i = 0; i < rounds; i++) {
  writeSync(progress, `${seed + i}`.padEnd(20), 0);
  target.play(new Random(seed + i));
  if (i % ROUNDS_PER_LOOK !== 0 && i + 1 < rounds) continue;
  const changed = differences(before, printPrototypes());
  if (changed.length > 0) throw new Error(`broken: nobody changes what all share: ${changed.join(', ')}`);
}
const { maxRSS } = process.resourceUsage();
process.stdout.write(JSON.stringify({ inputs: rounds * target.inputs, maxRss: maxRSS * 1024, disagreements: Honest.disagreements / rounds }));
