/** All entries as one JSON text over a Unix socket, encoded for each who asks: what a copy costs at least. */
'use strict';

const net = require('node:net');
const path = require('node:path');

module.exports = {
  title: 'raw socket copy',
  suites: ['join'],

  async provide({ folder }, entries) {
    const map = new Map(entries);
    const server = net.createServer((socket) => socket.end(JSON.stringify([...map])));
    await new Promise((resolve) => server.listen(path.join(folder, 'copy.sock'), resolve));
  },

  async join({ folder }) {
    const chunks = [];
    for await (const chunk of net.connect(path.join(folder, 'copy.sock'))) chunks.push(chunk);
    const map = new Map(JSON.parse(Buffer.concat(chunks).toString()));
    return (key) => map.get(key);
  },
};
