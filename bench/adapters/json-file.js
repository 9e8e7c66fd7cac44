/** All entries in a file of JSON, read and parsed at once. */
'use strict';

const fs = require('node:fs/promises');
const path = require('node:path');

module.exports = {
  title: 'JSON file',
  suites: ['join'],

  async provide({ folder }, entries) {
    await fs.writeFile(path.join(folder, 'entries.json'), JSON.stringify(entries));
  },

  async join({ folder }) {
    const map = new Map(JSON.parse(await fs.readFile(path.join(folder, 'entries.json'), 'utf8')));
    return (key) => map.get(key);
  },
};
