/** The index of spelled paths: what it holds, what it drops, and that it tells. */
import fc from 'fast-check';
import { PathIndex } from '../../lib/core/path-index';

test('finds what was added, and nothing else', () => {
  const index = new PathIndex<number>(() => 10, () => {});
  index.add('a', 1);
  expect(index.get('a')).toBe(1);
  expect(index.get('b')).toBeUndefined();
  expect(index.get('toString')).toBeUndefined();
});

test('holds at most three generations, whatever is read and added, and tells of each item dropped once', () => {
  const step = fc.record({ name: fc.nat(30), isRead: fc.boolean() });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 200 }), (max, steps) => {
      // How often each is held: what is about to be dropped may be added once more.
      const held = Array.from({ length: 31 }, () => 0);
      const index = new PathIndex<number>(() => max, (name) => expect(held[name]!--).toBeGreaterThan(0));
      for (const { name, isRead } of steps) {
        const found = index.get(String(name));
        expect(found === undefined || (found === name && held[name]! > 0)).toBe(true);
        if (found === undefined && !isRead) {
          held[name]!++;
          index.add(String(name), name);
          expect(index.get(String(name))).toBe(name);
        }
        expect(index.size).toBe(held.reduce((sum, count) => sum + count, 0));
        expect(index.size).toBeLessThanOrEqual(3 * max);
      }
    }),
    { numRuns: 500 },
  );
});

test('what is used in every generation stays for ever', () => {
  const dropped: string[] = [];
  const index = new PathIndex<string>(() => 4, (item) => dropped.push(item));
  index.add('hot', 'hot');
  for (let i = 0; i < 1000; i++) {
    index.add(`cold${i}`, `cold${i}`);
    expect(index.get('hot')).toBe('hot');
  }
  expect(dropped).not.toContain('hot');
  expect(dropped.length).toBeGreaterThan(980);
});

test('what was not used for a whole generation is dropped', () => {
  const dropped: string[] = [];
  const index = new PathIndex<string>(() => 2, (item) => dropped.push(item));
  for (const name of ['a', 'b', 'c', 'd', 'e']) index.add(name, name);
  expect(dropped).toEqual(['a', 'b']);
  expect(index.get('a')).toBeUndefined();
  expect(index.get('c')).toBe('c');
});

test('an item is told of as dropped only after the new one is in', () => {
  const seen: (number | undefined)[] = [];
  const index: PathIndex<number> = new PathIndex<number>(() => 1, () => seen.push(index.get('c')));
  index.add('a', 1);
  index.add('b', 2);
  index.add('c', 3);
  expect(seen).toEqual([3]);
});

test('when less is allowed, all but some is dropped, one at a time', () => {
  let max = 100;
  const dropped = new Set<number>();
  const index = new PathIndex<number>(() => max, (item) => dropped.add(item));
  for (let i = 0; i < 200; i++) index.add(String(i), i);
  expect([index.trim(), dropped.size]).toEqual([false, 0]);
  max = 10;
  let steps = 0;
  for (; index.trim(); steps++) expect(dropped.size).toBeLessThanOrEqual(steps + 1);
  expect([index.size, dropped.size]).toEqual([0, 200]);
});
