/** Paths: lodash's reading of what a user writes, and the canonical key that travels. */
import fc from 'fast-check';
import _ from 'lodash';
import { formatKey, parseKey, parsePath, toIndex, type Path } from '../../lib/core/path';
import { limits } from '../../lib/limits';

const characters = ['"', "'", '[', ']', '.', '\\', '0', '1', '9', '-', ' ', '\n', '\t', '\0', '$', '&', '`', 'a', 'é', '😀'];
const unit = fc.constantFrom(...characters);
const segment = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit, maxLength: 6 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 4 }) },
  { weight: 2, arbitrary: fc.nat().map(String) },
  { weight: 1, arbitrary: fc.constantFrom('', '0', '00', '-1', '1.5', '4294967294', '4294967295', '$&', '[0]', '.a') },
  { weight: 1, arbitrary: fc.constantFrom('constructor', 'toString', 'hasOwnProperty', 'length', '_proto_', 'null') },
).filter((name) => name !== '__proto__');
const segments = fc.array(segment, { maxLength: 8 });
const many = { numRuns: 3000 };

const pathError = expect.objectContaining({ code: 'ERR_CLUSTER_CACHE_PATH' });
const refused = (path: unknown): void => expect(() => parsePath(path as Path)).toThrow(pathError);

describe('keys', () => {
  test('parsing a formatted key gives the segments back', () => {
    fc.assert(fc.property(segments, (list) => expect(parseKey(formatKey(list))).toEqual(list)), many);
  });

  test('lodash reads a formatted key as the same segments', () => {
    fc.assert(fc.property(segments, (list) => expect(_.toPath(formatKey(list))).toEqual(list)), many);
  });

  test('no two lists of segments share a key', () => {
    const short = fc.array(fc.string({ unit: fc.constantFrom('"', '[', ']', '.', '\\', '0', 'a'), maxLength: 3 }), {
      maxLength: 3,
    });
    fc.assert(
      fc.property(short, short, (a, b) => expect(formatKey(a) === formatKey(b)).toBe(_.isEqual(a, b))),
      { numRuns: 20_000 },
    );
  });

  test('a list of segments and its joined or split neighbours do not share a key', () => {
    const lists = [
      [],
      [''],
      ['', ''],
      ['.'],
      ['a.b'],
      ['a', 'b'],
      ['a', ''],
      ['', 'a'],
      ['a[0]'],
      ['a', '0'],
      ['a', '00'],
      ['a', '"0"'],
      ['["a"]'],
      ['a\\', 'b'],
      ['a\\.b'],
    ];
    expect(new Set(lists.map(formatKey)).size).toBe(lists.length);
  });

  test.each([
    [[], ''],
    [['bar', 'list', '0'], 'bar.list[0]'],
    [['a', '01', '-1'], 'a.01.-1'],
    [['0', 'a'], '[0].a'],
    [['x.y', 'z'], '["x.y"].z'],
    [['', 'a'], '[""].a'],
    [['a', 'say "hi".'], 'a["say \\"hi\\"."]'],
  ])('%j is spelled %s', (list, key) => {
    expect(formatKey(list)).toBe(key);
    expect(parseKey(key)).toEqual(list);
  });

  test.each(['a["b"]', "a['b.c']", 'a[b]', 'a.0', 'a[01]', '.a', 'a.', 'a..b', '["a"]', '[0][', 'a[-1]', 'a[1.5]'])(
    'the spelling %s is not canonical, and no key',
    (key) => expect(parseKey(key)).toBeNull(),
  );

  test('whatever is a key is the only key of its segments', () => {
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 12 }), (text) => {
        const list = parseKey(text);
        if (list !== null) expect(formatKey(list)).toBe(text);
      }),
      many,
    );
  });

  test('a key out of bounds, with __proto__ or with a lone surrogate is no key', () => {
    expect(parseKey('a'.repeat(limits.pathLengthMax))).not.toBeNull();
    expect(parseKey('a'.repeat(limits.pathLengthMax + 1))).toBeNull();
    expect(parseKey(formatKey(Array<string>(64).fill('a')))).toHaveLength(64);
    expect(parseKey(formatKey(Array<string>(65).fill('a')))).toBeNull();
    for (const key of ['__proto__', 'a.__proto__', 'a.__proto__.b', 'a\ud800', 'a["\udc00."]']) {
      expect(parseKey(key)).toBeNull();
    }
  });
});

