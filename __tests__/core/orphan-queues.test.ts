/** The queues of orphans against a plain list. */
import fc from 'fast-check';
import { TreeNode } from '../../lib/core/node';
import { isOrphan, Orphans } from '../../lib/core/orphans';

const root = new TreeNode(null, '');
const HOME = 'a.1';

function newNode(time: number): TreeNode {
  const node = new TreeNode(root, String(time));
  node.register = { key: node.segment, time, writer: 'w', value: 1, expiresAt: 0, bytes: 1, home: HOME };
  return node;
}

type Step = { readonly kind: 'add' | 'pass' | 'home' | 'until' | 'take'; readonly n: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('add' as const), n: fc.nat(1) }) },
  // The clock may be set back.
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), n: fc.integer({ min: -4, max: 8 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('home' as const, 'until' as const, 'take' as const), n: fc.nat(40) }) },
);

test('who waits, and for how long, is what a look at all of them tells', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 40, maxLength: 120 }), (steps) => {
      let [nowMs, time] = [100, 0];
      let expected: { readonly node: TreeNode; readonly owner: string; since: number }[] = [];
      const orphans = new Orphans(() => nowMs);
      for (const { kind, n } of steps) {
        if (kind === 'add') {
          const node = newNode(++time);
          orphans.add(node, node.register!, `o${n}`, false);
          expect(isOrphan(node.register!)).toBe(true);
          for (const other of expected) if (other.owner === `o${n}`) other.since = Math.min(other.since, nowMs);
          expected.push({ node, owner: `o${n}`, since: nowMs });
        } else if (kind === 'pass') {
          nowMs += n;
        } else if (kind === 'home' && expected.length > 0) {
          const [found] = expected.splice(n % expected.length, 1);
          found!.node.register!.home = HOME;
        } else if (kind === 'until') {
          const [owner, since] = [`o${n % 2}`, nowMs - (n >> 2)];
          const isDue = (other: { owner: string; since: number }): boolean => other.owner === owner && other.since <= since;
          expect(orphans.takeUntil(owner, since).map(({ node }) => node)).toEqual(expected.filter(isDue).map(({ node }) => node));
          expected = expected.filter((other) => !isDue(other));
        } else if (kind === 'take') {
          const matches = (node: TreeNode): boolean => node.register!.time % 3 === n % 3;
          const taken = orphans.take(({ node }) => matches(node)).map(({ node }) => node);
          expect(new Set(taken)).toEqual(new Set(expected.map(({ node }) => node).filter(matches)));
          expected = expected.filter(({ node }) => !matches(node));
        }
        // Not always: it tidies up.
        if (n % 3 === 0) expect(orphans.owners()).toEqual(new Set(expected.map(({ owner }) => owner)));
        for (const { node, since } of expected) expect(orphans.some((orphan) => orphan.node === node && orphan.since === since)).toBe(true);
      }
      const left = orphans.take(() => true);
      expect(left).toHaveLength(expected.length);
    }),
    { numRuns: 300 },
  );
});
