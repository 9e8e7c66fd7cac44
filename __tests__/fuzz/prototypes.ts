/** A print of what everybody in a process shares, so that any change to it shows. */

const shared: readonly object[] = [
  Object, Array, Function, String, Number, Boolean, Symbol, BigInt, Error, RangeError, TypeError, Map, Set, WeakMap,
  WeakSet, Promise, RegExp, Date, Uint8Array, DataView, ArrayBuffer, Buffer, TextDecoder,
].flatMap((constructor) => [constructor, constructor.prototype as object]);

type Print = readonly (readonly [object, PropertyKey, unknown])[];

export function printPrototypes(): Print {
  return [...shared, Reflect, JSON, Math, globalThis].flatMap((object) =>
    Reflect.ownKeys(object).map((key) => {
      const { value, get } = Reflect.getOwnPropertyDescriptor(object, key)!;
      return [object, key, value ?? get] as const;
    }),
  );
}

/** The names of what differs. */
export function differences(before: Print, now: Print): string[] {
  const known = new Map<object, Map<PropertyKey, unknown>>();
  for (const [object, key, value] of before) {
    const properties = known.get(object) ?? new Map<PropertyKey, unknown>();
    known.set(object, properties.set(key, value));
  }
  const changed = now.filter(([object, key, value]) => {
    const properties = known.get(object);
    const isSame = properties?.has(key) === true && Object.is(properties.get(key), value);
    properties?.delete(key);
    return !isSame;
  });
  const gone = [...known.values()].flatMap((properties) => [...properties.keys()]);
  return [...changed.map(([, key]) => String(key)), ...gone.map(String)];
}