describe('paths', () => {
  test('a string is read as lodash reads it', () => {
    const spelling = fc.oneof(fc.string({ unit, minLength: 1, maxLength: 20 }), segments.map(formatKey));
    fc.assert(
      fc.property(spelling, (path) => {
        fc.pre(path !== '');
        expect(parsePath(path)).toEqual(_.toPath(path));
      }),
      { numRuns: 10_000 },
    );
  });

  test('an array is taken as it is', () => {
    fc.assert(fc.property(segments, (list) => expect(parsePath(list)).toEqual(list)), many);
    expect(parsePath(['a.b', '[0]', 0, 17, -1, 1.5])).toEqual(['a.b', '[0]', '0', '17', '-1', '1.5']);
    expect(parsePath([])).toEqual([]);
  });

  test('an array is copied: changing it later changes no path', () => {
    const list = ['a', 'b'];
    const parsed = parsePath(list);
    list[0] = 'changed';
    expect(parsed).toEqual(['a', 'b']);
  });

  test('the empty string is refused, and says how the whole cache is spelled', () => {
    refused('');
    expect(() => parsePath('')).toThrow(/\[\]/);
  });

  test.each(['__proto__', 'a.__proto__.b', 'a["__proto__"]', '[__proto__]', "['__proto__'].x"])(
    '%s names __proto__ and is refused',
    (path) => refused(path),
  );

  test('__proto__ in an array of segments is refused', () => refused(['a', '__proto__']));

  test.each(['a\ud800', '\udc00', 'a.\ud83d', 'a["\ude00\ud83d"]'])('a lone surrogate is refused', (path) => {
    refused(path);
    refused([path]);
  });

  test('a path has at most 64 segments', () => {
    const list = Array<string>(64).fill('a');
    expect(parsePath(list)).toHaveLength(64);
    expect(parsePath(list.join('.'))).toHaveLength(64);
    refused([...list, 'a']);
    refused([...list, 'a'].join('.'));
  });

  test('a path has at most 1,024 characters in its canonical spelling', () => {
    expect(parsePath('a'.repeat(1024))).toHaveLength(1);
    refused('a'.repeat(1025));
    refused(['a'.repeat(1025)]);
    // A spelling that is longer than its key, and a key that is longer than its segment.
    expect(parsePath(`["${'a'.repeat(1024)}"]`)).toEqual(['a'.repeat(1024)]);
    expect(parsePath(['.'.repeat(1020)])).toHaveLength(1);
    refused(['.'.repeat(1021)]);
    refused('a.'.repeat(1_000_000));
  });

  test.each([
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['a boolean', true],
    ['a symbol', Symbol('a')],
    ['a bigint', 1n],
    ['an object', {}],
    ['a function', () => 'a'],
    ['something like an array', { 0: 'a', length: 1 }],
    ['a String object', Object('a')],
    ['a segment that is null', [null]],
    ['a segment that is undefined', ['a', undefined]],
    ['a gap in the segments', new Array(2)],
    ['a segment that is a boolean', [true]],
    ['a segment that is a symbol', [Symbol('a')]],
    ['a segment that is NaN', [NaN]],
    ['a segment that is Infinity', [Infinity]],
    ['a segment that is an array', [['a']]],
    ['a segment that is an object', [{ toString: () => 'a' }]],
  ])('%s is no path: a TypeError', (_name, path) => {
    refused(path);
    expect(() => parsePath(path as Path)).toThrow(TypeError);
  });
});

describe('indices', () => {
  test.each([
    ['0', 0],
    ['7', 7],
    ['10', 10],
    ['4294967294', 4_294_967_294],
  ])('%s is an index', (name, index) => expect(toIndex(name)).toBe(index));

  test.each(['', '-0', '-1', '+1', '00', '01', '1.0', '1e3', ' 1', '1 ', '0x1', '٣', '4294967295', '9999999999', '42949672940'])(
    '%j is no index',
    (name) => expect(toIndex(name)).toBe(-1),
  );

  test('a segment is an index exactly where it is the index of an array', () => {
    const digits = fc.string({ unit: fc.constantFrom(...Array.from('0123456789')), maxLength: 12 });
    const isArrayIndex = (name: string): boolean => {
      const list: unknown[] = [];
      Object.assign(list, { [name]: 1 });
      return list.length > 0 && name !== 'length';
    };
    fc.assert(
      fc.property(fc.oneof(digits, segment), (name) => expect(toIndex(name) >= 0).toBe(isArrayIndex(name))),
      many,
    );
  });
});
