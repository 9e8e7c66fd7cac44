/** Values: what is stored is what JSON makes of it, frozen and nobody else's; what JSON would lose is refused. */
import fc from 'fast-check';
import * as vm from 'node:vm';
import { ownProperty, storeValue, type JsonValue } from '../../lib/core/value';
import { limits } from '../../lib/limits';

const valueError = expect.objectContaining({ code: 'ERR_CLUSTER_CACHE_VALUE' });
const refused = (input: unknown): void => expect(() => storeValue(input)).toThrow(valueError);
const store = (input: unknown): JsonValue => storeValue(input).value;
const asJson = (input: unknown): unknown => JSON.parse(JSON.stringify(input)) as unknown;

const key = fc.string({ unit: 'binary', maxLength: 5 }).filter((name) => name !== '__proto__');
const leaf = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.constantFrom(null, true, false, 0, -0, ''),
);
const { json, input: rich } = fc.letrec((tie) => ({
  json: fc.oneof(
    { maxDepth: 5 },
    leaf,
    fc.array(tie('json'), { maxLength: 5 }),
    fc.dictionary(key, tie('json'), { maxKeys: 5 }),
  ),
  input: fc.oneof(
    { maxDepth: 5 },
    leaf,
    fc.date(),
    tie('json').map((value) => ({ toJSON: () => value })),
    fc.array(tie('input'), { maxLength: 5 }),
    fc.dictionary(key, fc.oneof({ weight: 5, arbitrary: tie('input') }, { weight: 1, arbitrary: fc.constant(undefined) }), {
      maxKeys: 5,
    }),
  ),
}));

function expectFrozen(value: unknown): void {
  expect(Object.isFrozen(value)).toBe(true);
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(expectFrozen);
}

function expectApart(a: unknown, b: unknown): void {
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return;
  expect(a).not.toBe(b);
  for (const name of Object.keys(a)) expectApart((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]);
}

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

describe('a stored value', () => {
  test('is what JSON makes of it', () => {
    fc.assert(fc.property(rich, (input) => expect(store(input)).toStrictEqual(asJson(input))), { numRuns: 2000 });
  });

  test('has its properties in the order of JSON', () => {
    fc.assert(fc.property(rich, (input) => expect(JSON.stringify(store(input))).toBe(JSON.stringify(input))));
  });

  test('is deeply frozen, shares nothing with the input and leaves that as it was', () => {
    fc.assert(
      fc.property(json, (input) => {
        const before = JSON.stringify(input);
        const stored = store(input);
        expectFrozen(stored);
        expectApart(stored, input);
        expect(JSON.stringify(input)).toBe(before);
        if (typeof input === 'object' && input !== null) expect(Object.isFrozen(input)).toBe(false);
      }),
    );
  });

  test('weighs at least a sixth and at most eight times what it takes as JSON', () => {
    fc.assert(
      fc.property(json, (input) => {
        const bytes = Buffer.byteLength(JSON.stringify(input));
        expect(storeValue(input).bytes).toBeGreaterThanOrEqual(bytes / 6);
        expect(storeValue(input).bytes).toBeLessThanOrEqual(8 * bytes);
      }),
      { numRuns: 1000 },
    );
  });

  test('drops properties that are undefined, and turns -0 into 0', () => {
    expect(store({ a: undefined, b: -0, c: [-0] })).toStrictEqual({ b: 0, c: [0] });
    expect(store(-0)).toBe(0);
  });

  test('of a shared object has it twice', () => {
    const shared = { n: 1 };
    expect(store([shared, shared, { shared }])).toStrictEqual([{ n: 1 }, { n: 1 }, { shared: { n: 1 } }]);
  });

  test('may come from another realm or have no prototype', () => {
    expect(store(vm.runInNewContext('({ list: [1, { a: null }] })'))).toStrictEqual({ list: [1, { a: null }] });
    expect(store(Object.assign(Object.create(null) as object, { a: 1 }))).toStrictEqual({ a: 1 });
  });

  test('keeps names of Object.prototype as keys like all others', () => {
    const input = { hasOwnProperty: 1, constructor: 2, toString: 3, valueOf: 4 };
    expect(store(input)).toStrictEqual(input);
  });

  test('has at most 64 levels', () => {
    expect(asJson(store(nested(64)))).toEqual(nested(64));
    refused(nested(65));
  });

  test('has at most the given bytes', () => {
    expect(storeValue('a'.repeat(98), 100).bytes).toBe(100);
    for (const input of ['a'.repeat(99), ['a'.repeat(97)], { ['k'.repeat(60)]: 'a'.repeat(40) }, Array(200).fill(0)]) {
      expect(() => storeValue(input, 100)).toThrow(valueError);
      expect(() => storeValue(input, 100)).toThrow(RangeError);
    }
    refused('a'.repeat(limits.valueBytesMax));
  });

  test('that shares its parts over and over is refused before it fills the memory', () => {
    let bomb: unknown = 'boom';
    for (let level = 0; level < 60; level++) bomb = [bomb, bomb];
    refused(bomb);
  });
});

