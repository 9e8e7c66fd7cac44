import { playHistory } from './history';

// Half of the histories, so that two cores share the work.
test('simulated histories 1 to 1000 hold', () => {
  for (let seed = 1; seed < 1001; seed++) playHistory(seed);
}, 300_000);
