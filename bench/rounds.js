/**
 * Rounds: each measures every peer once, one after the other, so that what disturbs the machine for a while
 * disturbs all of them.
 */
'use strict';

/**
 * Has `measure(peer, round)` called for each of `peers` in each round, beginning with another one each time. One
 * that fails is left out from then on, and `onFailure` is told.
 */
async function interleave(peers, rounds, measure, onFailure) {
  let left = [...peers];
  for (let round = 0; round < rounds; round++) {
    const first = left.length === 0 ? 0 : round % left.length;
    for (const peer of [...left.slice(first), ...left.slice(0, first)]) {
      try {
        await measure(peer, round);
      } catch (error) {
        left = left.filter((other) => other !== peer);
        onFailure(peer, error);
      }
    }
  }
}

/** Calls `work` for each of `peers`, one after the other; those with which it succeeded. */
async function each(peers, work, onFailure) {
  const succeeded = [];
  for (const peer of peers) {
    try {
      await work(peer);
      succeeded.push(peer);
    } catch (error) {
      onFailure(peer, error);
    }
  }
  return succeeded;
}

module.exports = { each, interleave };
