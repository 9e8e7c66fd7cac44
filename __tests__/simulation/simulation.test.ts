import { playHistory } from './history';

const SEEDS = 2000;

describe('simulated histories', () => {
  test(`hold in ${SEEDS} seeds`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) playHistory(seed);
  }, 120_000);
});
