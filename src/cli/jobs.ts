import { foreignText } from '../core/failure.ts';
import { type Job, type JobStatus, jobStatuses } from '../core/job.ts';
import { Application } from '../mcp/application.ts';
import { type Command, readCommand, usageFailure, wholeNumber } from './arguments.ts';
import { adopt, cancel, download, forget } from './jobs-change.ts';
import { exported, exportJobs } from './jobs-export.ts';
import { jobLines, jobRow, rowHeader } from './jobs-lines.ts';
import { watchJobs } from './jobs-watch.ts';
import { flushOutput, tableLines, terminalColumns, writeLine } from './terminal.ts';

const usage = `digital-human-mcp jobs COMMAND [options]

  list [--status S] [--tool T] [--limit N] [--json]   the newest jobs (20)
  show ID [--json]                                    everything about one job
  watch [ID…]                                         follow jobs to their end (all that are under way)
  adopt TOOL TASK_ID [--job ID]                       follow a task submitted elsewhere; with --job, say which task
                                                      a job of unknown outcome became
  cancel ID                                           cancel a job, where that is possible
  download ID                                         bring its results to the output directory
  forget ID [--yes]                                   remove its record; one that has not ended only with --yes
  export                                              every job as a line of JSON

They work beside running servers, on the same jobs, and take the same settings: --data-dir, --sandbox and so on.
None of them ever submits anything. watch, adopt, cancel and download ask the clouds, with the keys in the environment.
Exit codes: 0 done, 1 it could not be done or a watched job did not succeed, 2 wrong usage or settings.
`;

const options = {
  help: 'switch',
  json: 'switch',
  yes: 'switch',
  status: 'text',
  tool: 'text',
  limit: 'text',
  job: 'text',
} as const;

type Call = Command<typeof options> & { readonly application: Application };

const byIds = { min: 1, max: 1, options: [] as readonly string[] };
/** How many words follow each command, which of the options it takes, and what it does. */
const commands: Readonly<
  Record<
    string,
    {
      readonly min: number;
      readonly max: number;
      readonly options: readonly string[];
      /** Of what only looks: said where there are no jobs yet, so that no store is made for it. */
      readonly nothing?: (given: Call['given']) => string;
      run(call: Call, words: readonly string[]): Promise<unknown>;
    }
  >
> = {
  list: {
    min: 0,
    max: 0,
    options: ['status', 'tool', 'limit', 'json'],
    nothing: ({ json }) => (json ? '[]\n' : 'No jobs.\n'),
    run: list,
  },
  show: { ...byIds, options: ['json'], run: show },
  watch: { min: 0, max: 500, options: [], nothing: () => 'Nothing is under way.\n', run: watch },
  adopt: {
    min: 2,
    max: 2,
    options: ['job'],
    run: ({ application, given }, [tool = '', task = '']) => adopt(application, tool, task, given.job),
  },
  cancel: { ...byIds, run: ({ application }, [id = '']) => cancel(application, id) },
  download: { ...byIds, run: ({ application }, [id = '']) => download(application, id) },
  forget: {
    ...byIds,
    options: ['yes'],
    run: ({ application, given }, [id = '']) => forget(application, id, given.yes ?? false),
  },
  export: {
    min: 0,
    max: 0,
    options: [],
    nothing: () => '',
    run: async ({ application }) => exportJobs(await application.engine(), application.now()),
  },
};

/** What a list is narrowed to. @throws `invalid_input` */
function filterOf({ status, tool, limit }: Call['given']) {
  if (status !== undefined && !(jobStatuses as readonly string[]).includes(status))
    throw usageFailure(
      `--status cannot be "${foreignText(status, 40)}".`,
      `Use one of ${jobStatuses.join(', ')}.`,
    );
  return {
    status: status as JobStatus | undefined,
    tool,
    limit: wholeNumber('limit', limit, 1, 10_000) ?? 20,
  };
}

async function list({ application, given }: Call): Promise<unknown> {
  const filter = filterOf(given);
  const { limit } = filter;
  const engine = await application.engine();
  const found = await engine.ledger.list({ ...filter, limit: limit + 1 });
  const jobs = found.slice(0, limit);
  const now = application.now();
  if (given.json)
    return writeLine(
      JSON.stringify(
        jobs.map((job) => exported(job, now)),
        null,
        2,
      ),
    );
  if (jobs.length === 0) return writeLine('No jobs.');
  const rows = await Promise.all(jobs.map((job: Job) => jobRow(job, engine, now)));
  for (const line of tableLines(rowHeader, rows, terminalColumns(process.stdout))) await writeLine(line);
  if (found.length > limit) await writeLine(`Older ones: --limit ${limit * 2}`);
}

async function show({ application, given }: Call, [id = '']: readonly string[]): Promise<unknown> {
  const engine = await application.engine();
  const job = await engine.ledger.get(id);
  const now = application.now();
  if (given.json) return writeLine(JSON.stringify(exported(job, now), null, 2));
  for (const line of await jobLines(job, engine, now)) await writeLine(line);
}

async function watch({ application }: Call, ids: readonly string[]): Promise<number> {
  application.part = 'asking';
  const stop = new AbortController();
  const end = () => stop.abort();
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  const engine = await application.engine();
  return watchJobs(engine, [...new Set(ids)], process.stdout, () => application.now(), stop.signal);
}

/** Jobs for people, beside whatever servers run on the same store. Nothing is ever submitted from here. */
export async function runJobs(args: readonly string[]): Promise<number> {
  const call = readCommand(args, options);
  const [name = '', ...words] = call.words;
  if (call.given.help || name === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command)
    throw usageFailure(
      name ? `There is no command "jobs ${foreignText(name, 40)}".` : 'What about the jobs?',
      `Use one of ${Object.keys(commands).join(', ')}. "digital-human-mcp jobs --help" explains them.`,
    );
  const stray = Object.keys(call.given).find((option) => !command.options.includes(option));
  if (stray || words.length < command.min || words.length > command.max)
    throw usageFailure(
      stray ? `jobs ${name} takes no --${stray}.` : `jobs ${name} was given ${words.length} word(s).`,
      'See "digital-human-mcp jobs --help".',
    );
  filterOf(call.given);
  const application = new Application(call.config, call.log);
  application.part = 'looking';
  if (command.nothing && words.length === 0 && !application.mayHaveJobs()) {
    process.stdout.write(command.nothing(call.given));
    return 0;
  }
  try {
    const code = await command.run({ ...call, application }, words);
    return typeof code === 'number' ? code : 0;
  } finally {
    await application.close();
    await flushOutput();
  }
}
