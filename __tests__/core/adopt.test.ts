/** Values from a peer or from disk: taken in place where `storeValue` could have made them, else refused in silence. */
import fc from 'fast-check';
import { adoptValue, storeValue } from '../../lib/core/value';
import { limits } from '../../lib/limits';

const clone = (input: unknown): unknown => JSON.parse(JSON.stringify(input)) as unknown;
const json = fc.jsonValue({ stringUnit: 'binary', maxDepth: 5 }).filter((value) => !JSON.stringify(value).includes('"__proto__"'));

test('what storeValue makes is adopted as it is, frozen, with the same weight', () => {
  fc.assert(
    fc.property(json, (input) => {
      const stored = storeValue(input);
      const arrived = clone(stored.value);
      const adopted = adoptValue(arrived);
      expect(adopted).toStrictEqual(stored);
      expect(adopted!.value).toBe(arrived);
      const walk = (value: unknown): void => {
        expect(Object.isFrozen(value)).toBe(true);
        if (typeof value === 'object' && value !== null) Object.values(value).forEach(walk);
      };
      walk(adopted!.value);
    }),
    { numRuns: 1000 },
  );
});

const bomb = (): never => {
  throw new Error('boom');
};
let deep: unknown = 1;
for (let level = 0; level < 65; level++) deep = [deep];
const cycle: unknown[] = [];
cycle.push(cycle);

const kinds: [string, unknown][] = [
  ['undefined', undefined],
  ['undefined as a property', { a: undefined }],
  ['undefined in an array', [undefined]],
  ['a bigint', 1n],
  ['a function', () => 1],
  ['a symbol', Symbol('a')],
  ['NaN', NaN],
  ['Infinity', -Infinity],
  ['bytes', new Uint8Array([1])],
  ['a Date', new Date(0)],
  ['a Map', new Map()],
  ['an object with another prototype', Object.create({ a: 1 })],
  ['an object whose prototype was set by a __proto__ key', Object.setPrototypeOf({ a: 1 }, [])],
  ['an own __proto__ key', JSON.parse('{"__proto__": 1}')],
  ['a lone surrogate', '\ud800'],
  ['a lone surrogate in a key', { '\udfff': 1 }],
  ['65 levels', deep],
  ['a cycle', cycle],
  ['more bytes than a value may have', 'a'.repeat(limits.valueBytesMax)],
  ['a gap in an array', new Array(3)],
  ['an array with properties', Object.assign([1], { a: 1 })],
  ['symbol keys', { [Symbol('a')]: 1 }],
  ['a getter that throws', Object.defineProperty({}, 'a', { get: bomb, enumerable: true })],
  ['a proxy that throws', new Proxy({}, { ownKeys: bomb })],
  ['a toJSON that throws', { toJSON: bomb }],
];

test.each(kinds)('%s is not adopted, and nothing is thrown', (_name, input) => expect(adoptValue(input)).toBeNull());
test.each(kinds)('%s inside is not adopted either', (_name, input) => expect(adoptValue([{ a: input }])).toBeNull());

test('whatever arrives, the answer is a value or null, and what is a value is stored the same', () => {
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }), (input) => {
      const adopted = adoptValue(input);
      if (adopted !== null) expect(JSON.stringify(storeValue(clone(adopted.value)).value)).toBe(JSON.stringify(adopted.value));
    }),
    { numRuns: 2000 },
  );
});

test('toJSON is no business of what arrives', () => {
  expect(adoptValue({ toJSON: 1 })?.value).toEqual({ toJSON: 1 });
});
