/**
 * A timeout that counts only time in which this process could have noticed an answer.
 *
 * After a long block or a stop of the process every timer fires before a single socket is read: an
 * ordinary timeout would give up on answers that have long been there.
 */

const ticksPerPatience = 20;

/**
 * Calls back once after about `ms`, unless cancelled by the returned function. Keeps no process alive. Begins anew
 * where `hasMoved` says that something has happened since it was last asked.
 */
export function startPatience(ms: number, onExhausted: () => void, hasMoved: () => boolean = () => false): () => void {
  let ticks = 0;
  // However late an interval is, it fires once per turn of the event loop.
  const timer = setInterval(() => {
    ticks += 1;
    if (ticks < ticksPerPatience) return;
    if (hasMoved()) {
      ticks = 0;
      return;
    }
    clearInterval(timer);
    onExhausted();
  }, Math.ceil(ms / ticksPerPatience));
  timer.unref();
  return () => {
    clearInterval(timer);
  };
}

/** Waits for promises that never reject, but not longer than such a patience. */
export async function settledWithin(ms: number, promises: readonly Promise<void>[]): Promise<void> {
  if (promises.length === 0) return;
  await new Promise<void>((resolve) => {
    const cancel = startPatience(ms, resolve);
    void Promise.all(promises).then(() => {
      cancel();
      resolve();
    });
  });
}
