import { type Job, jobStatuses } from '../core/job.ts';
import type { JobEngine } from '../jobs/engine.ts';
import { hasEnded, jobRow, rowHeader } from './jobs-lines.ts';
import { clip, tableLines, terminalColumns } from './terminal.ts';

/** Where a watch is shown. */
export type Screen = Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns' | 'rows'>;

const redrawMs = 1_000;
/** Removals are not told, so rows are looked up now and then. */
const lookMs = 5_000;
/** Ended like a program that Ctrl-C stopped. */
const interrupted = 130;
const mostJobs = 500;

async function unfinished({ ledger }: JobEngine): Promise<Job[]> {
  const open = jobStatuses.filter((status) => !hasEnded({ status } as Job));
  const lists = await Promise.all(open.map((status) => ledger.list({ status, limit: mostJobs })));
  return lists.flat().toSorted((a, b) => b.createdAt - a.createdAt);
}

/** Draws the same lines in place, again and again, no more of them than the terminal has. */
class Board {
  readonly #screen: Screen;
  #drawn = 0;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  draw(rows: ReadonlyArray<readonly string[]>): void {
    const columns = terminalColumns(this.#screen as NodeJS.WriteStream) ?? 80;
    const room = Math.max(1, (this.#screen.rows || 24) - 3);
    const shown = rows.slice(0, room);
    const hidden = rows.length - shown.length;
    const lines = tableLines(rowHeader, shown, columns);
    if (hidden > 0) lines.push(clip(`… and ${hidden} more`, columns));
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A` : '';
    const emptied = Array.from({ length: Math.max(0, this.#drawn - lines.length) }, () => '');
    const text = [...lines, ...emptied].map((line) => `\u001b[2K${line}\n`).join('');
    this.#screen.write(up + text);
    this.#drawn = lines.length + emptied.length;
  }
}

/**
 * Shows jobs until all have ended or `stopped` fires: a table in place on a terminal, elsewhere a line for each
 * change.
 * @param ids those to watch; all that are under way when there are none
 * @returns 0 when all succeeded, 1 when one did not, 130 when stopped
 */
export async function watchJobs(
  engine: JobEngine,
  ids: readonly string[],
  screen: Screen,
  now: () => number,
  stopped: AbortSignal,
): Promise<number> {
  const { ledger } = engine;
  const jobs = new Map<string, Job>();
  const forgotten = new Set<string>();
  const told = new Map<string, string>();
  const board = screen.isTTY ? new Board(screen) : undefined;
  const isOver = (job: Job) => hasEnded(job) || forgotten.has(job.id);
  const row = async (job: Job) => {
    const cells = await jobRow(job, engine, now());
    return forgotten.has(job.id) ? cells.with(2, 'forgotten').with(4, '') : cells;
  };
  const draw = async () => board?.draw(await Promise.all([...jobs.values()].map(row)));
  const tell = async (job: Job) => {
    const [id, tool, status, , note] = await row(job);
    // An estimate counts down without anything having happened.
    const news = [status, job.progress, job.queuePosition, job.failure?.message].join(' ');
    if (told.get(job.id) === news) return;
    told.set(job.id, news);
    screen.write(
      `${new Date(now()).toISOString().slice(11, 19)}  ${id}  ${tool}  ${status}  ${note}`.trimEnd(),
    );
    screen.write('\n');
  };

  const changed: Job[] = [];
  let wake = () => {};
  const unlisten = ledger.listen((job) => {
    if (!jobs.has(job.id)) return;
    changed.push(job);
    wake();
  });
  stopped.addEventListener('abort', () => wake(), { once: true });
  try {
    const chosen =
      ids.length > 0 ? await Promise.all(ids.map((id) => ledger.get(id))) : await unfinished(engine);
    for (const job of chosen) jobs.set(job.id, job);
    if (jobs.size === 0) {
      screen.write('Nothing is under way.\n');
      return 0;
    }
    if (!board) for (const job of jobs.values()) await tell(job);
    let lookedAt = Date.now();
    for (;;) {
      for (const job of changed.splice(0)) {
        jobs.set(job.id, job);
        if (!board) await tell(job);
      }
      await draw();
      if ([...jobs.values()].every(isOver) || stopped.aborted) break;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, redrawMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (Date.now() - lookedAt < lookMs) continue;
      lookedAt = Date.now();
      for (const job of [...jobs.values()].filter((each) => !isOver(each))) {
        const current = await ledger.find(job.id);
        if (!current) {
          forgotten.add(job.id);
          if (!board) await tell(job);
        } else if (current.revision > job.revision) changed.push(current);
      }
    }
  } finally {
    unlisten();
  }
  const all = [...jobs.values()];
  if (!all.every(isOver)) return interrupted;
  const succeeded = all.filter(({ status }) => status === 'succeeded').length;
  screen.write(`${succeeded} of ${all.length} succeeded.\n`);
  return succeeded === all.length ? 0 : 1;
}
