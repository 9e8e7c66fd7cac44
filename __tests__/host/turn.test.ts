/** The turn of the event loop, and what the parts of the library may take of it. */
import { Turn } from '../../lib/host/turn';
import { limits } from '../../lib/limits';

const { turnMs, turnShareMsMin } = limits;

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** A turn that begins now, and its end. */
function begin(): { readonly turn: Turn; readonly end: number } {
  const turn = new Turn();
  const end = performance.now() + turnMs;
  expect([turn.isOver, turn.share()]).toEqual([false, end]);
  return { turn, end };
}

test('all that works in one turn of the event loop has the time of one', () => {
  const { turn, end } = begin();
  jest.setSystemTime(Date.now() + 2);
  expect([turn.isOver, turn.share()]).toEqual([false, end]);
});

test('whoever comes late has a moment nevertheless, and is told that what can wait should', () => {
  const { turn, end } = begin();
  const now = jest.spyOn(performance, 'now').mockReturnValue(end);
  expect([turn.isOver, turn.share()]).toEqual([true, end + turnShareMsMin]);
  now.mockRestore();
});

test('the next turn has its own time; one immediate later it is still this one', () => {
  const { turn, end } = begin();
  const now = jest.spyOn(performance, 'now').mockReturnValue(end + 1);
  const seen: boolean[] = [];
  setImmediate(() => {
    seen.push(turn.isOver);
    setImmediate(() => seen.push(turn.isOver));
  });
  jest.runAllTimers();
  expect(seen).toEqual([true, false]);
  expect(turn.share()).toBe(end + 1 + turnMs);
  now.mockRestore();
});
