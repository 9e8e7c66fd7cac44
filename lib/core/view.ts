/**
 * The view of one container: a base value with what was later written below it laid over.
 *
 * Pure functions of their arguments, so that replicas with the same winners show the same.
 */
import { toIndex } from './path';
import { isContainer, type JsonObject, type JsonValue } from './value';
import { limits } from '../limits';

/** What a child shows instead of the base's own property; undefined where it shows nothing. */
export interface Overlay {
  readonly segment: string;
  readonly value: JsonValue | undefined;
}

const IMPLIED_DENSITY = 2;
const IMPLIED_SLACK = 16;

/** `base` with `overlays` laid over; undefined where nothing is visible. The result is frozen. */
export function composeView(base: JsonValue | undefined, overlays: readonly Overlay[]): JsonValue | undefined {
  if (overlays.length === 0) return base;
  if (Array.isArray(base)) return overArray(base as readonly JsonValue[], overlays);
  if (isContainer(base)) return overObject(base as JsonObject, overlays);
  const live = overlays.filter((overlay) => overlay.value !== undefined);
  // A container that nobody set exists only through its children; without them the value that was there shows.
  if (live.length === 0) return base;
  const largest = largestIndex(live);
  return largest >= 0 && largest < IMPLIED_DENSITY * live.length + IMPLIED_SLACK
    ? asArray([], live)
    : overObject({}, live);
}

function overArray(base: readonly JsonValue[], overlays: readonly Overlay[]): JsonValue {
  const live = overlays.filter((overlay) => overlay.value !== undefined);
  const largest = live.length === 0 ? 0 : largestIndex(live);
  // A name below an array can only come from a writer that had not heard of the array: lose neither.
  if (largest < 0 || largest >= base.length + IMPLIED_DENSITY * live.length + limits.arrayGrowthMax) {
    return overObject(Object.assign({}, base) as unknown as JsonObject, overlays);
  }
  return asArray(base, overlays);
}

function asArray(base: readonly JsonValue[], overlays: readonly Overlay[]): JsonValue {
  const result = base.slice();
  for (const { segment, value } of overlays) {
    const index = toIndex(segment);
    if (value === undefined) {
      if (index >= 0 && index < base.length) result[index] = null;
      continue;
    }
    while (result.length < index) result.push(null);
    result[index] = value;
  }
  return Object.freeze(result);
}

function overObject(base: JsonObject, overlays: readonly Overlay[]): JsonValue {
  const result: Record<string, JsonValue> = { ...base };
  let gone: Set<string> | undefined;
  for (const { segment, value } of overlays) {
    if (value !== undefined) result[segment] = value;
    else if (segment in result) (gone ??= new Set()).add(segment);
  }
  if (gone === undefined) return Object.freeze(result);
  // Built again, not deleted from: `delete` would leave a slow dictionary behind for every reader.
  const kept: Record<string, JsonValue> = {};
  for (const key of Object.keys(result)) if (!gone.has(key)) kept[key] = result[key]!;
  return Object.freeze(kept);
}

/** The largest index among `overlays`, or -1 if one of them is no index. */
function largestIndex(overlays: readonly Overlay[]): number {
  let largest = -1;
  for (const { segment } of overlays) {
    const index = toIndex(segment);
    if (index < 0) return -1;
    if (index > largest) largest = index;
  }
  return largest;
}
