import { playHistory } from './history';

// Half of the histories, so that two cores share the work.
test('simulated histories 1001 to 2000 hold', () => {
  for (let seed = 1001; seed < 2001; seed++) playHistory(seed);
}, 300_000);
