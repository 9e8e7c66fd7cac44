/** lodash `get` and `set` on a plain object: the same paths, in one process. */
'use strict';

const get = require('lodash/get');
const set = require('lodash/set');

module.exports = {
  title: 'lodash',
  packages: ['lodash'],
  suites: ['reads', 'writes'],

  open() {
    const object = {};
    return {
      get: (key) => get(object, key),
      set: (key, value) => void set(object, key, value),
      setChild: (parent, child, value) => void set(object, `${parent}.${child}`, value),
    };
  },
};
