/** The view of one container: a base, and what was written below it laid over. */
import fc from 'fast-check';
import type { JsonValue } from '../../lib/core/value';
import { composeView, type Overlay } from '../../lib/core/view';
import { limits } from '../../lib/limits';

const over = (base: JsonValue | undefined, overlays: Record<string, JsonValue | undefined>): JsonValue | undefined =>
  composeView(
    base,
    Object.entries(overlays).map(([segment, value]): Overlay => ({ segment, value })),
  );

const gone = undefined;

describe('a container that nobody set', () => {
  test('is an object of its children', () => expect(over(undefined, { a: 1, b: gone })).toEqual({ a: 1 }));
  test('is not there without children', () => {
    expect(over(undefined, {})).toBeUndefined();
    expect(over(undefined, { a: gone, 0: gone })).toBeUndefined();
  });
  test('is an array if all its children are indices', () => expect(over(undefined, { 0: 'a', 1: 'b' })).toEqual(['a', 'b']));
  test('is an object as soon as one of them is no index', () => {
    expect(over(undefined, { 0: 'a', '01': 'b' })).toEqual({ 0: 'a', '01': 'b' });
  });
  test('shows gaps as null', () => expect(over(undefined, { 3: 'a' })).toEqual([null, null, null, 'a']));
  test('is an array while the largest index is below twice the count and 16', () => {
    expect(over(undefined, { 17: 'a' })).toHaveLength(18);
    expect(over(undefined, { 18: 'a' })).toEqual({ 18: 'a' });
    expect(over(undefined, { 0: 'a', 19: 'b' })).toHaveLength(20);
    expect(over(undefined, { 0: 'a', 20: 'b' })).toEqual({ 0: 'a', 20: 'b' });
  });
  test('is no array of ten million', () => expect(over(undefined, { 10000000: 'a' })).toEqual({ 10000000: 'a' }));
  test('does not count children that show nothing', () => {
    expect(over(undefined, { 18: 'a', 0: gone })).toEqual({ 18: 'a' });
    expect(over(undefined, { 0: 'a', b: gone })).toEqual(['a']);
  });
  test('shows instead of a value that has no children, until its own are gone', () => {
    for (const base of [null, false, 0, '', 'text', 5]) {
      expect(over(base, { a: 1 })).toEqual({ a: 1 });
      expect(over(base, { 0: 1 })).toEqual([1]);
      expect(over(base, { a: gone })).toBe(base);
    }
  });
});

describe('an explicit array', () => {
  test('takes new elements and longer lengths', () => expect(over([1, 2], { 1: 'b', 3: 'd' })).toEqual([1, 'b', null, 'd']));
  test('shows a deleted element as null, as JSON shows what lodash unset leaves', () => {
    expect(over([1, 2, 3], { 1: gone, 2: gone })).toEqual([1, null, null]);
    expect(over([1], { 0: gone })).toEqual([null]);
  });
  test('does not grow by a deleted element past its end', () => expect(over([1], { 5: gone })).toEqual([1]));
  test('stays one when it is empty or sparse', () => {
    expect(over([], { 0: gone })).toEqual([]);
    expect(over([], { 500: 'a' })).toHaveLength(501);
  });
  test('is shown as an object where a name was written below it by who had not heard of it', () => {
    expect(over([1, 2], { name: 'n', 0: gone })).toEqual({ 1: 2, name: 'n' });
  });
  test('is shown as an object where an index lies so far out that it would take all memory', () => {
    expect(over([1], { [limits.arrayGrowthMax + 2]: 'a' })).toHaveLength(limits.arrayGrowthMax + 3);
    expect(over([1], { 4294967294: 'a' })).toEqual({ 0: 1, 4294967294: 'a' });
  });
});

describe('an explicit object', () => {
  test('takes new properties and loses deleted ones', () => {
    expect(over({ a: 1, b: 2 }, { b: gone, c: 3 })).toEqual({ a: 1, c: 3 });
  });
  test('stays one when it is empty, and with indices', () => {
    expect(over({}, { a: gone })).toEqual({});
    expect(over({}, { 0: 1 })).toEqual({ 0: 1 });
    expect(over({ a: 1 }, { a: gone })).toEqual({});
  });
  test('has own properties only: names of Object.prototype are keys like all others', () => {
    expect(over({}, { toString: gone, constructor: gone })).toEqual({});
    expect(JSON.stringify(over({}, { toString: 1, hasOwnProperty: 2 }))).toBe('{"toString":1,"hasOwnProperty":2}');
  });
});

describe('every view', () => {
  const child = fc.option(fc.constantFrom<JsonValue>(null, 0, 'text', Object.freeze({ a: 1 })), { nil: undefined });
  const names = fc.constantFrom('a', 'b', '0', '1', '2', '17', '19', '40', '01', 'length', 'toString', '');
  const overlays = fc.uniqueArray(fc.record({ segment: names, value: child }), { selector: (overlay) => overlay.segment });
  const base = fc.constantFrom<JsonValue | undefined>(undefined, null, 5, 'text', {}, { a: 1, 0: 2 }, [], [1, 2], [[1], {}]);

  test('is frozen, leaves its base as it was, and shows each live overlay and no dead one', () => {
    fc.assert(
      fc.property(base, overlays, (under, laid) => {
        const before = JSON.stringify(under);
        const shown = composeView(under, laid);
        expect(JSON.stringify(under)).toBe(before);
        if (typeof shown === 'object' && shown !== null && laid.length > 0) expect(Object.isFrozen(shown)).toBe(true);
        for (const { segment, value } of laid) {
          const seen =
            typeof shown === 'object' && shown !== null && Object.hasOwn(shown, segment) && segment !== 'length'
              ? (shown as Record<string, JsonValue>)[segment]
              : undefined;
          if (value !== undefined) expect(segment === 'length' ? Object.entries(shown!).find(([name]) => name === segment)?.[1] : seen).toBe(value);
          else expect(seen ?? null).toBeNull();
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('does not depend on the order of overlays, but for the order of properties', () => {
    fc.assert(
      fc.property(base, overlays, (under, laid) => {
        expect(composeView(under, [...laid].reverse())).toEqual(composeView(under, laid));
      }),
    );
  });

  test('nothing laid over gives the base itself, without a copy', () => {
    const under = Object.freeze({ a: 1 });
    expect(composeView(under, [])).toBe(under);
  });
});
