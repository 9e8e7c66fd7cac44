/**
 * Writes, with everything that they cause in the process that writes.
 */
'use strict';

const { measureStores } = require('../stores');

const FEW = 1000;
const MANY = 100_000;
const MANY_QUICK = 5000;
const TTL_MS = 600_000;

module.exports = {
  title: 'Writes',
  about: [
    'Time per write of a key that is there already, until all is done: with cluster-cache tree, document and encoded',
    'update; with `Y.Map` one transaction per turn and its update; with Redis the answers; with lmdb the commit. One',
    'write per turn of the event loop includes the turn.',
  ],

  run: (context) => measureStores('writes', casesOf(context.isQuick ? MANY_QUICK : MANY), context),
};

const casesOf = (many) => [1000, 1].flatMap((perTurn) => {
  const turn = perTurn === 1 ? '1 per turn' : '1,000 per turn';
  return [
    { id: `few-${perTurn}`, title: `small, 1,000 keys, ${turn}`, scene: { keys: FEW, isLarge: false, perTurn } },
    { id: `many-${perTurn}`, title: `small, 100,000 keys, ${turn}`, scene: { keys: many, isLarge: false, perTurn } },
    { id: `object-${perTurn}`, title: `1 KB, 1,000 keys, ${turn}`, scene: { keys: FEW, isLarge: true, perTurn } },
    {
      id: `ttl-${perTurn}`,
      title: `small with ttl, 1,000 keys, ${turn}`,
      scene: { keys: FEW, isLarge: false, perTurn, ttlMs: TTL_MS },
    },
  ];
});
