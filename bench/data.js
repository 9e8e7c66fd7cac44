/**
 * The data of the benchmarks: keys in an order that is random and always the same, values small and large.
 */
'use strict';

const SEED = 0x2545f491;
/** Different values that are written in turn, so that no write leaves things as they were. */
const VARIANTS = 509;

function pathOf(i) {
  return `user.${i}.name`;
}

/** The integers below `count`, shuffled. */
function shuffled(count) {
  const numbers = Array.from({ length: count }, (_, i) => i);
  let state = SEED;
  for (let i = count - 1; i > 0; i--) {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const j = (state >>> 0) % (i + 1);
    [numbers[i], numbers[j]] = [numbers[j], numbers[i]];
  }
  return numbers;
}

function smallValue(i) {
  return `name of ${i % VARIANTS}`;
}

/** About 1 KB as JSON. */
function objectValue(i) {
  const variant = i % VARIANTS;
  return {
    id: variant,
    name: `name of ${variant}`,
    isActive: variant % 2 === 0,
    address: { street: `${variant} Rue de la Paix`, city: 'Paris', zip: '75002', country: 'France' },
    roles: ['reader', 'writer', 'owner'],
    visits: Array.from({ length: 20 }, (_, day) => ({ day, count: (variant * day) % 97, page: `/page/${day}` })),
  };
}

/** `count` entries of about 100 bytes as JSON, as pairs. */
function entriesOf(count) {
  const text = 'The quick brown fox jumps over the lazy dog and is gone again, as ever.';
  return Array.from({ length: count }, (_, i) => [pathOf(i), `${text} ${i}`]);
}

module.exports = { entriesOf, objectValue, pathOf, shuffled, smallValue, VARIANTS };
