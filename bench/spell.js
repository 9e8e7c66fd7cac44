/**
 * Figures as people read them.
 */
'use strict';

const { time } = require('../soak/numbers');

/** `41 ns`, `1.23 µs` or, from a millisecond on, as other times. */
function spellNs(ns) {
  if (ns < 1000) return `${round(ns)} ns`;
  return ns < 1e6 ? `${round(ns / 1000)} µs` : time(ns / 1e6);
}

/** Milliseconds: `41 µs`, `1.23 ms`, `1.2 s`. */
function spellMs(ms) {
  if (ms < 1) return `${round(ms * 1000)} µs`;
  return ms < 1000 ? `${round(ms)} ms` : `${round(ms / 1000)} s`;
}

function spellBytes(bytes) {
  return `${Math.round(bytes)} B`;
}

function spellRatio(ratio) {
  return `× ${round(ratio)}`;
}

/** Three digits, or all before the point. */
function round(value) {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

module.exports = { spellBytes, spellMs, spellNs, spellRatio };
