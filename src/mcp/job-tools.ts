import { z } from 'zod';
import { Failure } from '../core/failure.ts';
import { isFinal, type Job, jobStatuses } from '../core/job.ts';
import type { Application } from './application.ts';
import { type JobResult, jobResult, jobResultSchema, jobText } from './job-result.ts';
import type { ToolDefinition } from './catalog.ts';

/** What a running call may use of the connection that it came by. */
export interface CallContext {
  readonly signal: AbortSignal;
  /** Present when the caller asked for progress. */
  readonly progress?: (progress: number, total: number, message: string) => Promise<void>;
}

export interface ToolAnswer {
  readonly structured: Record<string, unknown>;
  readonly text: string;
}

/** A tool that works on stored jobs. */
export interface JobTool<Input extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  readonly output: z.ZodType;
  readonly annotations: ToolDefinition['annotations'];
  run(input: z.output<Input>, application: Application, context: CallContext): Promise<ToolAnswer>;
}

const reading = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true };
const defineJobTool = <Input extends z.ZodObject>(tool: JobTool<Input>): JobTool<Input> => tool;
const jobId = z.string().min(1).max(64).describe('From a submit tool or list_jobs.');

/** The most that a call may wait, so that no host gives up on it first. */
const longestWaitSeconds = 45;
const heartbeatMs = 10_000;

/** A job with its place in the queue, as an answer. */
export async function answerFor(
  application: Application,
  job: Job,
): Promise<ToolAnswer & { structured: JobResult }> {
  const engine = await application.engine();
  const ahead = job.status === 'queued' ? await engine.aheadOf(job) : undefined;
  const structured = jobResult(job, { ahead, now: application.now() });
  return { structured, text: jobText(structured) };
}

/** Waits for the next change, telling a caller who asked for progress that the call is alive. */
async function waitWithProgress(application: Application, job: Job, waitMs: number, context: CallContext) {
  const engine = await application.engine();
  const started = Date.now();
  let current = job;
  while (current.revision === job.revision && !isFinal(current.status) && !context.signal.aborted) {
    const elapsed = Date.now() - started;
    if (elapsed >= waitMs) break;
    await context.progress?.(Math.round(elapsed / 1000), Math.ceil(waitMs / 1000), current.status);
    const slice = context.progress ? Math.min(heartbeatMs, waitMs - elapsed) : waitMs - elapsed;
    current = await engine.waitForChange(current, slice, context.signal);
  }
  return current;
}

const getProgress = defineJobTool({
  name: 'get_progress',
  title: 'Progress of a job',
  description:
    'State of one job. With wait_seconds it returns at the next change of state or when the time is up: call it again until the job has ended.',
  input: z.strictObject({
    job_id: jobId,
    wait_seconds: z
      .number()
      .min(0)
      .max(longestWaitSeconds)
      .optional()
      .describe('0–45, default 0. Use 45 while a job is under way.'),
  }),
  output: jobResultSchema,
  annotations: reading,
  async run(input, application, context) {
    const engine = await application.engine();
    const job = await engine.get(input.job_id);
    const waitMs = (input.wait_seconds ?? 0) * 1000;
    return answerFor(
      application,
      waitMs > 0 ? await waitWithProgress(application, job, waitMs, context) : job,
    );
  },
});

function readCursor(cursor: string): { createdAt: number; id: string } {
  const [createdAt, id] = Buffer.from(cursor, 'base64url').toString('utf8').split('\n');
  if (!id || !Number.isSafeInteger(Number(createdAt)))
    throw new Failure({
      kind: 'invalid_input',
      message: 'The cursor is not one that list_jobs gave.',
      advice: 'Leave cursor out to start from the newest job.',
    });
  return { createdAt: Number(createdAt), id };
}

const listJobs = defineJobTool({
  name: 'list_jobs',
  title: 'List jobs',
  description: 'Jobs of this machine, newest first.',
  input: z.strictObject({
    status: z.enum(jobStatuses as [string, ...string[]]).optional(),
    tool: z.string().min(1).max(64).optional().describe('Name of a submit tool.'),
    limit: z.int().min(1).max(100).optional().describe('Default 20.'),
    cursor: z.string().min(1).max(200).optional().describe('next_cursor of the page before.'),
  }),
  output: z.object({
    jobs: z.array(
      z.object({
        job_id: z.string(),
        tool: z.string(),
        status: z.string(),
        created_at: z.string(),
        updated_at: z.string(),
      }),
    ),
    next_cursor: z.string().optional(),
  }),
  annotations: { ...reading, openWorldHint: false },
  async run(input, application) {
    const engine = await application.engine();
    const limit = input.limit ?? 20;
    const found = await engine.list({
      status: input.status as Job['status'] | undefined,
      tool: input.tool,
      limit: limit + 1,
      before: input.cursor === undefined ? undefined : readCursor(input.cursor),
    });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const jobs = page.map((job) => ({
      job_id: job.id,
      tool: job.tool,
      status: job.status,
      created_at: new Date(job.createdAt).toISOString(),
      updated_at: new Date(job.updatedAt).toISOString(),
    }));
    const more = found.length > limit && last;
    const cursor = more ? Buffer.from(`${last.createdAt}\n${last.id}`).toString('base64url') : undefined;
    const lines = jobs.map((job) => `${job.job_id} · ${job.tool} · ${job.status} · ${job.created_at}`);
    if (lines.length === 0) lines.push('No jobs.');
    if (cursor) lines.push(`More: call again with cursor ${cursor}`);
    return { structured: { jobs, ...(cursor && { next_cursor: cursor }) }, text: lines.join('\n') };
  },
});

const downloadResult = defineJobTool({
  name: 'download_result',
  title: 'Download a result',
  description: 'Stores the files of a finished job on this machine and returns paths, sizes and SHA-256.',
  input: z.strictObject({ job_id: jobId }),
  output: jobResultSchema,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  async run(input, application) {
    const engine = await application.engine();
    const job = await engine.get(input.job_id);
    if (job.status !== 'succeeded')
      throw new Failure({
        kind: 'invalid_input',
        message: `${job.id} is ${job.status}; only a succeeded job has results.`,
        advice: isFinal(job.status)
          ? 'There is nothing to download.'
          : 'Wait for it with get_progress first.',
      });
    const downloads = await application.downloads();
    const stored = await downloads.fetch(job);
    const answer = await answerFor(application, stored);
    if (stored.outputs.every((output) => output.localPath)) return answer;
    const structured = {
      ...answer.structured,
      next: 'Still downloading. Call download_result again to wait on.',
    };
    return { structured, text: jobText(structured) };
  },
});

/** Every tool that works on stored jobs, in the order in which hosts list them. */
export const jobTools: readonly JobTool[] = [getProgress, listJobs, downloadResult];
