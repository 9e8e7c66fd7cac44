/**
 * What the demo prints: headings, aligned columns and checks, as plain text for terminals, pipes and files.
 */
'use strict';

class Report {
  /** Claims that were checked, and those of them that were false. */
  checked = 0;
  failed = 0;

  line(text = '') {
    console.log(text === '' ? '' : `  ${text}`);
  }

  heading(text) {
    console.log(`\n${text}\n${'-'.repeat(text.length)}`);
  }

  /** Prints titles; returns what prints a row. A negative width aligns to the right; the last column needs none. */
  columns(widths, titles) {
    const row = (...cells) =>
      this.line(cells.map((cell, i) => align(String(cell), widths[i] ?? 0)).join('  ').trimEnd());
    row(...titles);
    row(...titles.map((title, i) => '-'.repeat(Math.abs(widths[i] ?? title.length))));
    return row;
  }

  /** Prints a claim and whether it holds; `detail` says with which figures, or what was found instead. */
  check(claim, holds, detail = '') {
    this.checked += 1;
    if (!holds) this.failed += 1;
    this.line(`${holds ? 'ok    ' : 'FAILED'}  ${claim}${detail === '' ? '' : `: ${detail}`}`);
  }
}

function align(text, width) {
  return width < 0 ? text.padStart(-width) : text.padEnd(width);
}

/** `12.3 ms`, or `1.23 s`. */
function duration(ms) {
  return ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

module.exports = { Report, duration };
