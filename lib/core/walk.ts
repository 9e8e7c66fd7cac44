/**
 * The walk from the root to a node, which decides what is visible there (docs/consistency.md): a register is
 * visible if its stamp is above the floor, and then raises the floor.
 */
import type { TreeNode } from './node';
import { expiryTime, hasExpired, type Register } from './register';
import { isLater } from './stamp';
import { ownProperty, type JsonValue } from './value';
import { composeView, type Overlay } from './view';

const emptyObject: JsonValue = Object.freeze({});

/** A walk from the root: what is visible on the way. */
export interface Walk {
  floorTime: number;
  floorWriter: string;
  /** What the nearest visible register shows at this point. */
  base: JsonValue | undefined;
  /** Until when that holds, in ms since 1970. */
  until: number;
}

/** The walk to `node`: what its own register and those above it show there, whatever lies below. */
export function walkTo(node: TreeNode, now: number): Walk {
  if (node.parent === null) {
    const walk = enter({ floorTime: -1, floorWriter: '', base: undefined, until: Infinity }, node.register, now);
    // Nothing is ever set here, only cleared, and the cache itself is always an object.
    walk.base = emptyObject;
    return walk;
  }
  const walk = walkTo(node.parent, now);
  walk.base = ownProperty(walk.base, node.segment);
  return enter(walk, node.register, now);
}

/** Whether `register`, the winner at `node`, is above the floor there. */
export function isVisible(node: TreeNode, register: Register, now: number): boolean {
  if (node.parent === null) return true;
  const { floorTime, floorWriter } = walkTo(node.parent, now);
  return isLater(register.time, register.writer, floorTime, floorWriter);
}

/** Has `node` remember what is visible there, and until when. */
export function refresh(node: TreeNode, now: number): void {
  compose(node, walkTo(node, now), now);
}

/** Takes a walk past `register`: visible if above the floor, and then the new floor. */
function enter(walk: Walk, register: Register | null, now: number): Walk {
  if (register === null || !isLater(register.time, register.writer, walk.floorTime, walk.floorWriter)) return walk;
  walk.floorTime = register.time;
  walk.floorWriter = register.writer;
  walk.base = register.value;
  if (hasExpired(register, now)) {
    const time = expiryTime(register);
    // An expiry is below every write of its very millisecond: those came to an empty place.
    if (time > register.time) {
      walk.floorTime = time;
      walk.floorWriter = '';
    }
    walk.base = undefined;
  } else if (register.expiresAt !== 0) {
    walk.until = Math.min(walk.until, register.expiresAt);
  }
  return walk;
}

/** Computes what is visible at `node`, to which `walk` has led, and below; remembers it, and until when it holds. */
function compose(node: TreeNode, walk: Walk, now: number): void {
  let until = walk.until;
  let overlays: Overlay[] | undefined;
  for (const child of node.children()) {
    if (child.register === null && !child.hasChildren) continue;
    const inherited = ownProperty(walk.base, child.segment);
    if (child.isStale(now)) {
      compose(child, enter({ ...walk, base: inherited }, child.register, now), now);
    }
    if (child.freshUntil !== null) until = Math.min(until, child.freshUntil);
    if (child.value !== inherited) (overlays ??= []).push({ segment: child.segment, value: child.value });
  }
  node.value = overlays === undefined ? walk.base : composeView(walk.base, inOrder(overlays));
  node.freshUntil = until === Infinity ? null : until;
}

/** Overlays by segment, not by arrival, so that every process shows its properties in the same order. */
function inOrder(overlays: Overlay[]): Overlay[] {
  return overlays.sort((a, b) => (a.segment < b.segment ? -1 : 1));
}