describe('toJSON', () => {
  const keys = (input: (spy: { toJSON: (key: unknown) => unknown }) => unknown): { ours: unknown[]; theirs: unknown[] } => {
    const collect = (walk: (value: unknown) => unknown): unknown[] => {
      const seen: unknown[] = [];
      walk(input({ toJSON: (name) => seen.push(name) }));
      return seen;
    };
    return { ours: collect(store), theirs: collect((value) => JSON.stringify(value)) };
  };

  test('is called once, with the key, as JSON.stringify does', () => {
    for (const make of [
      (spy: unknown) => spy,
      (spy: unknown) => ({ a: spy, list: [1, spy, [spy]], '': { '': spy } }),
    ]) {
      const { ours, theirs } = keys(make);
      expect(ours).toEqual(theirs);
    }
  });

  test('is called with the whole key, also where that contains dots', () => {
    const { ours, theirs } = keys((spy) => ({ 'a.b': spy, c: { 'd.e': spy } }));
    expect(ours).toEqual(theirs);
  });

  test('of what toJSON returned is not called again', () => {
    const twice = { toJSON: () => ({ toJSON: () => 1, a: 1 }) };
    refused(twice);
    expect(store({ toJSON: () => ({ a: { toJSON: () => 'inner' } }) })).toEqual({ a: 'inner' });
  });

  test('that is no function is a property', () => expect(store({ toJSON: 5 })).toEqual({ toJSON: 5 }));

  test('that returns undefined drops a property, and is no value by itself or in an array', () => {
    const nothing = { toJSON: () => undefined };
    expect(store({ a: nothing, b: 1 })).toEqual({ b: 1 });
    refused(nothing);
    refused([nothing]);
  });

  test('that returns what JSON has not is refused', () => {
    for (const bad of [1n, NaN, () => 1, Symbol('a'), new Map()]) refused({ a: { toJSON: () => bad } });
  });

  test('that returns a new container for ever is refused by depth', () => {
    const endless = (): unknown => ({ toJSON: () => [endless()] });
    refused(endless());
  });
});

describe('what JSON would lose without a word is refused', () => {
  class Point {
    x = 1;
  }
  const cycle: Record<string, unknown> = {};
  cycle['list'] = [{ back: cycle }];
  const withProperty = Object.assign([1, 2], { extra: 3 });
  const withGapAndProperty = Object.assign([1], { 2: 3, extra: 4 });
  const sparse: unknown[] = [1];
  sparse[2] = 3;
  const kinds: [string, unknown][] = [
    ['a function', () => 1],
    ['a symbol', Symbol('a')],
    ['a bigint', 1n],
    ['NaN', NaN],
    ['Infinity', Infinity],
    ['-Infinity', -Infinity],
    ['a Map', new Map()],
    ['a Set', new Set([1])],
    ['a WeakMap', new WeakMap()],
    ['a RegExp', /a/],
    ['an Error', new Error('a')],
    ['a Promise', Promise.resolve()],
    ['a typed array', new Uint8Array(2)],
    ['an ArrayBuffer', new ArrayBuffer(2)],
    ['a boxed number', Object(1)],
    ['a class instance', new Point()],
    ['a class', Point],
    ['an object with a prototype of its own', Object.create({ inherited: 1 })],
    ['a Map of another realm', vm.runInNewContext('new Map()')],
    ['the arguments of a function', (function () { return arguments; })()], // eslint-disable-line prefer-rest-params
    ['a cycle', cycle],
    ['a sparse array', sparse],
    ['a long empty array', new Array(2 ** 32 - 1)],
    ['an array with properties', withProperty],
    ['an array with a gap and a property', withGapAndProperty],
    ['undefined in an array', [1, undefined]],
    ['an object with symbol keys', { [Symbol('a')]: 1 }],
    ['an array with symbol keys', Object.assign([1], { [Symbol('a')]: 1 })],
    ['a string with a lone surrogate', 'a\ud800b'],
    ['a key with a lone surrogate', { '\udc00': 1 }],
    ['an own __proto__ key', JSON.parse('{"__proto__": {"a": 1}}')],
  ];

  test.each(kinds)('%s', (_name, input) => refused(input));
  test.each(kinds)('%s, inside', (_name, input) => refused({ list: [{ deep: input }] }));
  test('undefined by itself', () => refused(undefined));

  test('the error says where', () => {
    expect(() => storeValue({ user: { tags: ['a', new Set()] } })).toThrow(/user\.tags\.1.*Set/);
    expect(() => storeValue([1n])).toThrow(/at 0\).*bigint/);
  });

  test('a getter or a proxy that throws throws its own error', () => {
    const boom = new Error('boom');
    const bomb = (): never => {
      throw boom;
    };
    const inputs: unknown[] = [
      Object.defineProperty({}, 'a', { get: bomb, enumerable: true }),
      new Proxy({}, { ownKeys: bomb }),
      new Proxy({}, { getPrototypeOf: bomb }),
      new Proxy([1], { get: bomb }),
      { toJSON: bomb },
    ];
    for (const input of inputs) expect(() => storeValue([input])).toThrow(boom);
  });

  test('an array whose getter shortens it does not leave gaps behind', () => {
    const tricky: unknown[] = [0, 1, 2];
    Object.defineProperty(tricky, 0, { get: () => (tricky.length = 1), enumerable: true });
    let stored: JsonValue = [];
    try {
      stored = store(tricky);
    } catch {
      // Refused is as good.
    }
    expect(Object.keys(stored as JsonValue[])).toHaveLength((stored as JsonValue[]).length);
  });
});

describe('an own property', () => {
  test('is found in objects and arrays, and nothing inherited is', () => {
    expect(ownProperty({ a: 1 }, 'a')).toBe(1);
    expect(ownProperty(['x'], '0')).toBe('x');
    for (const name of ['toString', 'constructor', 'hasOwnProperty']) expect(ownProperty({}, name)).toBeUndefined();
    for (const name of ['length', '1', '00', '-1', 'map']) expect(ownProperty(['x'], name)).toBeUndefined();
    for (const value of ['text', 5, null, true, undefined]) expect(ownProperty(value, 'length')).toBeUndefined();
    expect(ownProperty('text', '0')).toBeUndefined();
    expect(ownProperty({ length: 3 }, 'length')).toBe(3);
  });
});
