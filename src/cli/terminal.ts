/** Characters that take two columns on a terminal: East Asian wide and full-width forms, and pictures. */
const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const combining = /\p{M}/u;

const columnsOf = (character: string) => (wide.test(character) ? 2 : combining.test(character) ? 0 : 1);

/** Columns that a text takes on a terminal. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += columnsOf(character);
  return width;
}

/** The beginning of a text that fits, with `…` for what does not. */
export function clip(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let kept = '';
  let width = 0;
  for (const character of text) {
    width += columnsOf(character);
    if (width > columns - 1) break;
    kept += character;
  }
  return columns > 0 ? `${kept}…` : '';
}

const pad = (text: string, columns: number) => text + ' '.repeat(Math.max(0, columns - displayWidth(text)));

/**
 * Lines of a table with columns as wide as what stands in them.
 * @param columns of the terminal: no line is longer; undefined where output goes to a file or another program
 */
export function tableLines(
  header: readonly string[],
  rows: ReadonlyArray<readonly string[]>,
  columns?: number,
): string[] {
  const widths = header.map((title, column) =>
    Math.max(displayWidth(title), ...rows.map((row) => displayWidth(row[column] ?? ''))),
  );
  return [header, ...rows].map((row) => {
    const line = row.map((cell, column) =>
      column === row.length - 1 ? cell : pad(cell, widths[column] ?? 0),
    );
    const joined = line.join('  ').trimEnd();
    return columns === undefined ? joined : clip(joined, columns);
  });
}

/** Columns of the terminal that a stream is; undefined when it is none. */
export function terminalColumns(stream: NodeJS.WriteStream): number | undefined {
  return stream.isTTY ? Math.max(20, stream.columns || 80) : undefined;
}

/** Lines of at most so many columns, broken between words where there are any. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && displayWidth(longer) > columns) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

/** Writes a line, and waits while the reader is slower than we are. False when nobody reads any more. */
export async function writeLine(text: string): Promise<boolean> {
  const { stdout } = process;
  // A reader like `head` may leave early; that is no fault.
  if (stdout.listenerCount('error') === 0) stdout.on('error', () => undefined);
  if (!stdout.writable) return false;
  await new Promise<void>((resolve) => {
    stdout.write(`${text}\n`, () => resolve());
  });
  return stdout.writable;
}

/** Resolves when everything that was written has left: the process may end. */
export async function flushOutput(): Promise<void> {
  if (!process.stdout.writable) return;
  await new Promise<void>((resolve) => {
    process.stdout.write('', () => resolve());
  });
}
