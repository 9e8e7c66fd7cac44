/**
 * The oracle: what a cache must show, worked out in the dumbest way: all writes in stamp order, each by lodash.
 *
 * It shares no code with the tree. What it adds to lodash is written down in docs/consistency.md: containers
 * that nobody set come and go with their children, and take an array's shape only where that is dense.
 */
import _ from 'lodash';

/** One write of the history; `value` undefined is a delete, and `path` [] clears everything. */
export interface Write {
  readonly path: readonly string[];
  readonly value: unknown;
  readonly time: number;
  readonly writer: string;
  /** Milliseconds since 1970, or 0 for never. */
  readonly expiresAt: number;
}

interface Step {
  readonly time: number;
  readonly writer: string;
  /** Expiries come before writes of the same time, unless it is their own. */
  readonly apply: (state: State) => void;
}

/** Everything that was written, as plain objects, and what plain objects do not tell. */
class State {
  readonly tree: Record<string, unknown> = {};
  /** Containers that somebody set, by path: the length of an array, or -1 for an object. */
  readonly explicit = new Map<string, number>();
  /** Values that are no containers, below which something was written by who had not heard of them. */
  readonly shadowed = new Map<string, unknown>();
  /** The write whose expiry still counts, by path. */
  readonly expiring = new Map<string, Write>();

  set(write: Write): void {
    this.#forget(write.path);
    for (let depth = 1; depth < write.path.length; depth++) {
      const above = write.path.slice(0, depth);
      const there = this.#at(above);
      if (there !== undefined && !_.isPlainObject(there)) this.shadowed.set(keyOf(above), there);
    }
    _.setWith(this.tree, write.path, this.#plain(write.value, write.path), (there: unknown) =>
      _.isPlainObject(there) ? there : {},
    );
    if (write.expiresAt !== 0) this.expiring.set(keyOf(write.path), write);
  }

  unset(path: readonly string[]): void {
    this.#forget(path);
    if (path.length === 0) {
      for (const key of Object.keys(this.tree)) _.unset(this.tree, [key]);
      return;
    }
    if (_.isPlainObject(this.#at(path.slice(0, -1)))) _.unset(this.tree, path);
    for (let depth = path.length - 1; depth > 0; depth--) {
      const above = path.slice(0, depth);
      const there = this.#at(above);
      if (!_.isPlainObject(there) || !_.isEmpty(there) || this.explicit.has(keyOf(above))) return;
      if (this.shadowed.has(keyOf(above))) {
        _.set(this.tree, above, this.shadowed.get(keyOf(above)));
        this.shadowed.delete(keyOf(above));
        return;
      }
      _.unset(this.tree, above);
    }
  }

  /** What a cache with this state shows. */
  view(): unknown {
    return this.#show(this.tree, []);
  }

  /** What stands at `path`; lodash alone would also find the characters of a string. */
  #at(path: readonly string[]): unknown {
    let there: unknown = this.tree;
    for (const segment of path) there = _.isPlainObject(there) ? _.get(there, [segment]) : undefined;
    return there;
  }

  #show(there: unknown, path: readonly string[]): unknown {
    if (!_.isPlainObject(there)) return there;
    const shown = _.mapValues(there as Record<string, unknown>, (child, key) => this.#show(child, [...path, key]));
    const indices = Object.keys(shown).map((key) => (/^(0|[1-9]\d*)$/.test(key) ? Number(key) : NaN));
    const largest = indices.some(Number.isNaN) ? Infinity : Math.max(-1, ...indices);
    const length = this.explicit.get(keyOf(path));
    const isArray =
      length === undefined
        ? path.length > 0 && largest < 2 * indices.length + 16
        : length >= 0 && largest < length + 65_536;
    if (!isArray) return shown;
    return _.range(Math.max(length ?? 0, largest + 1)).map((i) => shown[i] ?? null);
  }

  #plain(value: unknown, path: readonly string[]): unknown {
    if (!_.isObject(value)) return value;
    this.explicit.set(keyOf(path), Array.isArray(value) ? value.length : -1);
    const result: Record<string, unknown> = {};
    for (const [key, child] of Object.entries(value)) result[key] = this.#plain(child, [...path, key]);
    return result;
  }

  #forget(path: readonly string[]): void {
    for (const table of [this.explicit, this.shadowed, this.expiring]) {
      for (const key of table.keys()) {
        const other = JSON.parse(key) as string[];
        if (_.isEqual(other.slice(0, path.length), path)) table.delete(key);
      }
    }
  }
}

/** What a cache that has heard of all `writes` must show at `nowMs`. */
export function expectedView(writes: readonly Write[], nowMs: number): unknown {
  const steps: Step[] = writes.map((write) => ({
    time: write.time,
    writer: write.writer,
    apply: (state) => {
      if (write.value === undefined) state.unset(write.path);
      else state.set(write);
      if (write.expiresAt !== 0 && write.expiresAt <= nowMs && toTime(write.expiresAt) <= write.time) {
        expire(state, write);
      }
    },
  }));
  for (const write of writes) {
    if (write.expiresAt === 0 || write.expiresAt > nowMs || toTime(write.expiresAt) <= write.time) continue;
    steps.push({ time: toTime(write.expiresAt), writer: '', apply: (state) => expire(state, write) });
  }
  steps.sort((a, b) => a.time - b.time || (a.writer < b.writer ? -1 : 1));
  const state = new State();
  for (const step of steps) step.apply(state);
  return state.view();
}

function expire(state: State, write: Write): void {
  if (state.expiring.get(keyOf(write.path)) === write) state.unset(write.path);
}

function toTime(ms: number): number {
  return (ms - Date.UTC(2020, 0, 1)) * 4096;
}

function keyOf(path: readonly string[]): string {
  return JSON.stringify(path);
}
