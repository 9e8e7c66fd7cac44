/**
 * The hosts of this process, by place, and what happens to them when the process ends by itself.
 */
import { limits } from '../limits';
import { Host, type Place } from './host';

const hosts = new Map<string, Host>();

/** The host of `place`, made if need be. */
export function obtainHost(place: Place): Host {
  const key = JSON.stringify([place.directory, place.socketDirectory ?? null]);
  let host = hosts.get(key);
  if (host === undefined) {
    const created = new Host(place, () => {
      if (hosts.get(key) === created) hosts.delete(key);
      if (hosts.size === 0) stopWatching();
    });
    host = created;
    if (hosts.size === 0) startWatching();
    hosts.set(key, host);
  }
  return host;
}

function startWatching(): void {
  process.on('beforeExit', flushAll);
  process.on('exit', endAll);
}

function stopWatching(): void {
  process.off('beforeExit', flushAll);
  process.off('exit', endAll);
}

/** Nothing else is left to do: what was set goes to the others and to disk before the process ends. */
function flushAll(): void {
  for (const host of hosts.values()) {
    for (const cache of host.caches) {
      if (!cache.needsFlush) continue;
      void host.hold(async () => {
        let timer: NodeJS.Timeout | undefined;
        const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, limits.exitWaitMs)));
        await Promise.race([cache.flushAtExit(), patience]);
        clearTimeout(timer);
      });
    }
  }
}

function endAll(): void {
  for (const host of hosts.values()) host.endSync();
}
