/** Which answers count as those of peers that know what is on disk. */
import { Informants } from '../../lib/host/informants';

let informants: Informants<string>;
beforeEach(() => {
  informants = new Informants();
});

test('one since the mark counts', () => {
  expect(informants.isInformedSince(0)).toBe(false);
  informants.note('a', 1);
  expect(informants.isInformedSince(0)).toBe(true);
  expect(informants.isInformedSince(informants.mark)).toBe(false);
});

test('none counts that was given, or asked for, before a peer was lost', () => {
  const { mark } = informants;
  informants.note('a', 1);
  informants.noteLoss([['a', 2]]);
  expect(informants.isInformedSince(mark)).toBe(false);
  informants.note('a', 2);
  expect(informants.isInformedSince(mark)).toBe(false);
  informants.note('a', 3);
  expect(informants.isInformedSince(mark)).toBe(true);
  informants.noteLoss([]);
  informants.note('new', 0);
  expect(informants.isInformedSince(mark)).toBe(true);
});
