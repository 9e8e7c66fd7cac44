/** What one replica shows: the rules of reading and writing, without peers. Time is in expiry.test.ts. */
import { Bench, code } from './replicas';
import type { Replica } from '../../lib/core/replica';
import type { Path } from '../../lib/core/path';

let bench: Bench;
let replica: Replica;

beforeEach(() => {
  bench = new Bench();
  replica = bench.create();
});

const whole = (): unknown => replica.get([]);

/** Checks that `act` is refused and that nothing came of it. */
function refused(name: 'PATH' | 'VALUE' | 'TTL', act: () => unknown): void {
  const before = JSON.stringify(whole());
  const hadUncommitted = replica.hasUncommitted;
  bench.told();
  expect(act).toThrow(code(name));
  expect(JSON.stringify(whole())).toBe(before);
  expect(replica.hasUncommitted).toBe(hadUncommitted);
  expect(bench.told()).toEqual([]);
}

describe('set', () => {
  test('replaces everything at and below its path', () => {
    replica.set('a.b.c', 1);
    replica.set('a.x', 2);
    replica.set('a.b', { d: 3 });
    expect(whole()).toEqual({ a: { b: { d: 3 }, x: 2 } });
    replica.set('a', 4);
    expect(whole()).toEqual({ a: 4 });
  });

  test('below a container shows in that container, and leaves the rest of it', () => {
    replica.set('a', { b: { c: 1 }, d: 2 });
    replica.set('a.b.e', 3);
    expect(whole()).toEqual({ a: { b: { c: 1, e: 3 }, d: 2 } });
    expect(replica.get('a.b')).toEqual({ c: 1, e: 3 });
  });

  test('is one write, however its path is spelled', () => {
    replica.set('a.list[0]', 1);
    replica.set(['a', 'list', 0], 2);
    replica.set('["a"].list.0', 3);
    expect(whole()).toEqual({ a: { list: [3] } });
    expect(replica.get("a['list'][0]")).toBe(3);
  });

  test('returns the value as stored', () => {
    expect(replica.set('a', { at: new Date(0), no: undefined })).toEqual({ at: '1970-01-01T00:00:00.000Z' });
  });

  test('refuses the whole cache', () => refused('PATH', () => replica.set([], { a: 1 })));

  test('refuses a bad path, value or ttl before anything changes', () => {
    replica.set('a', 1);
    replica.commit();
    refused('PATH', () => replica.set('', 1));
    refused('PATH', () => replica.set('a.__proto__', 1));
    refused('PATH', () => replica.set(5 as unknown as Path, 1));
    refused('VALUE', () => replica.set('a.b', undefined));
    refused('VALUE', () => replica.set('a.b', { deep: new Map() }));
    refused('TTL', () => replica.set('a.b', 1, -1));
    expect(() => replica.set('a.b', Object.defineProperty({}, 'x', { get: () => { throw new Error('boom'); }, enumerable: true }))).toThrow('boom');
    expect(whole()).toEqual({ a: 1 });
    expect(replica.hasUncommitted).toBe(false);
  });

  test('refuses a value that is larger than the replica allows', () => {
    replica = bench.create({ valueBytesMax: 10 });
    refused('VALUE', () => replica.set('a', 'a'.repeat(9)));
    replica.set('a', 'a'.repeat(8));
  });
});

