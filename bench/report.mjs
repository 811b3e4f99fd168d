/**
 * One line of the table.
 * @typedef {object} Row
 * @property {string} what what was measured
 * @property {string} figure with its unit
 * @property {string} [floor] the floor or peer of the same run, with its unit
 * @property {string} [ratio] of figure to floor
 * @property {string} [bar] what design.md asks for; absent for what is only told
 * @property {boolean} [met] whether the figure keeps it
 */
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

/**
 * A row whose figure is judged against a floor of the same run.
 * @param {string} what @param {number} figure @param {number} floor @param {string} unit
 * @param {number} [most] highest ratio that is allowed @param {number} [digits] after the point
 * @returns {Row}
 */
export function compared(what, figure, floor, unit, most, digits = 0) {
  const ratio = figure / floor;
  return {
    what,
    figure: `${figure.toFixed(digits)} ${unit}`,
    floor: `${floor.toFixed(digits)} ${unit}`,
    ratio: `${ratio.toFixed(2)}x`,
    ...(most !== undefined && { bar: `<= ${most}x`, met: ratio <= most }),
  };
}

/**
 * A row whose figure is judged by itself.
 * @param {string} what @param {number} figure @param {string} unit @param {number} [most] @param {number} [digits]
 * @returns {Row}
 */
export function limited(what, figure, unit, most, digits = 0) {
  const bar = most === undefined ? {} : { bar: `<= ${most} ${unit}`, met: figure <= most };
  return { what, figure: `${figure.toFixed(digits)} ${unit}`, ...bar };
}

/** Whether words such as `<= 2.3x` or `<= 250 MB` hold of a ratio or a figure; undefined where they say something else. */
function kept(bar, figure, ratio) {
  const [, most, unit] = /^<= ([\d.]+)\s*(\S*)$/.exec(bar ?? '') ?? [];
  const value = Number.parseFloat(unit === 'x' ? ratio : figure);
  return most === undefined || Number.isNaN(value) ? undefined : value <= Number(most);
}

/**
 * The rows of a part that tells each as `row(what, figure, floor, ratio, bar)`.
 * @param {(row: (...cells: string[]) => void) => Promise<void>} measure @returns {Promise<Row[]>}
 */
export async function told(measure) {
  const rows = [];
  await measure((what, figure, floor, ratio, bar) =>
    rows.push({ what, figure, floor, ratio, bar, met: kept(bar, figure, ratio) }),
  );
  return rows;
}

/** Prints the table and writes it, with where it was measured, to a file, if one is named. @param {Row[]} rows @param {string} [file] */
export function report(rows, file) {
  const columns = ['what', 'figure', 'floor', 'ratio', 'bar'];
  const cells = rows.map((row) => [
    ...columns.map((column) => row[column] ?? ''),
    row.met === undefined ? '' : row.met ? 'met' : 'MISSED',
  ]);
  const lines = [[...columns, ''], ...cells];
  const widths = lines[0].map((_, at) => Math.max(...lines.map((line) => line[at].length)));
  for (const line of lines)
    process.stdout.write(
      `${line
        .map((cell, at) => cell.padEnd(widths[at]))
        .join('  ')
        .trimEnd()}\n`,
    );
  if (!file) return;
  const machine = {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cores: cpus().length,
    processor: cpus()[0]?.model,
    memory_gigabytes: Math.round(totalmem() / 2 ** 30),
  };
  const measured = { measured_at: new Date().toISOString(), machine, rows };
  writeFileSync(file, `${JSON.stringify(measured, null, 2)}\n`);
}
