/** One flat `Y.Map` with a listener for updates, and one transaction for what is written in one turn. */
'use strict';

const Y = require('yjs');

module.exports = {
  title: 'Y.Map',
  packages: ['yjs'],
  suites: ['reads', 'writes', 'level'],

  open() {
    const doc = new Y.Doc();
    const map = doc.getMap('map');
    let updateBytes = 0;
    // What would go to other processes.
    doc.on('update', (update) => {
      updateBytes += update.length;
    });
    return {
      get: (key) => map.get(key),
      set: (key, value) => void map.set(key, value),
      setTurn(writes) {
        doc.transact(() => {
          for (const [key, value] of writes) map.set(key, value);
        });
      },
      footprint: () => ({ disk: Y.encodeStateAsUpdate(doc).length, updateBytes }),
      close: () => doc.destroy(),
    };
  },
};