describe('values', () => {
  test('null, false, 0 and the empty string are values', () => {
    for (const value of [null, false, 0, '']) {
      replica.set('a', value);
      expect(replica.get('a')).toBe(value);
      expect(replica.has('a')).toBe(true);
    }
  });

  test('what is missing is not there, and null is: has tells', () => {
    replica.set('a', { nothing: null });
    expect(replica.get('a.nothing')).toBeNull();
    expect(replica.has('a.nothing')).toBe(true);
    for (const path of ['a.other', 'a.nothing.deeper', 'b', 'b.c[0]']) {
      expect(replica.get(path)).toBeUndefined();
      expect(replica.has(path)).toBe(false);
    }
  });

  test('are shared, frozen, without a copy: repeated reads give the same object', () => {
    const stored = replica.set('a', { b: { c: [1] } });
    expect(replica.get('a')).toBe(stored);
    expect(replica.get('a.b')).toBe((stored as { b: unknown }).b);
    expect(() => (replica.get('a.b.c') as unknown[]).push(2)).toThrow(TypeError);
    expect(() => Object.assign(replica.get([])!, { x: 1 })).toThrow(TypeError);
    replica.set('a.b.d', 1);
    const composed = replica.get('a');
    expect(replica.get('a')).toBe(composed);
    expect(replica.get(['a'])).toBe(composed);
    expect((replica.get([]) as { a: unknown }).a).toBe(composed);
    expect(Object.isFrozen(composed)).toBe(true);
    replica.set('other', 1);
    expect(replica.get('a')).toBe(composed);
  });

  test('read before a write beside, above or below stay what they were', () => {
    replica.set('a', { b: 1 });
    const before = replica.get('a');
    replica.set('a.b', 2);
    expect(before).toEqual({ b: 1 });
    expect(replica.get('a')).toEqual({ b: 2 });
  });

  test('have no children but their own: a string has no characters and no length', () => {
    replica.set('a', 'text');
    replica.set('list', [1]);
    for (const path of ['a[0]', 'a.length', 'list.length', 'list.map', 'a.toString']) {
      expect(replica.get(path)).toBeUndefined();
    }
  });
});

describe('the whole cache', () => {
  test('is an object from the beginning, and the path []', () => {
    expect(whole()).toEqual({});
    expect(replica.has([])).toBe(true);
    expect(whole()).toBe(whole());
  });

  test('stays an object, even if all its keys are indices', () => {
    replica.set('[0]', 'a');
    replica.set('[1]', 'b');
    expect(whole()).toEqual({ 0: 'a', 1: 'b' });
    replica.delete('[0]');
    replica.delete('[1]');
    expect(whole()).toEqual({});
  });

  test('is cleared by a delete of []', () => {
    replica.set('a.b', 1);
    expect(replica.delete([])).toBe(true);
    expect(whole()).toEqual({});
    expect(replica.delete([])).toBe(false);
    replica.set('c', 1);
    expect(whole()).toEqual({ c: 1 });
  });
});

describe('delete', () => {
  test('removes what is at and below its path, and tells whether something was there', () => {
    replica.set('a', { b: { c: 1 }, d: null });
    expect(replica.delete('a.b')).toBe(true);
    expect(whole()).toEqual({ a: { d: null } });
    expect(replica.delete('a.d')).toBe(true);
    expect(replica.delete('a.d')).toBe(false);
    expect(replica.delete('nowhere.at.all')).toBe(false);
    expect(whole()).toEqual({ a: {} });
  });

  test('of a missing path below a value leaves that value alone', () => {
    replica.set('a', 5);
    expect(replica.delete('a.b.c')).toBe(false);
    expect(whole()).toEqual({ a: 5 });
  });

  test('of an element leaves null in an explicit array, which keeps its length', () => {
    replica.set('list', [1, 2, 3]);
    expect(replica.delete('list[2]')).toBe(true);
    expect(replica.get('list')).toEqual([1, 2, null]);
    expect(replica.has('list[2]')).toBe(false);
    replica.set('list[2]', 4);
    expect(replica.get('list')).toEqual([1, 2, 4]);
  });

  test('of the last child takes an implied container along, and an explicit one stays', () => {
    replica.set('implied.list[0].a', 1);
    replica.set('explicit', {});
    replica.set('explicit.a', 1);
    replica.delete('implied.list[0].a');
    replica.delete('explicit.a');
    expect(whole()).toEqual({ explicit: {} });
  });
});

