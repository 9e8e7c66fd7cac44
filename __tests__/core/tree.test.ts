/** The tree by itself: winners, the dead it tells of, and the nodes that reads leave behind. */
import { Tree, type TreeOwner } from '../../lib/core/tree';
import { Turnover } from '../../lib/core/turnover';
import type { TreeNode } from '../../lib/core/node';
import type { Register } from '../../lib/core/register';
import { toHybridTime } from '../../lib/core/stamp';
import type { JsonValue } from '../../lib/core/value';
import { RETENTION_MS, START_MS } from './replicas';

let nowMs: number;
let dead: string[];
let cleared: string[];
let copies: Record<string, string>;
/** Keys of which copies were looked for. */
let outrun: string[];
let looked: string[];
let tree: Tree;

beforeEach(() => {
  nowMs = START_MS;
  dead = [];
  outrun = [];
  cleared = [];
  copies = {};
  looked = [];
  tree = create();
});

function create(pathIndexMax?: number): Tree {
  const owner: TreeOwner = {
    now: () => nowMs,
    retentionMs: () => RETENTION_MS,
    onDead: ({ key, writer, time }) => dead.push(`${key}@${writer}${time - BASE}`),
    onOutrun: ({ key, writer, time }) => outrun.push(`${key}@${writer}${time - BASE}`),
    onCleared: (node) => cleared.push(node.key()),
    findCopy: ({ key }) => {
      looked.push(key);
      return copies[key] ?? null;
    },
  };
  return pathIndexMax === undefined ? new Tree(owner) : new Tree(owner, pathIndexMax);
}

const BASE = toHybridTime(START_MS);

function register(key: string, time: number, value?: JsonValue, more: Partial<Register> = {}): Register {
  return { key, time: BASE + time, writer: 'w', value, expiresAt: 0, bytes: 0, home: 'w.1', ...more };
}

/** Forgets the orphans that were there at `beforeMs`; the keys to look at again. */
function forgetOrphans(beforeMs: number): string[] {
  return tree.orphans.take(({ since }) => since <= beforeMs).flatMap(({ node }) => tree.forget(node));
}

function countNodes(node: TreeNode): number {
  let count = 1;
  for (const child of node.children()) count += countNodes(child);
  return count;
}

test('a new document leaves no nodes behind where there were entries that had lost, only what is there or may yet come', () => {
  for (const key of ['a', 'a.b.c', 'a.b.d', 'e.f']) tree.addEntry(register(key, 1, 1), false);
  tree.addEntry(register('a', 2, 2), false);
  expect(countNodes(tree.root)).toBe(7);
  const turnover = new Turnover(tree, { hasCopy: () => false, carry: () => {}, forgetFormer: () => {} });
  turnover.begin();
  while (turnover.goOn(2));
  // a, and e.f: nothing is left of a.b.c and a.b.d.
  expect(countNodes(tree.root)).toBe(4);
  expect(tree.get([])).toEqual({ a: 2, e: { f: 1 } });
});

describe('nodes that were only read', () => {
  test('of a million distinct missing paths do not grow the tree', () => {
    tree = create(100);
    tree.addEntry(register('here', 1, 1), false);
    for (let i = 0; i < 1_000_000; i++) tree.get(`missing${i}`);
    for (let i = 0; i < 10_000; i++) tree.get(`missing${i}.a`);
    expect(countNodes(tree.root)).toBeLessThanOrEqual(2 + 2 * 200);
    expect(tree.get('here')).toBe(1);
  });

  test('are gone at once where the path was an array', () => {
    for (let i = 0; i < 1000; i++) expect(tree.get(['missing', i, 'a'])).toBeUndefined();
    expect(countNodes(tree.root)).toBe(1);
  });

  test('below a value, and of paths that are there, do not grow it either', () => {
    tree = create(10);
    tree.addEntry(register('a', 1, { b: [1, 2, 3] }), false);
    for (let i = 0; i < 10_000; i++) tree.get(`a.b[${i % 3}]["${i}"]`);
    for (let i = 0; i < 10_000; i++) tree.get(['a', 'b', i]);
    expect(countNodes(tree.root)).toBeLessThan(60);
    expect(tree.get('a.b[2]')).toBe(3);
  });

  test('stay while their path is in the index, in which they are found again', () => {
    expect(tree.locate('a.b')).toBe(tree.locate('a.b'));
    expect(tree.locate('a.b')).toBe(tree.locate('a["b"]'));
    expect(tree.locate(['a', 'b'])).toBe(tree.locate('a.b'));
  });
});

