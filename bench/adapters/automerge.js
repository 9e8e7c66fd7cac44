/** Automerge: one map, one change for what is written in one turn. It keeps all history by design. */
'use strict';

module.exports = {
  title: 'Automerge',
  packages: ['@automerge/automerge'],
  suites: ['level'],
  /** A write takes up to half a millisecond: a fiftieth of the overwrites is enough. */
  overwritesShare: 0.02,

  open() {
    const Automerge = require('@automerge/automerge');
    let doc = Automerge.from({});
    return {
      setTurn(writes) {
        doc = Automerge.change(doc, (draft) => {
          for (const [key, value] of writes) draft[key] = value;
        });
      },
      footprint: () => ({ disk: Automerge.save(doc).length }),
    };
  },
};
