/**
 * Length-prefixed frames over Unix sockets, from each process to each, without a hub: the limit of what can be
 * had. No order between writers, nobody who joins later, no loss is handled.
 */
'use strict';

const net = require('node:net');
const path = require('node:path');
const { FrameReader, frameOf } = require('../frame');

module.exports = {
  title: 'raw frames',
  suites: ['replication'],

  async carry({ folder, index }) {
    const map = new Map();
    const sockets = [];
    let pending = [];
    let listener = null;
    const adopt = (socket) => {
      socket.on('error', () => undefined);
      const reader = new FrameReader((payload) => {
        const [key, value] = JSON.parse(payload.toString());
        map.set(key, value);
        listener?.();
      });
      socket.on('data', (chunk) => reader.push(chunk));
      sockets.push(socket);
    };
    const server = net.createServer(adopt);
    await new Promise((resolve) => server.listen(path.join(folder, `${index}.sock`), resolve));
    // Those before listen already.
    for (let other = 0; other < index; other++) {
      const socket = net.connect(path.join(folder, `${other}.sock`));
      await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
      adopt(socket);
    }
    return {
      get: (key) => map.get(key),
      set(key, value) {
        map.set(key, value);
        pending.push(frameOf(Buffer.from(JSON.stringify([key, value]))));
      },
      endTurn() {
        const bytes = Buffer.concat(pending);
        pending = [];
        for (const socket of sockets) socket.write(bytes);
      },
      onChange(hear) {
        listener = hear;
      },
    };
  },
};
