/**
 * Messages between two replicas of one cache, and their bytes. `docs/protocol.md` is the grammar.
 */
import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { EPOCH_NUMBER_MAX, type Epoch } from './epoch';
import { CacheError } from '../errors';
import { limits } from '../limits';
import { readVarUint } from '../varuint';

/** "This is what I have; send me what I lack." Answered by `sync`, or by `none`. */
export interface StateMessage {
  readonly type: 'state';
  readonly epoch: Epoch;
  /** The sender, as it names its segment maps. */
  readonly replicaId: string;
  /** Yjs state vector. */
  readonly vector: Uint8Array;
  /** Comes back with the answer; counts up per link and cache. */
  readonly token: number;
  /** The receiver shall send its own state too: the sender starts anew with it. */
  readonly isMirrored: boolean;
  /** The receiver need not answer: the sender will ask again once others have answered it. */
  readonly isDeferred: boolean;
  /** The sender may keep the file copy. */
  readonly isPersistent: boolean;
}

/** "This is what you lack." From here on the sender streams its updates. */
export interface SyncMessage {
  readonly type: 'sync';
  readonly epoch: Epoch;
  readonly token: number;
  /** Whether that is all; if not, the rest comes as updates, and then `complete`. */
  readonly isComplete: boolean;
  /** Whether the sender knows all that was confirmed to be on disk before; not so while it starts. */
  readonly isInformed: boolean;
  readonly update: Uint8Array;
}

/** "Now you have all that I had when you sent the state of this token." */
export interface CompleteMessage {
  readonly type: 'complete';
  readonly token: number;
}

/** "I have no such cache." */
export interface NoneMessage {
  readonly type: 'none';
  readonly token: number;
}

/** One commit of the sender. */
export interface UpdateMessage {
  readonly type: 'update';
  readonly epoch: Epoch;
  readonly update: Uint8Array;
}

/** "This is what I have", now and then, so that what was missed comes to light. */
export interface CompareMessage {
  readonly type: 'compare';
  readonly epoch: Epoch;
  readonly vector: Uint8Array;
  /** Entries of the sender's document: removals do not show in its vector. */
  readonly entries: number;
}

/** "Tell me when you have taken in all that I sent", and where `isDurable`, "and have put it on disk". */
export interface FlushMessage {
  readonly type: 'flush';
  readonly token: number;
  readonly isDurable: boolean;
  /** Yjs state vector of what the receiver must have, whoever sends it, for its answer; empty for what the sender has sent alone. */
  readonly vector: Uint8Array;
}

/** The answer to `flush`; `problem` is empty, or says why it is not on disk. */
export interface FlushedMessage {
  readonly type: 'flushed';
  readonly token: number;
  readonly problem: string;
}

/** Instead of `flushed`: "I am not the one to ask what is on disk, or not any more". */
export interface DeclinedMessage {
  readonly type: 'declined';
  readonly token: number;
}

/** "I have closed this cache." */
export interface LeaveMessage {
  readonly type: 'leave';
}

export type Message =
  | StateMessage
  | SyncMessage
  | CompleteMessage
  | NoneMessage
  | UpdateMessage
  | CompareMessage
  | FlushMessage
  | FlushedMessage
  | DeclinedMessage
  | LeaveMessage;

/** A message and the name of the cache that it is about. */
export interface Envelope {
  readonly cache: string;
  readonly message: Message;
}

/** The updates among `messages` that follow each other from `index` on. */
export function updatesFrom(messages: readonly Message[], index: number): UpdateMessage[] {
  const updates: UpdateMessage[] = [];
  for (let i = index; messages[i]?.type === 'update'; i++) updates.push(messages[i] as UpdateMessage);
  return updates;
}

const tags = { state: 1, sync: 2, none: 3, update: 4, compare: 5, flush: 6, flushed: 7, leave: 8, complete: 9, declined: 10 } as const;
const REPLICA_ID_LENGTH_MAX = 32;
const PROBLEM_LENGTH_MAX = 1000;