describe('a value that has no children', () => {
  test.each([5, 'text', true, false, null, 0, ''])('%j is replaced by {} when a name is set below it', (value) => {
    replica.set('a', value);
    replica.set('a.b', 1);
    expect(whole()).toEqual({ a: { b: 1 } });
    replica.delete('a.b');
    expect(whole()).toEqual({ a: {} });
  });

  test('is replaced also where the path is an array, which leaves no node behind to be found', () => {
    replica.set('a', 5);
    replica.set(['a', 'b', 'c'], 1);
    expect(whole()).toEqual({ a: { b: { c: 1 } } });
    replica.set(['a', 'b', 'c', 'd'], 2);
    expect(whole()).toEqual({ a: { b: { c: { d: 2 } } } });
    expect(replica.get('a.b.c.d')).toBe(2);
  });

  test('is replaced by [] when an index is set below it', () => {
    replica.set('a', 5);
    replica.set('a[1]', 'x');
    expect(whole()).toEqual({ a: [null, 'x'] });
    replica.delete('a[1]');
    expect(whole()).toEqual({ a: [null, null].slice(0, (replica.get('a') as unknown[]).length) });
    expect(Array.isArray(replica.get('a'))).toBe(true);
  });

  test('is replaced where it stands, deep inside another value and above an implied path', () => {
    replica.set('a', { b: { c: 5, d: 6 } });
    replica.set('a.b.c.x[0].y', 1);
    expect(whole()).toEqual({ a: { b: { c: { x: [{ y: 1 }] }, d: 6 } } });
    expect(bench.told()).toEqual(['r0! set a', 'r0! set a.b.c', 'r0! set a.b.c.x[0].y']);
  });
});

describe('names of Object.prototype', () => {
  const names = ['hasOwnProperty', 'constructor', 'toString', 'valueOf', 'isPrototypeOf', '__defineGetter__'];

  test('are missing until they are set', () => {
    replica.set('a', {});
    for (const name of names) {
      expect(replica.get([name])).toBeUndefined();
      expect(replica.get(['a', name])).toBeUndefined();
      expect(replica.delete(['a', name, 'call'])).toBe(false);
    }
  });

  test('are paths and keys like all others, and harm nobody', () => {
    for (const name of names) {
      replica.set(`${name}.call`, 1);
      replica.set(['a', name], { [name]: name });
    }
    for (const name of names) {
      expect(replica.get([name])).toEqual({ call: 1 });
      expect(replica.get(['a', name, name])).toBe(name);
      expect(typeof {}.hasOwnProperty).toBe('function');
    }
    expect(Object.keys(whole() as object).sort()).toEqual([...names, 'a'].sort());
    for (const name of names) expect(replica.delete(['a', name])).toBe(true);
    expect(replica.get('a')).toBeUndefined();
  });
});

describe('changes', () => {
  test('are told once each, with their reason', () => {
    replica.set('a', 1);
    replica.set('a', 2);
    replica.delete('a');
    replica.delete([]);
    expect(bench.told()).toEqual(['r0! set a', 'r0! set a', 'r0! delete a', 'r0! clear ']);
    replica.commit();
    replica.sweep();
    expect(bench.told()).toEqual([]);
  });
});

describe('a turn', () => {
  test('commits each path once, in one update, and nothing when nothing was written', () => {
    expect(replica.commit()).toBeNull();
    for (let i = 0; i < 1000; i++) replica.set('a', i);
    const update = replica.commit();
    expect(update!.length).toBeLessThan(200);
    expect(replica.commit()).toBeNull();
    expect(replica.hasUncommitted).toBe(false);
  });

  test('writes nothing of what it wrote and hid again', () => {
    for (let i = 0; i < 1000; i++) replica.set(`a.b${i}`, 'x'.repeat(100));
    replica.set('a', 1);
    expect(replica.commit()!.length).toBeLessThan(200);
  });
});
