/** The queue in which each item waits once. */
import { UniqueQueue } from '../../lib/core/unique-queue';

test('items come out in the order in which they came, once, also those that come while others go', () => {
  const queue = new UniqueQueue<string>();
  expect(queue.take()).toBeUndefined();
  for (const item of ['a', 'b', 'a']) queue.add(item);
  expect(queue.take()).toBe('a');
  queue.add('a');
  queue.add('b');
  expect([queue.take(), queue.take(), queue.take()]).toEqual(['b', 'a', undefined]);
  queue.add('c');
  queue.clear();
  queue.add('d');
  expect([queue.take(), queue.take()]).toEqual(['d', undefined]);
});

test('a long one does not take the square of its length', () => {
  const queue = new UniqueQueue<number>();
  // By the square, this takes some minutes, and the test has half of one.
  for (let i = 0; i < 1_000_000; i++) queue.add(i);
  let count = 0;
  while (queue.take() !== undefined) count++;
  expect(count).toBe(1_000_000);
});
