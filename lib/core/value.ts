/**
 * Values: plain JSON, checked, copied and deeply frozen once, so that a read can hand them out as they are.
 */
import { rangeError, typeError } from '../errors';
import { limits } from '../limits';

/** What a cache can hold. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
/** A plain object whose own enumerable properties are JSON values. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}
/** A value that has properties of its own: an array or an object. */
export type JsonContainer = readonly JsonValue[] | JsonObject;

/** Whether `value` is an array or an object. */
export function isContainer(value: JsonValue | undefined): value is JsonContainer {
  return typeof value === 'object' && value !== null;
}

/** The own element or property of `value` that a path segment names, or undefined. */
export function ownProperty(value: JsonValue | undefined, segment: string): JsonValue | undefined {
  if (!isContainer(value)) return undefined;
  if (Array.isArray(value) && segment === 'length') return undefined;
  return Object.hasOwn(value, segment) ? (value as JsonObject)[segment] : undefined;
}

/** A value as it is stored, and roughly what it weighs as JSON. */
export interface StoredValue {
  readonly value: JsonValue;
  /** Bytes, estimated: at least a fifth and at most about twice what the value takes as JSON. */
  readonly bytes: number;
}

/**
 * Copies and freezes `input` as JSON would write it. `toJSON` is honoured, a property that is undefined is
 * left out; whatever else JSON would lose without a word throws ERR_CLUSTER_CACHE_VALUE, as do more than
 * `limits.valueDepthMax` levels, more than `bytesMax` bytes, and a lone surrogate.
 */
export function storeValue(input: unknown, bytesMax: number = limits.valueBytesMax): StoredValue {
  const walk = new Walk(bytesMax, true);
  const value = walk.value(input, '', 0);
  if (value === undefined) refuse('undefined is no value; use delete to remove one', '');
  return { value, bytes: walk.bytes };
}

/**
 * Freezes, in place, a value that came from a peer or from disk, and weighs it.
 * Null where it is not something `storeValue` could have made.
 */
export function adoptValue(input: unknown): StoredValue | null {
  const walk = new Walk(limits.valueBytesMax, false);
  try {
    const value = walk.value(input, '', 0);
    return value === undefined ? null : { value, bytes: walk.bytes };
  } catch {
    // The walk throws to explain itself to a caller; here there is nobody to explain to, the answer is "no".
    return null;
  }
}

/** One walk over one value; either copies what it finds, or freezes it where it stands. */
class Walk {
  bytes = 0;
  readonly #bytesMax: number;
  readonly #isCopying: boolean;
  readonly #ancestors: unknown[] = [];

  constructor(bytesMax: number, isCopying: boolean) {
    this.#bytesMax = bytesMax;
    this.#isCopying = isCopying;
  }

  value(input: unknown, at: string, depth: number, key = ''): JsonValue | undefined {
    switch (typeof input) {
      case 'string':
        if (!input.isWellFormed()) refuse('a string with a lone surrogate would not arrive as it is', at);
        this.#weigh(input.length + 2);
        return input;
      case 'number':
        if (!Number.isFinite(input)) refuse(`JSON has no ${String(input)}`, at);
        this.#weigh(8);
        return input === 0 ? 0 : input;
      case 'boolean':
        this.#weigh(4);
        return input;
      case 'undefined':
        return undefined;
      case 'object':
        if (input !== null) return this.#object(input, at, depth, key);
        this.#weigh(4);
        return null;
      default:
        return refuse(`JSON has no ${typeof input}`, at);
    }
  }

  #object(input: object, at: string, depth: number, key: string): JsonValue | undefined {
    if (this.#isCopying && 'toJSON' in input && typeof input.toJSON === 'function') {
      const replaced: unknown = Reflect.apply(input.toJSON, input, [key]);
      // Once only, as JSON.stringify does: what toJSON returns may have a toJSON again.
      return typeof replaced === 'object' && replaced !== null
        ? this.#container(replaced, at, depth)
        : this.value(replaced, at, depth);
    }
    return this.#container(input, at, depth);
  }

  #container(input: object, at: string, depth: number): JsonValue {
    if (depth >= limits.valueDepthMax) {
      if (this.#ancestors.includes(input)) refuse('it contains itself', at);
      throw rangeError('ERR_CLUSTER_CACHE_VALUE', `A value has at most ${limits.valueDepthMax} levels.`);
    }
    if (Object.getOwnPropertySymbols(input).length > 0) refuse('JSON would drop its symbol properties', at);
    this.#weigh(2);
    this.#ancestors.push(input);
    const result = Array.isArray(input) ? this.#array(input, at, depth) : this.#plain(input, at, depth);
    this.#ancestors.pop();
    return Object.freeze(result);
  }

  #array(input: readonly unknown[], at: string, depth: number): JsonValue[] {
    // Read once: a getter among the elements may change it.
    const { length } = input;
    if (Object.keys(input).length !== length) {
      refuse('an array with gaps or with properties would not arrive as it is', at);
    }
    const result = this.#isCopying ? new Array<JsonValue>(length) : (input as JsonValue[]);
    for (let i = 0; i < length; i++) {
      const element = this.value(input[i], `${at}.${i}`, depth + 1, String(i));
      if (element === undefined) refuse('JSON would turn undefined in an array into null', `${at}.${i}`);
      if (this.#isCopying) result[i] = element;
    }
    return result;
  }

  #plain(input: object, at: string, depth: number): JsonObject {
    const prototype: unknown = Object.getPrototypeOf(input);
    // The prototype of a plain object of any realm is null or has no prototype itself.
    if (prototype !== null && (!this.#isCopying || Object.getPrototypeOf(prototype) !== null)) {
      if (this.#isCopying || prototype !== Object.prototype) refuse(`${className(input)} is not a plain object`, at);
    }
    const source = input as Record<string, unknown>;
    const result: Record<string, JsonValue> = this.#isCopying ? {} : (source as Record<string, JsonValue>);
    for (const key of Object.keys(source)) {
      if (key === '__proto__') refuse('"__proto__" is no key', at);
      if (!key.isWellFormed()) refuse('a key with a lone surrogate would not arrive as it is', at);
      this.#weigh(key.length + 4);
      const property = this.value(source[key], at === '' ? key : `${at}.${key}`, depth + 1, key);
      if (this.#isCopying) {
        if (property !== undefined) result[key] = property;
      } else if (property === undefined) refuse('undefined', at);
    }
    return result;
  }

  #weigh(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > this.#bytesMax) {
      throw rangeError('ERR_CLUSTER_CACHE_VALUE', `A value has at most ${this.#bytesMax} bytes.`);
    }
  }
}

function className(input: object): string {
  const { constructor } = input as { readonly constructor?: unknown };
  return typeof constructor === 'function' && constructor.name !== '' ? `A ${constructor.name}` : 'This';
}

function refuse(reason: string, at: string): never {
  const place = at === '' ? '' : ` (at ${at.startsWith('.') ? at.slice(1) : at})`;
  throw typeError('ERR_CLUSTER_CACHE_VALUE', `The value cannot be stored${place}: ${reason}.`);
}
