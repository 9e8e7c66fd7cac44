/**
 * A process of a benchmark: it does one job with one peer, a command per message, and ends with the primary.
 */
'use strict';

const [job, adapter] = process.argv.slice(2);

/** Loaded with the first question, so that a peer that cannot be loaded becomes an answer. */
let commands = null;

process.on('message', ({ id, command, args }) => {
  // What is relayed is for the adapter.
  if (id === undefined) return;
  const work = async () => {
    commands ??= require(`./jobs/${job}`)(require(`./adapters/${adapter}`));
    return commands[command](...args);
  };
  work().then(
    (result) => tell({ id, result }),
    (error) => tell({ id, error: error instanceof Error ? error.message : String(error) }),
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
