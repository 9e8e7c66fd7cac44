/**
 * The bytes of a log: the updates since a snapshot, appended as they come, made and read as `records.ts` says.
 *
 * What a crash has cut off at its end is no damage: it was never said to be there.
 */
import { FileEncoder, HEADER_LENGTH, parseFile } from './records';
import type { FileFault, FileHeader, StoredUpdate } from './records';

const MAGIC = 'CLCLOG1\n';

/** What can be read of a log. */
export interface ParsedLog {
  /** Null where not even the header was written. */
  readonly header: FileHeader | null;
  /** In the order in which they were appended, up to the fault if there is one. */
  readonly updates: readonly StoredUpdate[];
  readonly fault: FileFault | null;
}

/** Makes the bytes of a new log. */
export function beginLog(header: FileHeader): FileEncoder {
  return new FileEncoder(MAGIC, header);
}

export function parseLog(bytes: Uint8Array): ParsedLog {
  const parsed = parseFile(bytes, MAGIC);
  if (typeof parsed === 'string') {
    const isUnwritten = parsed === 'truncated' || (bytes.length <= HEADER_LENGTH && bytes.every((byte) => byte === 0));
    return { header: null, updates: [], fault: isUnwritten ? null : parsed };
  }
  const { generation, base, updates, end } = parsed;
  const fault = end === 'open' || end === 'torn' ? null : end === 'closed' ? 'trailing' : end;
  return { header: { generation, base }, updates, fault };
}
