/**
 * A worker: the only kind of process here that loads the library. It does what the primary asks, one command
 * of commands.js per message, and ends with the primary.
 */
'use strict';

const { commands } = require('./commands');

process.on('message', ({ id, command, args }) => {
  // Async, so that what a command throws becomes an answer, too.
  const work = async () => commands[command](...args);
  work().then(
    (result) => tell({ id, result }),
    (error) => tell({ id, error: error instanceof Error ? error.stack : String(error) }),
  );
});

// Ctrl-C reaches every process of the terminal; the primary decides what becomes of it.
process.on('SIGINT', () => undefined);

// The primary is gone, and whatever it wanted with it.
process.on('disconnect', () => process.exit());

function tell(message) {
  // Without a primary there is nobody to tell.
  if (process.connected) process.send(message, () => undefined);
}
