/** Names of caches as names of files: safe, injective, readable where they can be. */
import { isAbsolute, join, relative, sep } from 'node:path';

import fc from 'fast-check';

import { limits } from '../../lib/limits';
import { encodeFilename, snapshotFilename } from '../../lib/storage/filename';

const awkward = fc.constantFrom(
  '', '.', '..', '...', ' ', '%', '~', '%2E', '%25', 'CON', 'con', 'nul.txt', 'COM1', 'a/b', '../a', 'a\\b', 'a.', 'a ',
  '.a', 'é', 'e\u0301', '\ud800', '\udfff', '\ufffd', '\0', 'a:b', '😀', 'x'.repeat(200), 'x'.repeat(201), '/'.repeat(90),
);
const name = fc.oneof(
  awkward,
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.constantFrom('a', 'A', '.', ' ', '%', '~', '2', 'E', '/', '\\', 'é', '\ud800', '\udc00') }),
  fc.string({ unit: fc.constantFrom('a', '/', 'é'), minLength: 60, maxLength: 220 }),
);

describe('encodeFilename', () => {
  test.each(['sessions', 'Sessions', 'a b', 'a.b-c_d', '-x', 'console', 'com10', 'x'.repeat(200)])(
    'leaves the portable name %j as it is',
    (portable) => {
      expect(encodeFilename(portable)).toBe(portable);
    },
  );

  test.each([
    ['', '%'],
    ['.', '%2E'],
    ['..', '%2E%2E'],
    ['.hidden', '%2Ehidden'],
    ['end.', 'end%2E'],
    ['end ', 'end%20'],
    ['a/b', 'a%2Fb'],
    ['100%', '100%25'],
    ['~', '%7E'],
    ['é', '%C3%A9'],
    ['CON', '%43ON'],
    ['nul.txt', '%6Eul.txt'],
    ['aux .x', '%61ux .x'],
    ['\ud800', '%ED%A0%80'],
  ])('escapes %j as %j', (plain, encoded) => {
    expect(encodeFilename(plain)).toBe(encoded);
  });

  test('gives a name that is too long a readable prefix and a hash', () => {
    const one = encodeFilename(`${'x'.repeat(200)}1`);
    const other = encodeFilename(`${'x'.repeat(200)}2`);
    expect(one).toMatch(/^x{135}~[0-9a-f]{64}$/);
    expect(one).not.toBe(other);
    for (const start of ['', 'x', 'xx']) {
      expect(encodeFilename(start + 'é'.repeat(100))).toMatch(/^x*(?:%C3%A9)+(?:%C3)?~[0-9a-f]{64}$/);
    }
  });

  test('is always a portable file name', () => {
    fc.assert(
      fc.property(name, (plain) => {
        const encoded = encodeFilename(plain);
        expect(encoded).toMatch(/^[A-Za-z0-9_ %~-][A-Za-z0-9_ .%~-]*$/);
        expect(encoded).not.toMatch(/[. ]$/);
        expect(encoded).not.toMatch(/^(?:con|prn|aux|nul|com\d|lpt\d) *(?:\.|$)/i);
        expect(encoded.length).toBeLessThanOrEqual(limits.filenameBytesMax);
      }),
      { numRuns: 2000 },
    );
  });

  test('gives two names two files', () => {
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 2, maxLength: 40 }), (names) => {
        expect(new Set(names.map(encodeFilename)).size).toBe(names.length);
      }),
      { numRuns: 500 },
    );
  });

  test('can be undone where it did not shorten', () => {
    const wellFormed = name.filter((plain) => plain !== '' && plain.isWellFormed());
    fc.assert(
      fc.property(wellFormed, (plain) => {
        const encoded = encodeFilename(plain);
        if (!encoded.includes('~')) expect(decodeURIComponent(encoded)).toBe(plain);
      }),
    );
  });
});

describe('snapshotFilename', () => {
  test('is a file right in the directory', () => {
    fc.assert(
      fc.property(name, (plain) => {
        const filename = snapshotFilename('some/where', plain);
        expect(isAbsolute(filename)).toBe(true);
        const inside = relative(join(process.cwd(), 'some/where'), filename);
        expect(inside).toBe(`${encodeFilename(plain)}.db`);
        expect(inside).not.toContain(sep);
      }),
    );
  });
});
