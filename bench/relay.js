/**
 * The relay that one would write by hand: workers send their writes to the primary, which sends them on.
 */
'use strict';

/** In the primary: hands on what one of `members` sends to all others. */
function serveRelay(members) {
  for (const member of members) {
    const others = members.filter((other) => other !== member);
    member.onRelay = (payload) => {
      for (const other of others) other.relay(payload);
    };
  }
}

/** In a worker: a message for each write, or one for each turn. */
function carryBySend({ isBatched }) {
  const map = new Map();
  let pending = [];
  let listener = null;
  process.on('message', ({ relay }) => {
    if (relay === undefined) return;
    for (const [key, value] of relay) map.set(key, value);
    listener?.();
  });
  return {
    get: (key) => map.get(key),
    set(key, value) {
      map.set(key, value);
      if (isBatched) pending.push([key, value]);
      else process.send({ relay: [[key, value]] });
    },
    endTurn() {
      if (pending.length > 0) process.send({ relay: pending });
      pending = [];
    },
    onChange(hear) {
      listener = hear;
    },
  };
}

module.exports = { carryBySend, serveRelay };
