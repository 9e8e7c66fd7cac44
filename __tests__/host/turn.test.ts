/** The turn of the event loop, and what the parts of the library may take of it. */
import { Turn } from '../../lib/host/turn';
import { limits } from '../../lib/limits';

const { turnMs, turnShareMsMin } = limits;

let nowMs = 0;
beforeEach(() => {
  jest.useFakeTimers();
  jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
});
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

test('who works alone has the whole turn, however often it asks', () => {
  const turn = new Turn();
  nowMs = 100;
  expect([turn.isOver, turn.share('commit')]).toEqual([false, 100 + turnMs]);
  nowMs += 1;
  expect([turn.isOver, turn.share('commit')]).toEqual([false, 100 + turnMs]);
});

test('whoever comes when it is over has a moment nevertheless, and is told that what can wait should', () => {
  const turn = new Turn();
  nowMs = 100;
  turn.share('commit');
  nowMs += turnMs;
  expect([turn.isOver, turn.share('commit')]).toEqual([true, nowMs + turnShareMsMin]);
});

test('those who worked in the turn before are left their parts, also of somebody who comes first now', () => {
  const turn = new Turn();
  nowMs = 100;
  expect(turn.share('commit')).toBe(100 + turnMs);
  expect(turn.share('state')).toBe(100 + turnMs / 2);
  jest.runAllTimers();
  nowMs = 200;
  expect(turn.share('commit')).toBe(200 + turnMs / 2);
  nowMs += turnMs / 2;
  expect(turn.share('state')).toBe(200 + turnMs);
  jest.runAllTimers();
  nowMs = 300;
  expect(turn.share('commit')).toBe(300 + turnMs / 2);
  jest.runAllTimers();
  // Now it was alone.
  nowMs = 400;
  expect(turn.share('commit')).toBe(400 + turnMs);
});

test('a turn ends before the immediates that are asked for in it', () => {
  const turn = new Turn();
  nowMs = 100;
  turn.share('commit');
  nowMs += turnMs;
  const seen: boolean[] = [];
  setImmediate(() => seen.push(turn.isOver));
  expect(turn.isOver).toBe(true);
  jest.runAllTimers();
  expect(seen).toEqual([false]);
});
