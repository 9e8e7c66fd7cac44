/**
 * What two peers tell each other about themselves: the hello that begins every link, and their
 * seniority, which may change later. Pure, bytes in and bytes out.
 *
 *     hello     = version (varUint), id (varString), seniority, pid (varUint), threadId (varUint)
 *     seniority = rank (varUint), startedAt (float64)
 */

import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { CacheError } from '../errors';
import { readVarUint } from '../varuint';

/** The version of everything that travels on a link. Version and id come first in every version. */
export const protocolVersion = 1;

export interface Seniority {
  /** 0 if `manager-process` named this process, 1 if not; the lower is the more senior. */
  readonly rank: number;
  /** When the process started, in milliseconds since 1970; the earlier is the more senior. */
  readonly startedAt: number;
}

export interface Candidate {
  readonly id: string;
  readonly seniority: Seniority;
}

export interface Hello extends Candidate {
  /** Process and thread, for people only: containers may share the numbers. */
  readonly pid: number;
  readonly threadId: number;
}

const peerIdPattern = /^[0-9a-z]{1,32}$/;
const rankMax = 255;

/** Whether `id` can name a peer: lower case only, as some file systems take both cases for one. */
export function isPeerId(id: string): boolean {
  return peerIdPattern.test(id);
}

/** Negative if `a` is the more senior. The same on every peer, and never 0 for two different ids. */
export function compareSeniority(a: Candidate, b: Candidate): number {
  return (
    a.seniority.rank - b.seniority.rank ||
    a.seniority.startedAt - b.seniority.startedAt ||
    (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
  );
}

export function encodeHello(hello: Hello): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, protocolVersion);
  encoding.writeVarString(encoder, hello.id);
  writeSeniority(encoder, hello.seniority);
  encoding.writeVarUint(encoder, hello.pid);
  encoding.writeVarUint(encoder, hello.threadId);
  return encoding.toUint8Array(encoder);
}

/** Throws `ERR_CLUSTER_CACHE_PROTOCOL` for another version and `ERR_CLUSTER_CACHE_FRAME` for nonsense. */
export function decodeHello(bytes: Uint8Array): Hello {
  return decode(bytes, 'hello', (decoder) => {
    const version = readVarUint(decoder);
    const id = decoding.readVarString(decoder);
    if (!isPeerId(id)) throw malformed('hello');
    if (version !== protocolVersion) {
      throw new CacheError(
        'ERR_CLUSTER_CACHE_PROTOCOL',
        `Peer ${id} speaks version ${version} of the protocol, this process version ${protocolVersion}: ` +
          'run the same version of cluster-cache in all processes',
      );
    }
    const seniority = readSeniority(decoder);
    return { id, seniority, pid: readVarUint(decoder), threadId: readVarUint(decoder) };
  });
}

export function encodeSeniority(seniority: Seniority): Uint8Array {
  const encoder = encoding.createEncoder();
  writeSeniority(encoder, seniority);
  return encoding.toUint8Array(encoder);
}

/** Throws `ERR_CLUSTER_CACHE_FRAME`. */
export function decodeSeniority(bytes: Uint8Array): Seniority {
  return decode(bytes, 'seniority', readSeniority);
}

function writeSeniority(encoder: encoding.Encoder, seniority: Seniority): void {
  encoding.writeVarUint(encoder, seniority.rank);
  encoding.writeFloat64(encoder, seniority.startedAt);
}

function readSeniority(decoder: decoding.Decoder): Seniority {
  const rank = readVarUint(decoder);
  const startedAt = decoding.readFloat64(decoder);
  // NaN would make the order of peers differ from peer to peer.
  if (rank > rankMax || !(startedAt >= 0 && startedAt < Infinity)) throw malformed('seniority');
  return { rank, startedAt };
}

function decode<T>(bytes: Uint8Array, what: string, read: (decoder: decoding.Decoder) => T): T {
  const decoder = decoding.createDecoder(bytes);
  let result: T;
  try {
    result = read(decoder);
  } catch (cause) {
    throw cause instanceof CacheError ? cause : malformed(what, cause);
  }
  if (decoding.hasContent(decoder)) throw malformed(what);
  return result;
}

function malformed(what: string, cause?: unknown): CacheError {
  return new CacheError('ERR_CLUSTER_CACHE_FRAME', `A peer sent a malformed ${what}`, { cause });
}
