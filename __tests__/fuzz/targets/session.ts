/** A whole conversation, behind the checksum: envelopes with damaged or forged contents, to a session of a replica. */
import { decodeEnvelope, encodeEnvelope, type Message } from '../../../lib/core/message';
import { Session } from '../../../lib/core/session';
import type { Random } from '../../simulation/random';
import { forgeUpdate } from '../forge';
import { Honest } from '../honest';
import { mutate } from '../mutate';
import { valueOf, type Target } from '../target';
import { honestMessages } from './message';

export const session: Target = { inputs: 50, play };

function play(random: Random): void {
  const honest = new Honest(random);
  let victim = begin(random, honest);
  for (let i = 0; i < 50; i++) {
    if (random.chance(0.1)) honest.write();
    const bytes = encodeEnvelope({ cache: 'simulated', message: lie(random, honest) });
    const sent = random.chance(0.2) ? mutate(random, bytes, [bytes]) : bytes;
    const envelope = valueOf(() => decodeEnvelope(sent), 'ERR_CLUSTER_CACHE_PROTOCOL');
    if (envelope === undefined) continue;
    try {
      victim.receive([envelope.message]);
    } catch {
      // The link ends, whatever it was that nobody could read, and another one is made.
      victim.end();
      victim = begin(random, honest);
    }
  }
  victim.end();
  honest.checkConvergence();
}

function begin(random: Random, honest: Honest): Session {
  const begun = new Session(
    honest.a,
    {
      send: () => true,
      onInformed: () => undefined,
      isInformed: () => true,
      onAnswer: () => undefined,
      onPresence: () => undefined,
      hasRoom: () => true,
      goOnLater: () => undefined,
      takesTurn: () => random.chance(0.8),
      onCaughtUp: () => undefined,
      onEpoch: () => {
        honest.restart(0);
        begun.restart(true);
      },
      onFlush: (_isDurable, answer) => answer({ kind: 'done' }),
    },
    { isPersistent: true, tokenBase: 0 },
  );
  begun.begin();
  return begun;
}

function lie(random: Random, honest: Honest): Message {
  const { a } = honest;
  const vector = random.chance(0.3) ? a.stateVector() : mutate(random, a.stateVector(), honest.said);
  const update = random.chance(0.5) ? forgeUpdate(random, honest.clocks()) : mutate(random, random.pick(honest.said), honest.said);
  const told = random.pick(honestMessages(random));
  const epoch = random.chance(0.9) ? a.epoch : { number: a.epoch.number + random.pick([-1, 1, 2, 2 ** 21]), founder: 'evil' };
  if ('epoch' in told && epoch.number >= 0) {
    if ('update' in told) return { ...told, epoch, update };
    return { ...told, epoch, vector };
  }
  return told;
}
