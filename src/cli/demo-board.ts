import type { JobResult } from '../mcp/job-result.ts';

const filled: Readonly<Record<string, number>> = {
  queued: 1,
  submitting: 2,
  pending: 4,
  running: 10,
  succeeded: 24,
};
const width = 24;

/** Live progress bars, one line a job; on a terminal they are redrawn in place, elsewhere each change is a line. */
export function createBoard(names: readonly string[]) {
  const out = process.stdout;
  const longest = Math.max(...names.map((name) => name.length));
  const rows = names.map((name) => ({ name, status: 'starting', since: Date.now(), detail: '' }));
  let drawn = false;

  const line = (row: (typeof rows)[number]) => {
    const base = filled[row.status] ?? 0;
    // A cloud says nothing between the states: while running the bar creeps, so that a watcher sees life.
    const creep = row.status === 'running' ? Math.min(12, Math.floor((Date.now() - row.since) / 400)) : 0;
    const bar = '█'.repeat(base + creep).padEnd(width, '░');
    return `  ${row.name.padEnd(longest)}  ${bar}  ${row.status}${row.detail}`;
  };
  const draw = () => {
    if (drawn) out.write(`\u001b[${rows.length}A`);
    for (const row of rows) out.write(`\u001b[2K${line(row)}\n`);
    drawn = true;
  };
  const timer = out.isTTY ? setInterval(draw, 200) : undefined;

  return {
    /** Takes over a job's state. */
    show(index: number, job: JobResult): void {
      const row = rows[index];
      if (!row) return;
      const detail = job.outputs?.[0]?.local_path ? ' · downloaded' : '';
      if (row.status === job.status && row.detail === detail) return;
      if (row.status !== job.status) row.since = Date.now();
      Object.assign(row, { status: job.status, detail });
      if (out.isTTY) draw();
      else out.write(`${line(row)}\n`);
    },
    end(): void {
      clearInterval(timer);
      if (out.isTTY) draw();
    },
  };
}

/** A table with columns as wide as what stands in them. */
export function printTable(header: readonly string[], rows: ReadonlyArray<readonly string[]>): void {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const print = (cells: readonly string[]) =>
    process.stdout.write(`  ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}\n`);
  process.stdout.write('\n');
  print(header);
  print(widths.map((each) => '─'.repeat(each)));
  for (const row of rows) print(row);
}
