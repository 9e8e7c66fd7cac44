/** A plain object with one property for each path: what the data itself takes. Its file is JSON. */
'use strict';

module.exports = {
  title: 'plain object',
  suites: ['level'],

  open() {
    const object = {};
    return {
      set(key, value) {
        object[key] = value;
      },
      footprint: () => ({ disk: Buffer.byteLength(JSON.stringify(object)) }),
    };
  },
};
