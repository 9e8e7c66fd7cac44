/**
 * The session: what one replica and one peer owe each other about one cache. Pure; messages in, messages out.
 *
 * Invariant: an update goes to the peer only after the peer's state was answered, in the same epoch, and
 * nothing that was to follow it on this link has been dropped.
 */
import { Answering } from './answering';
import { Asking } from './asking';
import { Comparison } from './comparison';
import { compareEpochs, isFarAhead } from './epoch';
import { flushedMessage, Flushes, type FlushOutcome } from './flushes';
import { updatesFrom, type CompareMessage, type FlushMessage, type Message, type StateMessage, type SyncMessage, type UpdateMessage } from './message';
import type { Replica } from './replica';
import type { SessionPort } from './session-port';
import { Soundness } from './soundness';
import { CacheError } from '../errors';

export class Session {
  readonly #replica: Replica;
  readonly #port: SessionPort;
  readonly #isPersistent: boolean;
  /** The peer has the cache open. */
  #isPresent = false;
  #peerIsPersistent = false;
  #peerReplicaId = '';
  /** The peer's last state was answered, and nothing was dropped since. */
  #isStreaming = false;
  readonly #asking: Asking;
  #isWaiting = false; // for its turn to ask
  /** The peer's last state. */
  readonly #answering: Answering;
  /** Tokens of the peer's states that were answered while something was still to be written. */
  #incomplete: number[] = [];
  readonly #soundness = new Soundness();
  /** Of the state that the peer has answered last, knowing what is on disk. */
  #informedToken = -1;
  readonly #flushes: Flushes;
  readonly #comparison: Comparison;

  constructor(replica: Replica, port: SessionPort, { isPersistent, tokenBase }: { readonly isPersistent: boolean; readonly tokenBase: number }) {
    this.#replica = replica;
    this.#asking = new Asking(tokenBase);
    this.#comparison = new Comparison(replica);
    this.#flushes = new Flushes(replica);
    this.#answering = new Answering(replica, port);
    this.#port = port;
    this.#isPersistent = isPersistent;
  }

  /** Whether the peer has the cache open. */
  get isPresent(): boolean {
    return this.#isPresent;
  }

  /** Whether the peer has the cache open and may keep its file copy. */
  get isPersistent(): boolean {
    return this.#isPresent && this.#peerIsPersistent;
  }

  /** The replica of a peer that has the cache open, as it names its segment maps; else the empty string. */
  get peerReplicaId(): string {
    return this.#isPresent ? this.#peerReplicaId : '';
  }

  /** Says that the cache is open here, and asks for what the peer has when it is its turn. */
  begin(): void {
    this.#sendState({ isMirrored: false, isDeferred: !this.#port.takesTurn() });
  }

  /** Begins anew: after messages were dropped, once there is room; or in a new epoch, where each has its own to tell. */
  restart(isNewEpoch = false): void {
    this.#isStreaming = false;
    this.#answering.abandon();
    this.#sendState({ isMirrored: true, isDeferred: !isNewEpoch && !this.#port.takesTurn() });
  }

  /** Asks the peer for what it has; `onAnswer` hears of the token that is returned. */
  ask(): number {
    return this.#sendState({ isMirrored: false, isDeferred: false });
  }

  /** How far the states that were sent are answered. */
  get asking(): Pick<Asking, 'last' | 'isOpen' | 'isCatchingUp'> {
    return this.#asking;
  }

  /** Whether all has come that the peer had to write into this epoch. */
  get hasHeardAll(): boolean {
    return this.#asking.hasHeardAll(this.#replica.epoch);
  }

