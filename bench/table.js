/**
 * The table of a suite: what every peer needed in every case, round by round. Less is better in all of them.
 */
'use strict';

const { median } = require('../soak/numbers');
const { OURS } = require('./peers');

class Table {
  /** `{ id, title, format }`, the last of which spells a value for people. */
  columns;
  /** `{ id, title }` */
  rows;
  /** By row, then by column. */
  #values = new Map();
  #notes = new Map();

  constructor(columns, rows) {
    this.columns = columns;
    this.rows = rows;
  }

  /** The value of one more round. */
  add(row, column, value) {
    const key = `${row}/${column}`;
    const values = this.#values.get(key) ?? [];
    values.push(value);
    this.#values.set(key, values);
  }

  /** Says why there is no value. */
  note(row, column, text) {
    this.#notes.set(`${row}/${column}`, text);
  }

  noteAll(row, text) {
    for (const { id } of this.columns) this.note(row, id, text);
  }

  noteOf(row, column) {
    return this.#notes.get(`${row}/${column}`) ?? null;
  }

  /** Median, lowest and highest of all rounds; null if there was none, or one was not to be had. */
  of(row, column) {
    const values = this.#values.get(`${row}/${column}`);
    if (values === undefined || this.noteOf(row, column) !== null) return null;
    return summarize(values);
  }

  /** How many times what ours needed the row needed in the same round; null if one of them has no value. */
  ratio(row, column, base = OURS, baseColumn = column) {
    const values = this.#values.get(`${row}/${column}`);
    const bases = this.#values.get(`${base}/${baseColumn}`);
    if (this.of(row, column) === null || this.of(base, baseColumn) === null) return null;
    return summarize(values.slice(0, bases.length).map((value, round) => value / bases[round]));
  }
}

function summarize(values) {
  return { median: median(values), low: Math.min(...values), high: Math.max(...values), rounds: values.length };
}

module.exports = { Table };
