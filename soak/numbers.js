/**
 * Numbers for people: medians, and sizes, times and ratios as text.
 */
'use strict';

/** The middle of `values`; NaN of none. */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Bytes as MB (10^6), or kB below one. */
function size(bytes) {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Milliseconds as the unit that suits them. */
function time(ms) {
  if (ms < 1) return `${(ms * 1000).toFixed(0)} µs`;
  return ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

function ratio(value, base) {
  return `× ${(value / base).toFixed(2)}`;
}

module.exports = { median, ratio, size, time };
