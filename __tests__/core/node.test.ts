/** Nodes of the tree: what is below them, whether that is one or many. */
import { TreeNode } from '../../lib/core/node';

const segmentsBelow = (node: TreeNode): string[] => Array.from(node.children(), ({ segment }) => segment);

test('has none, one or many below, in the order in which they came', () => {
  const root = new TreeNode(null, '');
  expect([root.hasChildren, segmentsBelow(root), root.child('b')]).toEqual([false, [], undefined]);
  const [b, a, c] = ['b', 'a', 'c'].map((segment, i) => {
    const child = root.obtainChild(segment);
    expect([root.hasChildren, segmentsBelow(root).length]).toEqual([true, i + 1]);
    expect(root.obtainChild(segment)).toBe(child);
    expect(root.child('x')).toBeUndefined();
    return child;
  });
  expect(segmentsBelow(root)).toEqual(['b', 'a', 'c']);
  expect([root.child('a'), root.child('b'), root.child('c')]).toEqual([a, b, c]);
  for (const child of [a, b, c]) {
    expect(root.hasChildren).toBe(true);
    child!.prune();
    expect(root.child(child!.segment)).toBeUndefined();
  }
  expect([root.hasChildren, segmentsBelow(root)]).toEqual([false, []]);
});

test('whoever is out of the tree already does not take along who has come in its place', () => {
  for (const others of [[], ['x', 'y']]) {
    const root = new TreeNode(null, '');
    for (const segment of others) root.obtainChild(segment);
    const former = root.obtainChild('a');
    former.prune();
    const present = root.obtainChild('a');
    former.prune();
    expect(root.child('a')).toBe(present);
  }
});