export function encodeEnvelope({ cache, message }: Envelope): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarString(encoder, cache);
  encoding.writeUint8(encoder, tags[message.type]);
  switch (message.type) {
    case 'state':
      writeEpoch(encoder, message.epoch);
      encoding.writeVarString(encoder, message.replicaId);
      encoding.writeVarUint(encoder, message.token);
      encoding.writeUint8(encoder, (message.isMirrored ? 1 : 0) | (message.isPersistent ? 2 : 0) | (message.isDeferred ? 4 : 0));
      encoding.writeVarUint8Array(encoder, message.vector);
      break;
    case 'sync':
      writeEpoch(encoder, message.epoch);
      encoding.writeVarUint(encoder, message.token);
      encoding.writeUint8(encoder, (message.isComplete ? 1 : 0) | (message.isInformed ? 2 : 0));
      encoding.writeVarUint8Array(encoder, message.update);
      break;
    case 'update':
      writeEpoch(encoder, message.epoch);
      encoding.writeVarUint8Array(encoder, message.update);
      break;
    case 'compare':
      writeEpoch(encoder, message.epoch);
      encoding.writeVarUint8Array(encoder, message.vector);
      encoding.writeVarUint(encoder, message.entries);
      break;
    case 'none':
    case 'complete':
    case 'declined':
      encoding.writeVarUint(encoder, message.token);
      break;
    case 'flush':
      encoding.writeVarUint(encoder, message.token);
      encoding.writeUint8(encoder, message.isDurable ? 1 : 0);
      encoding.writeVarUint8Array(encoder, message.vector);
      break;
    case 'flushed':
      encoding.writeVarUint(encoder, message.token);
      encoding.writeVarString(encoder, message.problem.slice(0, PROBLEM_LENGTH_MAX));
      break;
    case 'leave':
      break;
  }
  return encoding.toUint8Array(encoder);
}

/** Throws ERR_CLUSTER_CACHE_PROTOCOL where `bytes` are no envelope. Byte arrays are views into `bytes`. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  try {
    const decoder = decoding.createDecoder(bytes);
    const cache = decoding.readVarString(decoder);
    if (cache === '' || cache.length > limits.nameBytesMax) throw new RangeError('name of the cache');
    const message = readMessage(decoder);
    if (decoding.hasContent(decoder)) throw new RangeError('trailing bytes');
    return { cache, message };
  } catch (cause) {
    throw new CacheError('ERR_CLUSTER_CACHE_PROTOCOL', 'A peer sent a message that cannot be read.', { cause });
  }
}

function readMessage(decoder: decoding.Decoder): Message {
  const tag = decoding.readUint8(decoder);
  switch (tag) {
    case tags.state: {
      const epoch = readEpoch(decoder);
      const replicaId = decoding.readVarString(decoder);
      if (replicaId.length > REPLICA_ID_LENGTH_MAX) throw new RangeError('replica id');
      const token = readVarUint(decoder);
      const flags = decoding.readUint8(decoder);
      const vector = decoding.readVarUint8Array(decoder);
      const [isMirrored, isPersistent, isDeferred] = [(flags & 1) !== 0, (flags & 2) !== 0, (flags & 4) !== 0];
      return { type: 'state', epoch, replicaId, token, isMirrored, isDeferred, isPersistent, vector };
    }
    case tags.sync: {
      const epoch = readEpoch(decoder);
      const token = readVarUint(decoder);
      const flags = decoding.readUint8(decoder);
      const update = decoding.readVarUint8Array(decoder);
      return { type: 'sync', epoch, token, isComplete: (flags & 1) !== 0, isInformed: (flags & 2) !== 0, update };
    }
    case tags.update:
      return { type: 'update', epoch: readEpoch(decoder), update: decoding.readVarUint8Array(decoder) };
    case tags.compare: {
      const epoch = readEpoch(decoder);
      const vector = decoding.readVarUint8Array(decoder);
      return { type: 'compare', epoch, vector, entries: readVarUint(decoder) };
    }
    case tags.none:
      return { type: 'none', token: readVarUint(decoder) };
    case tags.complete:
      return { type: 'complete', token: readVarUint(decoder) };
    case tags.flush: {
      const token = readVarUint(decoder);
      const isDurable = decoding.readUint8(decoder) === 1;
      return { type: 'flush', token, isDurable, vector: decoding.readVarUint8Array(decoder) };
    }
    case tags.flushed: {
      const token = readVarUint(decoder);
      return { type: 'flushed', token, problem: decoding.readVarString(decoder) };
    }
    case tags.declined:
      return { type: 'declined', token: readVarUint(decoder) };
    case tags.leave:
      return { type: 'leave' };
    default:
      throw new RangeError(`type ${tag}`);
  }
}

function writeEpoch(encoder: encoding.Encoder, epoch: Epoch): void {
  encoding.writeVarUint(encoder, epoch.number);
  encoding.writeVarString(encoder, epoch.founder);
}

function readEpoch(decoder: decoding.Decoder): Epoch {
  const number = readVarUint(decoder);
  const founder = decoding.readVarString(decoder);
  if (number > EPOCH_NUMBER_MAX || founder.length > REPLICA_ID_LENGTH_MAX) throw new RangeError('epoch');
  return { number, founder };
}
