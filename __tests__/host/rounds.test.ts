/** The timer of a process, and what it is set for. */
import { Rounds, type Round } from '../../lib/host/rounds';
import { limits } from '../../lib/limits';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** A round that keeps a record of when it rang, in ms since now. */
function round(intervalMs: number, onRing: () => void = () => undefined): { readonly round: Round; readonly rangAt: number[] } {
  const begin = performance.now();
  const rangAt: number[] = [];
  const ring = (): void => {
    rangAt.push(performance.now() - begin);
    onRing();
  };
  return { round: { intervalMs, ring, deadlineSlot: -1 }, rangAt };
}

test('each rings after its interval, again and again, by one timer', () => {
  const rounds = new Rounds();
  const [slow, quick] = [round(100), round(30)];
  for (const each of [slow, quick]) rounds.start(each.round);
  expect(jest.getTimerCount()).toBe(1);
  jest.advanceTimersByTime(210);
  expect([slow.rangAt, quick.rangAt]).toEqual([[100, 200], [30, 60, 90, 120, 150, 180, 210]]);
  expect(jest.getTimerCount()).toBe(1);
});

test('those that are due at the same moment ring one after the other, in turns of their own', () => {
  const rounds = new Rounds();
  const all = [round(50), round(50), round(50)];
  for (const each of all) rounds.start(each.round);
  jest.advanceTimersByTime(50);
  expect(all.map(({ rangAt }) => rangAt.length)).toEqual([1, 0, 0]);
  jest.advanceTimersByTime(2);
  expect(all.map(({ rangAt }) => rangAt.length)).toEqual([1, 1, 1]);
});

test('who is stopped rings no more, and the last one takes the timer along', () => {
  const rounds = new Rounds();
  const [one, other] = [round(10), round(20)];
  for (const each of [one, other]) rounds.start(each.round);
  jest.advanceTimersByTime(10);
  rounds.stop(one.round);
  jest.advanceTimersByTime(30);
  expect([one.rangAt, other.rangAt]).toEqual([[10], [20, 40]]);
  rounds.stop(other.round);
  expect(jest.getTimerCount()).toBe(0);
});

test('who stops itself, or throws, keeps no other from ringing', () => {
  const rounds = new Rounds();
  const leaving = round(10, () => {
    rounds.stop(leaving.round);
  });
  const failing = round(15, () => {
    throw new Error('failed');
  });
  const other = round(20);
  for (const each of [leaving, failing, other]) rounds.start(each.round);
  jest.advanceTimersByTime(10);
  for (const ms of [5, 15]) expect(() => jest.advanceTimersByTime(ms)).toThrow('failed');
  expect([leaving.rangAt, failing.rangAt, other.rangAt]).toEqual([[10], [15, 30], [20]]);
});

test('after a long block it rings once, and not once for every interval of it', () => {
  const rounds = new Rounds();
  const each = round(10);
  rounds.start(each.round);
  const { now } = performance;
  const spy = jest.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + 1000);
  jest.advanceTimersByTime(19);
  expect(each.rangAt.length).toBe(1);
  jest.advanceTimersByTime(1);
  expect(each.rangAt.length).toBe(2);
  spy.mockRestore();
});

test('an interval may be as long as a timer can be', () => {
  const rounds = new Rounds();
  const each = round(limits.timerMsMax);
  rounds.start(each.round);
  jest.advanceTimersByTime(limits.timerMsMax - 1);
  expect(each.rangAt).toEqual([]);
  jest.advanceTimersByTime(1);
  expect(each.rangAt.length).toBe(1);
});
