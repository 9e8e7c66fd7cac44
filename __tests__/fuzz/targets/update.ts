/** Updates, as they are behind the checksum: damaged ones and forged ones, straight into a replica. */
import type { Random } from '../../simulation/random';
import { forgeUpdate } from '../forge';
import { Honest } from '../honest';
import { mutate } from '../mutate';
import type { Target } from '../target';

export const update: Target = { inputs: 50, play };

function play(random: Random): void {
  const honest = new Honest(random);
  for (let i = 0; i < 50; i++) {
    if (random.chance(0.1)) honest.write();
    const isForged = random.chance(0.5);
    const one = (): Uint8Array =>
      isForged ? forgeUpdate(random, honest.clocks()) : mutate(random, random.pick(honest.said), honest.said);
    honest.take(random.chance(0.1) ? [one(), one()] : [one()]);
  }
  honest.checkConvergence();
}
