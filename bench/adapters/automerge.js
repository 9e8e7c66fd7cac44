/** Automerge: one map, one change for what is written in one turn. It keeps all history by design. */
'use strict';

module.exports = {
  title: 'Automerge',
  packages: ['@automerge/automerge'],
  suites: ['level'],
  /** A write takes up to a millisecond: a twentieth of the entries, and of the writes, is used. */
  share: 0.05,

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
