import { constants, existsSync } from 'node:fs';
import { access, mkdtemp, rm, stat, statfs } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Config } from '../config.ts';
import { Failure, foreignText, quoted } from '../core/failure.ts';
import { createLog } from '../log.ts';
import { version } from '../version.ts';
import type { Check, Finding } from './doctor-checks.ts';

/** The floor of the packages that are built in. */
const leastNode = [20, 18, 1] as const;
const megabyte = 1024 * 1024;
/** Below this a few results fill the disk. */
const comfortableBytes = 2048 * megabyte;
/** Below this not even one long result is sure to fit. */
const leastBytes = 100 * megabyte;

const load = createRequire(import.meta.url);

function isLoadable(name: string): boolean {
  try {
    load(name);
    return true;
  } catch {
    return false;
  }
}

function nodeFinding(): Finding {
  const found = process.versions.node.split('.').map(Number);
  const difference = leastNode.map((least, index) => (found[index] ?? 0) - least).find((each) => each !== 0);
  const detail = `Node.js ${process.versions.node}, digital-human-mcp ${version}`;
  return (difference ?? 0) >= 0
    ? { check: 'node', verdict: 'ok', detail }
    : { check: 'node', verdict: 'failed', detail, mend: `Use Node.js ${leastNode.join('.')} or newer.` };
}

function sqliteFinding(): Finding {
  const check = 'sqlite';
  if (isLoadable('node:sqlite')) return { check, verdict: 'ok', detail: 'built into this Node.js' };
  if (isLoadable('libsql')) return { check, verdict: 'ok', detail: 'the package libsql' };
  return {
    check,
    verdict: 'failed',
    detail: 'there is none in this Node.js, and no package libsql',
    mend: 'Use Node.js 22.13 or newer, or install the optional package libsql (npm install libsql).',
  };
}

const reason = (error: unknown) =>
  foreignText((error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : error), 80);

/** Undefined when files can be made in a directory, or it can itself be made; else why not. */
async function unwritable(directory: string): Promise<string | undefined> {
  try {
    if (existsSync(directory)) {
      // Permission bits say nothing of read-only disks and of access lists: only trying tells.
      const tried = await mkdtemp(join(directory, '.doctor-'));
      await rm(tried, { recursive: true });
      return undefined;
    }
    let ancestor = dirname(directory);
    while (!existsSync(ancestor)) ancestor = dirname(ancestor);
    if (!(await stat(ancestor)).isDirectory()) return `${quoted(ancestor, 200)} is no directory`;
    await access(ancestor, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return reason(error);
  }
}

async function dataFindings(directory: string, jobFile: string): Promise<Finding[]> {
  const [data, file] = ['data directory', 'job file'];
  const wrong = await unwritable(directory);
  if (wrong)
    return [
      {
        check: data,
        verdict: 'failed',
        detail: `${quoted(directory, 200)} cannot be written: ${wrong}`,
        mend: 'Make it writable, or set DIGITAL_HUMAN_DATA_DIR to another directory.',
      },
    ];
  const made = existsSync(directory) ? '' : ', made at the first job';
  const fine: Finding = { check: data, verdict: 'ok', detail: `${foreignText(directory, 200)}${made}` };
  if (!existsSync(jobFile)) return [fine, { check: file, verdict: 'ok', detail: 'none yet' }];
  const { inspectJobFile } = await import('../jobs/inspect.ts');
  const { version: schema = 'none', newer, jobs } = await inspectJobFile(jobFile);
  const detail = `${jobs} job(s), schema ${foreignText(schema, 60)}`;
  return [
    fine,
    newer
      ? {
          check: file,
          verdict: 'failed',
          detail: `${detail}: written by a newer version of this server`,
          mend: 'Update digital-human-mcp, or point DIGITAL_HUMAN_DATA_DIR at another directory.',
        }
      : { check: file, verdict: 'ok', detail },
  ];
}

/** Opens the database as a server would, and leaves it as it is. */
async function databaseFinding(url: string): Promise<Finding> {
  const check = 'job database';
  const { openPostgres } = await import('../jobs/postgres/open.ts');
  try {
    const database = await openPostgres(url, createLog('silent'));
    await database.shared?.close();
    await database.kysely.destroy();
    return { check, verdict: 'ok', detail: 'answers, in the place of a job file' };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { check, verdict: 'failed', detail: error.message, mend: error.advice };
  }
}

async function outputFinding(directory: string): Promise<Finding> {
  const check = 'output directory';
  const wrong = await unwritable(directory);
  if (wrong)
    return {
      check,
      verdict: 'failed',
      detail: `${quoted(directory, 200)} cannot be written: ${wrong}`,
      mend: 'Make it writable, or set DIGITAL_HUMAN_OUTPUT_DIR to another directory.',
    };
  let existing = directory;
  while (!existsSync(existing)) existing = dirname(existing);
  const { bavail, bsize } = await statfs(existing);
  const room = bavail * bsize;
  const detail = `${foreignText(directory, 200)}, ${(room / 1024 / megabyte).toFixed(1)} GB free`;
  if (room >= comfortableBytes) return { check, verdict: 'ok', detail };
  const mend = 'Make room, or set DIGITAL_HUMAN_OUTPUT_DIR to a larger disk.';
  return { check, verdict: room < leastBytes ? 'failed' : 'warning', detail, mend };
}

async function mediaFindings(directories: readonly string[]): Promise<Finding[]> {
  return Promise.all(
    directories.map(async (directory): Promise<Finding> => {
      const check = 'media directory';
      const shown = foreignText(directory, 200);
      try {
        const found = await stat(directory);
        if (!found.isDirectory()) throw new Error('it is no directory');
        await access(directory, constants.R_OK | constants.X_OK);
        return { check, verdict: 'ok', detail: shown };
      } catch (error) {
        return {
          check,
          verdict: 'failed',
          detail: `${quoted(directory, 200)} cannot be read: ${reason(error)}`,
          mend: 'Correct DIGITAL_HUMAN_MEDIA_DIRS, or make the directory.',
        };
      }
    }),
  );
}

async function ffmpegFinding(sandbox: boolean): Promise<Finding> {
  const check = 'ffmpeg';
  const { Ffmpeg } = await import('../emulator/ffmpeg.ts');
  try {
    const { code } = await new Ffmpeg().run(['-version']);
    if (code === 0) return { check, verdict: 'ok', detail: 'found; only the sandbox needs it' };
    throw new Error(`it ends with ${code}`);
  } catch (error) {
    return {
      check,
      verdict: sandbox ? 'failed' : 'warning',
      detail: `${foreignText(error instanceof Error ? error.message : error)} The real clouds do not need it.`,
      mend: 'Install ffmpeg if you want to use the sandbox.',
    };
  }
}

/** What there is to look at on this machine. */
export function machineChecks(config: Config, jobFile: string): Check[] {
  const { dataDirectory, databaseUrl, outputDirectory, mediaDirectories, sandbox } = config;
  return [
    { name: 'node', look: async () => [nodeFinding()] },
    { name: 'sqlite', look: async () => [sqliteFinding()] },
    databaseUrl === undefined
      ? { name: 'job file', look: () => dataFindings(dataDirectory, jobFile) }
      : { name: 'job database', look: async () => [await databaseFinding(databaseUrl)] },
    { name: 'output directory', look: async () => [await outputFinding(outputDirectory)] },
    { name: 'media directory', look: () => mediaFindings(mediaDirectories) },
    { name: 'ffmpeg', look: async () => [await ffmpegFinding(sandbox)] },
  ];
}
