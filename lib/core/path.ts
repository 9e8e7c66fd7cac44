/**
 * Paths: what a user writes, its path segments, and the canonical lodash spelling that is the key.
 *
 * Invariant: `parseKey(formatKey(segments))` equals `segments`, and no two lists of segments share a key.
 */
import toPath from 'lodash/toPath';
import { rangeError, typeError } from '../errors';
import { limits } from '../limits';

/** A lodash path (`bar.list[0]`), or an array of path segments that are taken as they are. */
export type Path = string | readonly (string | number)[];

const INDEX_MAX = 2 ** 32 - 2;
const SPECIAL = /[.[\]]/;
const DIGIT_0 = 48;
const DIGIT_9 = 57;
const DOT = 46;
const BRACKET_OPEN = 91;
const BRACKET_CLOSE = 93;

/** The array index that a path segment spells, or -1: `0`, `17`, but not `01`, `-1`, `1.5`. */
export function toIndex(segment: string): number {
  const { length } = segment;
  if (length === 0 || length > 10) return -1;
  if (segment.charCodeAt(0) === DIGIT_0) return length === 1 ? 0 : -1;
  let index = 0;
  for (let i = 0; i < length; i++) {
    const code = segment.charCodeAt(i);
    if (code < DIGIT_0 || code > DIGIT_9) return -1;
    index = index * 10 + (code - DIGIT_0);
  }
  return index <= INDEX_MAX ? index : -1;
}

/** The canonical lodash spelling of `segments`; the empty string is the root. */
export function formatKey(segments: readonly string[]): string {
  let key = '';
  for (const segment of segments) {
    if (toIndex(segment) >= 0) key += `[${segment}]`;
    else if (segment === '' || SPECIAL.test(segment)) key += `["${segment.replace(/[\\"]/g, '\\$&')}"]`;
    else key += key === '' ? segment : `.${segment}`;
  }
  return key;
}

/** The path segments of `key`, which must be canonical. */
export function splitKey(key: string): readonly string[] {
  if (key === '') return [];
  if (!key.includes('[')) return key.split('.');
  return key.includes('["') ? toPath(key) : splitUnquoted(key);
}

/** As lodash `toPath` for a canonical key without quoted segments, several times as fast. */
function splitUnquoted(key: string): string[] {
  const segments: string[] = [];
  let start = 0;
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i);
    if (code !== DOT && code !== BRACKET_OPEN && code !== BRACKET_CLOSE) continue;
    if (i > start) segments.push(key.slice(start, i));
    start = i + 1;
  }
  if (start < key.length) segments.push(key.slice(start));
  return segments;
}

/** The path segments of a canonical key, or null where `key` is not one. */
export function parseKey(key: string): readonly string[] | null {
  if (key.length > limits.pathLengthMax) return null;
  const segments = splitKey(key);
  if (segments.length > limits.pathDepthMax || segments.includes('__proto__')) return null;
  return formatKey(segments) === key && key.isWellFormed() ? segments : null;
}

/**
 * The path segments of what a user wrote.
 * Throws ERR_CLUSTER_CACHE_PATH where it is no path, names `__proto__` or is out of bounds.
 */
export function parsePath(path: Path): readonly string[] {
  const segments = typeof path === 'string' ? parseSpelling(path) : copySegments(path);
  if (segments.length > limits.pathDepthMax) {
    throw rangeError(
      'ERR_CLUSTER_CACHE_PATH',
      `A path has at most ${limits.pathDepthMax} segments; this one has ${segments.length}.`,
    );
  }
  for (const segment of segments) {
    if (segment === '__proto__') {
      throw rangeError('ERR_CLUSTER_CACHE_PATH', 'A path must not name "__proto__".');
    }
    if (!segment.isWellFormed()) {
      throw rangeError('ERR_CLUSTER_CACHE_PATH', 'A path must be well-formed Unicode: no lone surrogates.');
    }
  }
  if (formatKey(segments).length > limits.pathLengthMax) {
    throw rangeError(
      'ERR_CLUSTER_CACHE_PATH',
      `A path has at most ${limits.pathLengthMax} characters in its canonical spelling.`,
    );
  }
  return segments;
}

function parseSpelling(path: string): readonly string[] {
  if (path === '') {
    // lodash takes it for the root in one function and for a property in another: a mistake, most likely.
    throw rangeError('ERR_CLUSTER_CACHE_PATH', 'The path is empty. The whole cache is the path [].');
  }
  if (path.length > 8 * limits.pathLengthMax) {
    throw rangeError('ERR_CLUSTER_CACHE_PATH', `A path has at most ${limits.pathLengthMax} characters.`);
  }
  return SPECIAL.test(path) ? toPath(path) : [path];
}

function copySegments(path: unknown): readonly string[] {
  if (!Array.isArray(path)) {
    throw typeError('ERR_CLUSTER_CACHE_PATH', `A path is a string or an array of segments, not ${kindOf(path)}.`);
  }
  return Array.from(path as readonly unknown[], (segment) => {
    if (typeof segment === 'string') return segment;
    if (typeof segment === 'number' && Number.isFinite(segment)) return String(segment);
    throw typeError('ERR_CLUSTER_CACHE_PATH', `A path segment is a string or a number, not ${kindOf(segment)}.`);
  });
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value === 'number' ? String(value) : typeof value;
}