describe('entries', () => {
  test('a later one wins, and the earlier is told to be dead, in either order', () => {
    expect(tree.addEntry(register('a', 1, 'old'), false)).toBe(true);
    expect(tree.addEntry(register('a', 2, 'new', { home: 'v.1', writer: 'v' }), false)).toBe(true);
    expect(dead.splice(0)).toEqual(['a@w1']);
    expect(tree.addEntry(register('a', 0, 'older', { home: 'u.1', writer: 'u' }), false)).toBe(false);
    expect(dead).toEqual(['a@u0']);
    expect(tree.get('a')).toBe('new');
  });

  test('one hidden by a later write above it is dead', () => {
    tree.addEntry(register('a', 5, { x: 1 }), false);
    expect(tree.addEntry(register('a.b.c', 4, 1), false)).toBe(false);
    expect(dead).toEqual(['a.b.c@w4']);
    expect(tree.get('a')).toEqual({ x: 1 });
  });

  test('a later write above buries all that is older below, and nothing newer', () => {
    tree.addEntry(register('a.b', 1, 1), false);
    tree.addEntry(register('a.b.c', 9, 2), false);
    tree.addEntry(register('a.d', 3, 3), false);
    tree.addEntry(register('a', 5, {}), false);
    expect(dead.sort()).toEqual(['a.b@w1', 'a.d@w3']);
    expect(tree.get([])).toEqual({ a: { b: { c: 2 } } });
  });

  test('a moved one keeps its stamp and changes nothing', () => {
    tree.addEntry(register('a', 1, 'x'), false);
    expect(tree.addEntry(register('a', 1, 'x', { home: 'w.2' }), false)).toBe(false);
    tree.removeEntry('w.1', 'a');
    expect(tree.get('a')).toBe('x');
    expect(dead).toEqual([]);
    tree.removeEntry('w.2', 'a');
    expect(forgetOrphans(nowMs)).toEqual([]);
    expect(tree.get('a')).toBeUndefined();
  });

  test('one that goes is looked for in other segment maps only where several owners may have it', () => {
    for (const [time, home] of [[1, 'w.1'], [2, 'w.2']] as const) tree.addEntry(register('a', time, 'x', { home }), false);
    tree.removeEntry('w.2', 'a');
    expect(looked).toEqual([]);
    for (const home of ['w.1', 'v.1']) tree.addEntry(register('b', 1, 'x', { home }), false);
    tree.removeEntry('v.1', 'b');
    expect(looked).toEqual(['b']);
  });

  test('two of one hybrid time are ordered by their writers', () => {
    for (const order of [['v', 'w'], ['w', 'v']]) {
      tree = create();
      for (const writer of order) tree.addEntry(register('a', 1, writer, { writer, home: `${writer}.1` }), false);
      expect(tree.get('a')).toBe('w');
    }
  });

  test('that go leave no node behind', () => {
    for (const time of [1, 2, 3]) tree.addEntry(register('a.b', time, undefined, { home: `w.${time}` }), false);
    for (const time of [1, 2, 3]) tree.removeEntry(`w.${time}`, 'a.b');
    expect(countNodes(tree.root)).toBe(1);
  });

  test('a winner whose owner removed it shows until the retention is over: what replaced it is on its way', () => {
    tree.addEntry(register('a', 1, 'old'), false);
    tree.removeEntry('w.1', 'a');
    nowMs += 1000;
    expect(forgetOrphans(nowMs - 1001)).toEqual([]);
    expect(tree.get('a')).toBe('old');
    expect(forgetOrphans(nowMs - 1000)).toEqual([]);
    expect(tree.get('a')).toBeUndefined();
    expect(countNodes(tree.root)).toBeLessThanOrEqual(2);
  });
});

