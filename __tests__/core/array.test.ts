/** Containers that nobody set, and arrays: what shape they take, and what they refuse. */
import { Bench, code, mergeAll } from './replicas';
import type { Replica } from '../../lib/core/replica';

let bench: Bench;
let replica: Replica;

beforeEach(() => {
  bench = new Bench();
  replica = bench.create();
});

describe('an implied container', () => {
  test('is an array if all its children are dense indices', () => {
    replica.set('users[0].name', 'ann');
    replica.set('users[1].name', 'bob');
    expect(replica.get([])).toEqual({ users: [{ name: 'ann' }, { name: 'bob' }] });
  });

  test('is an object if one child is no index, and an array again without it', () => {
    replica.set('a[0]', 1);
    replica.set('a.name', 2);
    expect(replica.get('a')).toEqual({ 0: 1, name: 2 });
    replica.delete('a.name');
    expect(replica.get('a')).toEqual([1]);
  });

  test('is no array of ten million', () => {
    replica.set('users.10000000.name', 'ann');
    expect(replica.get('users')).toEqual({ 10000000: { name: 'ann' } });
    expect(replica.get('users[10000000].name')).toBe('ann');
  });

  test('turns from object to array as it gets dense enough', () => {
    replica.set('a[20]', 'x');
    expect(replica.get('a')).toEqual({ 20: 'x' });
    replica.set('a[0]', 'y');
    expect(Array.isArray(replica.get('a'))).toBe(false);
    replica.set('a[1]', 'z');
    expect(replica.get('a')).toHaveLength(21);
  });

  test('reads the same by itself and in its parents', () => {
    replica.set('a[3]', 'x');
    expect(replica.get('a')).toEqual([null, null, null, 'x']);
    expect(replica.get([])).toEqual({ a: [null, null, null, 'x'] });
    expect(replica.has('a[0]')).toBe(false);
  });
});

describe('an explicit array', () => {
  const refused = (path: string): void => {
    const before = replica.get([]);
    replica.commit();
    expect(() => replica.set(path, 'x')).toThrow(code('PATH'));
    expect(replica.get([])).toBe(before);
    expect(replica.hasUncommitted).toBe(false);
  };

  test('takes an index up to 1,024 past its end, and fills the gap with null', () => {
    replica.set('list', [1]);
    replica.set('list[1025]', 'x');
    expect(replica.get('list')).toHaveLength(1026);
    expect((replica.get('list') as unknown[])[500]).toBeNull();
  });

  test('refuses an index further than that, and a name', () => {
    replica.set('list', [1]);
    refused('list[1026]');
    refused('list[1026].deep.er');
    refused('list[4294967294]');
    refused('list.name');
    refused('list.length');
    refused('list["-1"]');
    refused('list["01"].x');
  });

  test('refuses them also where it stands inside another value', () => {
    replica.set('a', { b: { list: [1] } });
    refused('a.b.list.name');
    refused('a.b.list[2000]');
    replica.set('a.b.list[2]', 'x');
    expect(replica.get('a')).toEqual({ b: { list: [1, null, 'x'] } });
  });

  test('of no elements takes elements and stays an array', () => {
    replica.set('list', []);
    expect(replica.get('list')).toEqual([]);
    replica.set('list[0]', 1);
    replica.delete('list[0]');
    expect(replica.get('list')).toEqual([]);
  });

  test('counts from the end that is shown', () => {
    replica.set('list', []);
    replica.set('list[1024]', 'x');
    replica.set('list[2048]', 'y');
    expect(replica.get('list')).toHaveLength(2049);
    refused('list[3074]');
  });

  test('stays one, however far it grows step by step', () => {
    replica.set('list', []);
    for (let index = 1024; index < 80_000; index += 1024) {
      try {
        replica.set(['list', index], 'x');
      } catch (error) {
        expect(error).toEqual(code('PATH'));
      }
      expect(Array.isArray(replica.get('list'))).toBe(true);
    }
  });

  test('takes fields of its elements, and replaces an element that is no container', () => {
    replica.set('list', [{ a: 1 }, 5]);
    replica.set('list[0].b', 2);
    replica.set('list[1].c', 3);
    expect(replica.get('list')).toEqual([{ a: 1, b: 2 }, { c: 3 }]);
  });

  test('is shown as an object with all of it where a name came from who had not heard of it', () => {
    const other = bench.create();
    replica.set('list', ['x', 'y']);
    bench.nowMs++;
    other.set('list.name', 'n');
    mergeAll(replica, other);
    for (const one of [replica, other]) expect(one.get('list')).toEqual({ 0: 'x', 1: 'y', name: 'n' });
    replica.delete('list.name');
    mergeAll(replica, other);
    for (const one of [replica, other]) expect(one.get('list')).toEqual(['x', 'y']);
  });

  test('that is shown as an object takes names', () => {
    const other = bench.create();
    replica.set('list', ['x']);
    bench.nowMs++;
    other.set('list.name', 'n');
    mergeAll(replica, other);
    replica.set('list.more', 'm');
    expect(replica.get('list')).toEqual({ 0: 'x', name: 'n', more: 'm' });
  });
});
