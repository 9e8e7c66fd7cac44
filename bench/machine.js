/**
 * On what and of what a run was made: the machine, and the versions of all that is compared.
 */
'use strict';

const os = require('node:os');
const { versionOf } = require('./peers');

function describeMachine() {
  const cpus = os.cpus();
  const memory = `${Math.round(os.totalmem() / 2 ** 30)} GiB`;
  const load = os.loadavg()[0].toFixed(2);
  return {
    processor: `${cpus.length} × ${cpus[0]?.model.trim() ?? 'unknown'}, ${memory}`,
    system: `${os.type()} ${os.release()} (${os.arch()})`,
    load: `${load} at the start (average of a minute)`,
  };
}

/** `name version`, of Node.js, Redis and every package of the peers. */
function describeVersions(peers, redis) {
  const packages = [...new Set(['yjs', ...peers.flatMap(({ packages: names }) => names)])].sort();
  return [
    `Node.js ${process.version.slice(1)}`,
    ...packages.map((name) => `${name} ${versionOf(name) ?? '(not installed)'}`),
    `redis-server ${redis?.version ?? '(not installed)'}`,
  ];
}

module.exports = { describeMachine, describeVersions };
