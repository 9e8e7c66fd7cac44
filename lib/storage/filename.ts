/**
 * The file name of a cache: a portable file name stays as it is, everything else is escaped.
 *
 * Two names never share a file, but for one exception: where the file system ignores case (macOS,
 * Windows), names that differ only in the case of ASCII letters do.
 */
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';

import { limits } from '../limits';

const SAFE = /^[A-Za-z0-9_ .-]$/;

/** Windows takes these for devices, whatever follows the first dot. */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9]) *(?:\.|$)/i;

/** The only `%` that no two digits follow, so it is the name of nothing else. */
const EMPTY = '%';

/** Stands between prefix and hash; it is escaped in every other name. */
const SHORTENED = '~';

const HASH_LENGTH = 64;

/**
 * The name of a cache as a portable file name without extension.
 *
 * Escapes are `%` and two capital hexadecimal digits for each byte. A name that is too long becomes
 * a readable prefix, `~` and the SHA-256 of all of it. At most `limits.filenameBytesMax` ASCII characters.
 */
export function encodeFilename(name: string): string {
  if (name === '') return EMPTY;
  const characters = Array.from(name);
  const last = characters.length - 1;
  const isDevice = DEVICE.test(name);
  const encoded = characters
    .map((character, index) => {
      const isBadStart = index === 0 && (isDevice || character === '.');
      const isBadEnd = index === last && (character === '.' || character === ' ');
      return SAFE.test(character) && !isBadStart && !isBadEnd ? character : escape(character);
    })
    .join('');
  return encoded.length <= limits.filenameBytesMax ? encoded : shorten(encoded);
}

/** The absolute path of the snapshot of the cache `name` in `directory`. */
export function snapshotFilename(directory: string, name: string): string {
  return join(resolve(directory), `${encodeFilename(name)}.db`);
}

function escape(character: string): string {
  return [...bytesOf(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

function bytesOf(character: string): Uint8Array {
  const codePoint = character.codePointAt(0) ?? 0;
  if (codePoint < 0xd800 || codePoint > 0xdfff) return Buffer.from(character, 'utf8');
  // UTF-8 proper would turn every lone surrogate into the same replacement character.
  return Uint8Array.of(0xe0 | (codePoint >> 12), 0x80 | ((codePoint >> 6) & 0x3f), 0x80 | (codePoint & 0x3f));
}

function shorten(encoded: string): string {
  const hash = createHash('sha256').update(encoded, 'ascii').digest('hex');
  const prefix = encoded.slice(0, limits.filenameBytesMax - HASH_LENGTH - SHORTENED.length);
  return prefix.replace(/%[0-9A-F]?$/, '') + SHORTENED + hash;
}
