/** Registers as what Yjs holds: written as lists, byte for byte, and read from lists. */
import fc from 'fast-check';
import * as Y from 'yjs';
import { encodeEntry, parseSegmentId, decodeEntry, writerIn } from '../../lib/core/entry';
import { EntryContent, keepEntry, putEntry } from '../../lib/core/entry-content';
import type { Register } from '../../lib/core/register';
import { HYBRID_TIME_MAX } from '../../lib/core/stamp';
import type { JsonValue } from '../../lib/core/value';

const SEGMENT = parseSegmentId('own.1')!;

const register: fc.Arbitrary<Register> = fc.record({
  key: fc.constantFrom('a', 'a.b', 'list[0]'),
  time: fc.integer({ min: 0, max: HYBRID_TIME_MAX }),
  writer: fc.constantFrom('own', 'other'),
  expiresAt: fc.maxSafeNat(),
  value: fc.constantFrom<JsonValue | undefined>(undefined, null, 0, 1.5, -1, '', false, 'text', [1, { a: null }]),
  bytes: fc.constant(0),
  home: fc.constantFrom(null, 'own.1', 'other.7'),
});

function newMap(): { doc: Y.Doc; map: Y.Map<unknown> } {
  const doc = new Y.Doc();
  doc.clientID = 1;
  return { doc, map: doc.getMap('m') };
}

/** Puts registers in as this library does, and as any other would. */
function bothWays(registers: readonly Register[]) {
  const [ours, plain] = [newMap(), newMap()];
  for (const each of registers) {
    const by = writerIn(each, SEGMENT.owner);
    putEntry(ours.map, each.key, new EntryContent(each, by));
    plain.map.set(each.key, encodeEntry(each, by));
  }
  return { ours, plain };
}

test('is written as a list, byte for byte, wherever the write stands now', () => {
  fc.assert(
    fc.property(fc.array(register, { maxLength: 8 }), (registers) => {
      const { ours, plain } = bothWays(registers);
      expect(Y.encodeStateAsUpdate(ours.doc)).toEqual(Y.encodeStateAsUpdate(plain.doc));
    }),
  );
});

test('is kept in the place of a list that was read, and written again as it came', () => {
  fc.assert(
    fc.property(fc.array(register, { maxLength: 8 }), (registers) => {
      const { doc, map } = newMap();
      const updates: Uint8Array[] = [];
      const { plain } = bothWays([]);
      plain.doc.on('update', (update: Uint8Array) => updates.push(update));
      for (const each of registers) plain.map.set(each.key, encodeEntry(each, writerIn(each, SEGMENT.owner)));
      updates.forEach((update, i) => {
        Y.applyUpdate(doc, update);
        const { key } = registers[i]!;
        const read = decodeEntry(map.get(key), key, SEGMENT)!;
        keepEntry(map, key, new EntryContent(read, writerIn(read, SEGMENT.owner)));
        expect((map.get(key) as EntryContent).registerIn(SEGMENT.home)).toBe(read);
        expect(read).toEqual({ ...registers[i], bytes: expect.any(Number) as number, home: SEGMENT.home });
      });
      expect(Y.encodeStateAsUpdate(doc)).toEqual(Y.encodeStateAsUpdate(plain.doc));
    }),
  );
});

test('gives the register at home where it is asked for, though the write has moved', () => {
  const moved: Register = { key: 'a', time: 1, writer: 'own', expiresAt: 0, value: 1, bytes: 8, home: 'own.2' };
  const content = new EntryContent(moved, 0);
  expect(content.registerIn('own.1')).toEqual({ ...moved, home: 'own.1' });
  expect(content.registerIn('own.2')).toBe(moved);
  expect(moved.home).toBe('own.2');
});

test('stands by itself: no two are one for Yjs, and what was deleted leaves what it always does', () => {
  const three = [1, 2, 3].map((time): Register => ({ key: `k${time}`, time, writer: 'own', expiresAt: 0, value: time, bytes: 8, home: null }));
  const { ours, plain } = bothWays(three);
  for (const { map } of [ours, plain]) {
    map.delete('k2');
    map.delete('k1');
  }
  expect(Y.encodeStateAsUpdate(ours.doc)).toEqual(Y.encodeStateAsUpdate(plain.doc));
  expect(new EntryContent(three[0]!, 0).mergeWith()).toBe(false);
});