  /** A commit of this replica. */
  push(update: Uint8Array): void {
    if (!this.#isStreaming) return;
    this.#isStreaming = this.#port.send({ type: 'update', epoch: this.#replica.epoch, update });
  }

  /** All that this replica has is written and pushed. */
  complete(): void {
    const tokens = this.#incomplete.splice(0);
    if (!this.#isStreaming) return;
    for (const token of tokens) this.#isStreaming &&= this.#port.send({ type: 'complete', token });
    this.#sendFlushes();
  }

  /** Lets the peer find out whether it has missed something. */
  compare(): void {
    if (!this.#isStreaming) return;
    const { epoch, entryCount: entries } = this.#replica;
    this.#isStreaming = this.#port.send({ type: 'compare', epoch, vector: this.#replica.stateVector(), entries });
  }

  /** Learns when the peer has merged all that was pushed before, if `isDurable` on disk; 'gone' if it has the cache closed. */
  flush(isDurable: boolean, onOutcome: (outcome: FlushOutcome) => void): void {
    if (!this.#isPresent && !this.#asking.isOpen) {
      onOutcome({ kind: 'gone' });
      return;
    }
    this.#flushes.add(isDurable, onOutcome);
    this.#sendFlushes();
  }

  /** This replica closes the cache; the session is over. */
  leave(): void {
    this.#port.send({ type: 'leave' });
    this.end();
  }

  /** The link is gone, or the cache closed: nothing more will come. */
  end(): void {
    this.#setPresence(false, false);
    this.#receiveAnswer(this.#asking.last);
  }

  /** Takes in messages that arrived together. Throws at what no peer in its senses sends: the link must end then. */
  receive(messages: readonly Message[]): void {
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!;
      switch (message.type) {
        case 'update': {
          const updates = updatesFrom(messages, i);
          i += updates.length - 1;
          this.#receiveUpdates(updates);
          break;
        }
        case 'state':
          this.#receiveState(message);
          break;
        case 'sync':
          this.#receiveSync(message);
          break;
        case 'compare':
          this.#receiveCompare(message);
          break;
        case 'none':
          this.#setPresence(false, false);
          this.#receiveAnswer(message.token);
          break;
        case 'complete':
          this.#asking.hearRest(message.token);
          this.#receiveAnswer(message.token, true);
          break;
        case 'leave':
          this.end();
          break;
        case 'flush':
          this.#receiveFlush(message);
          break;
        case 'flushed':
        case 'declined':
          this.#flushes.settle(message);
          break;
      }
    }
  }

  /** The peer has what this replica lacks. */
  #askUnlessComing(): void {
    if (!this.#asking.isCatchingUp && !this.#isWaiting) this.#askInTurn();
  }

  /** The peer may have what this replica lacks. */
  #askInTurn(): void {
    if (this.#port.takesTurn()) this.ask();
    else this.#isWaiting = true;
  }

  #sendState({ isMirrored, isDeferred }: Pick<StateMessage, 'isMirrored' | 'isDeferred'>): number {
    const token = this.#asking.next();
    this.#isWaiting = isDeferred;
    const isSent = this.#port.send({
      type: 'state',
      epoch: this.#replica.epoch,
      replicaId: this.#replica.id,
      vector: this.#replica.stateVector(),
      token,
      isMirrored,
      isDeferred,
      isPersistent: this.#isPersistent,
    });
    // Others need not wait for what was not even asked.
    if (!isSent) this.#port.onCaughtUp();
    return token;
  }

  #receiveState(message: StateMessage): void {
    if (isFarAhead(message.epoch, this.#replica.epoch)) {
      throw new CacheError('ERR_CLUSTER_CACHE_UPDATE', `A peer claims to be in epoch ${message.epoch.number}, which cannot be.`);
    }
    // It has closed the cache and opened it again, and lacks everything; its word of that was dropped.
    if (this.#isPresent && message.replicaId !== this.#peerReplicaId) this.#setPresence(false, false);
    const wasPresent = this.#isPresent;
    this.#peerReplicaId = message.replicaId;
    this.#setPresence(true, message.isPersistent);
    if (this.#replica.enterEpoch(message.epoch)) {
      // This state will be answered with those of all peers, once they have heard of the epoch as well.
      this.#port.onEpoch();
    }
    if (compareEpochs(message.epoch, this.#replica.epoch) !== 0) {
      // The peer is behind: it enters our epoch when it hears of it, and asks again.
      this.restart(true);
      return;
    }
    if (this.#replica.isForgedIn(message.vector)) {
      this.#escape();
      return;
    }
    if (!message.isDeferred) {
      this.#isStreaming = false;
      this.#answering.begin(message.vector, message.token);
      this.goOn();
    }
    // Who starts anew may have dropped the answer to a state of ours, so ask in any case. Who appears may have
    // what we lack, but a state that is under way to it will bring that.
    if (message.isMirrored || (!wasPresent && !this.#asking.isOpen)) this.#askInTurn();
  }

  /** Sends the next slices of an answer, or the rest of it, from where on updates may follow. */
  goOn(): void {
    const end = this.#answering.goOn();
    if (end !== null) this.#finish(end.token, end.update);
  }

  #finish(token: number, update: Uint8Array): void {
    const isComplete = !this.#replica.hasUnwritten;
    if (!isComplete) this.#incomplete.push(token);
    const isInformed = this.#port.isInformed();
    this.#isStreaming = this.#port.send({ type: 'sync', epoch: this.#replica.epoch, token, isComplete, isInformed, update });
    // Flushes that waited for this moment, and those that may have been dropped before it.
    this.#flushes.resend();
    this.#sendFlushes();
    if (this.#isStreaming) this.#soundness.tell(() => this.ask());
  }

  #receiveSync(message: SyncMessage): void {
    if (compareEpochs(message.epoch, this.#replica.epoch) !== 0) {
      this.#soundness.passOver();
      return;
    }
    this.#soundness.hear(message.token);
    // What it does not bring, such as removals of what nobody here has heard of, a comparison brings to light.
    const hasGap = this.#take([message.update]);
    if (!hasGap) this.#asking.hear(message.epoch, message.token, message.isComplete);
    if (!hasGap && message.isInformed) this.#informedToken = message.token;
    if (message.isComplete) this.#receiveAnswer(message.token, true);
    else if (this.#asking.catchUp(message.token)) this.#port.onCaughtUp();
  }

  #receiveUpdates(messages: readonly UpdateMessage[]): void {
    const updates = messages.filter((message) => compareEpochs(message.epoch, this.#replica.epoch) === 0);
    const isLate = messages.some((message) => compareEpochs(message.epoch, this.#replica.epoch) > 0);
    const hasGap = this.#take(updates.map(({ update }) => update));
    if (hasGap || updates.length < messages.length) this.#soundness.passOver();
    // Something went missing, which the rules of this protocol exclude: do not guess, ask.
    if (hasGap || isLate) this.#askUnlessComing();
  }

  /** Takes updates in, and has who sent what is dead here ask what is gone, to write it again; whether there was a gap. */
  #take(updates: readonly Uint8Array[]): boolean {
    const hasGap = this.#replica.receive(updates) === 'gap';
    if (this.#replica.takeDead()) this.#bury();
    return hasGap;
  }

  #bury(): void {
    if (this.#soundness.bury(this.#replica.deadCount)) this.restart();
  }

  #receiveCompare(message: CompareMessage): void {
    if (this.#asking.isOpen || this.#isWaiting || compareEpochs(message.epoch, this.#replica.epoch) !== 0) return;
    const finding = this.#comparison.look(message);
    if (finding === 'loss') this.#askInTurn();
    if (finding === 'lie') this.#escape();
  }

  #receiveFlush({ token, isDurable, vector }: FlushMessage): void {
    if (vector.length > 0 && this.#replica.isForgedIn(vector)) {
      this.#escape();
      return;
    }
    if (this.#soundness.isBehind(this.#replica.deadCount)) this.#bury();
    if (vector.length > 0 && this.#replica.lacks(vector).size > 0) {
      // It may be on its way from somebody else; but the peer has it.
      this.#soundness.passOver();
      this.#askUnlessComing();
    }
    if (!this.#soundness.isSound) return;
    this.#port.onFlush(isDurable, (answer) => void this.#port.send(flushedMessage(token, answer)));
  }

  // Told something in another's name, somebody may pass over what that one writes. In a new epoch all go by new names,
  // and whatever is in anybody's tree is written again.
  #escape(): void {
    this.#replica.beginEpoch();
    this.#port.onEpoch();
  }

  #sendFlushes(): void {
    // What waits to be written would come after them.
    if (!this.#isStreaming || this.#replica.hasUnwritten) return;
    this.#flushes.send((message) => (this.#isStreaming = this.#port.send(message)));
  }

  #receiveAnswer(token: number, isAll = false): void {
    if (isAll && token === this.#informedToken) this.#port.onInformed(token);
    const isCaughtUp = this.#asking.catchUp(token);
    if (this.#asking.answer(token)) this.#port.onAnswer(token);
    if (isCaughtUp) this.#port.onCaughtUp();
  }

  #setPresence(isPresent: boolean, isPersistent: boolean): void {
    const hasChanged = this.#isPresent !== isPresent || this.#peerIsPersistent !== isPersistent;
    this.#isPresent = isPresent;
    this.#peerIsPersistent = isPersistent;
    if (!isPresent) {
      this.#isStreaming = false;
      this.#answering.abandon();
      this.#incomplete = [];
      this.#asking.forget();
      this.#flushes.abandon();
    }
    if (hasChanged) this.#port.onPresence();
  }
}