describe('copies of one write', () => {
  const x = (home: string): Register => register('x', 1, 'v', { home });
  const homeOf = (): string | null => tree.find('x')!.register!.home;

  test('in two segment maps of one owner: the later is its home, in whatever order they come', () => {
    for (const [first, second] of [['w.9', 'w.10'], ['w.10', 'w.9']] as const) {
      tree = create();
      tree.addEntry(x(first), false);
      expect(tree.addEntry(x(second), false)).toBe(false);
      expect(homeOf()).toBe('w.10');
      expect(tree.find('x')).toMatchObject({ entries: 2, hasCopies: false });
      tree.removeEntry('w.9', 'x');
      expect([homeOf(), tree.find('x')!.entries, tree.get('x')]).toEqual(['w.10', 1, 'v']);
    }
    expect(dead).toEqual([]);
  });

  test('in segment maps of several owners are noted as such, until another write has won', () => {
    tree.addEntry(x('w.2'), false);
    tree.addEntry(x('v.1'), false);
    expect(tree.find('x')).toMatchObject({ entries: 2, hasCopies: true });
    tree.addEntry(register('x', 2, 'new', { home: 'w.3' }), false);
    expect(tree.find('x')).toMatchObject({ entries: 3, hasCopies: false });
  });

  test('when its home goes another is its home, and it is no orphan', () => {
    for (const home of ['w.1', 'v.1', 'u.1']) tree.addEntry(x(home), false);
    copies = { x: 'w.1' };
    expect(tree.removeEntry('u.1', 'x')).toBeNull();
    expect([homeOf(), tree.get('x')]).toEqual(['w.1', 'v']);
    // That of the others which is not its home goes without a word.
    expect([tree.removeEntry('v.1', 'x'), homeOf()]).toEqual([null, 'w.1']);
    expect(tree.removeEntry('w.1', 'x')).toBe(tree.find('x'));
    nowMs += 1;
    expect(forgetOrphans(nowMs)).toEqual([]);
    expect(tree.get('x')).toBeUndefined();
  });

  test('when its home goes and only older writes are left it is an orphan', () => {
    tree.addEntry(register('x', 0, 'older', { home: 'v.1' }), false);
    tree.addEntry(x('w.1'), false);
    expect(tree.removeEntry('w.1', 'x')).toBe(tree.find('x'));
    expect(tree.get('x')).toBe('v');
    expect(forgetOrphans(nowMs)).toEqual(['x']);
  });
});

describe('what a tombstone clears', () => {
  beforeEach(() => {
    tree.addEntry(register('a', 1, { x: 1 }), false);
    tree.addEntry(register('a.b', 2, 1), false);
    tree.addEntry(register('a.b.c', 9, 1), false);
    tree.addEntry(register('beside', 1, 1), false);
  });

  test('is told of with all nodes at and below it at which the document has entries, the newer included', () => {
    tree.addEntry(register('a', 5, undefined, { home: 'v.1' }), false);
    expect(cleared.sort()).toEqual(['a', 'a.b', 'a.b.c']);
    const [at, below, newer] = ['a', 'a.b', 'a.b.c'].map((key) => tree.find(key)!);
    expect(tree.isLost(at!, register('a', 1, { x: 1 }))).toBe(true);
    expect(tree.isLost(below!, register('a.b', 2, 1))).toBe(true);
    expect(tree.isLost(newer!, register('a.b.c', 9, 1))).toBe(false);
    expect(tree.isLost(newer!, register('a.b.c', 4, 1))).toBe(true);
  });

  test('is nothing for a set, nor for a tombstone that has lost itself', () => {
    tree.addEntry(register('a', 5, {}, { home: 'v.1' }), false);
    tree.addEntry(register('a', 4, undefined, { home: 'u.1' }), false);
    expect(cleared).toEqual([]);
  });
});

describe('expiry', () => {
  test('takes the value and leaves a tombstone with the same stamp', () => {
    tree.addEntry(register('a', 1, 'x', { expiresAt: START_MS + 10 }), false);
    nowMs += 9;
    expect(tree.expireNext(nowMs)).toBeNull();
    nowMs += 1;
    expect(tree.get('a')).toBeUndefined();
    expect(tree.expireNext(nowMs)?.register).toMatchObject({ time: BASE + 1, writer: 'w', value: undefined, home: 'w.1' });
    expect(tree.expireNext(nowMs)).toBeNull();
    nowMs += 1e12;
    expect(tree.expireNext(nowMs)).toBeNull();
  });

  test('that another replica swept first changes what is visible only once', () => {
    tree.addEntry(register('a', 1, 'x', { expiresAt: START_MS + 10 }), false);
    nowMs += 10;
    expect(tree.addEntry(register('a', 1, undefined, { expiresAt: START_MS + 10 }), true)).toBe(true);
    expect(tree.addEntry(register('a', 1, undefined, { expiresAt: START_MS + 10 }), true)).toBe(false);
    expect(tree.expireNext(nowMs)).toBeNull();
  });

  test('a set of the very millisecond in which its parent expired is above it, one before is not', () => {
    tree.addEntry(register('a', 1, { x: 1 }, { expiresAt: START_MS + 10 }), false);
    tree.addEntry(register('a.at', 10 * 4096, 1), false);
    tree.addEntry(register('a.before', 10 * 4096 - 1, 1), false);
    nowMs += 10;
    expect(tree.get([])).toEqual({ a: { at: 1 } });
  });
});
