import * as z from 'zod';
import { Failure } from '../core/failure.ts';
import { isFinal, type Job, jobStatuses } from '../core/job.ts';
import type { DownloadStatus } from '../jobs/downloads.ts';
import { taskEndsAt } from '../jobs/fresh-links.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Application } from './application.ts';
import type { Caller } from './caller.ts';
import {
  downloadText,
  type Estimate,
  type JobResult,
  jobResult,
  jobResultSchema,
  jobText,
} from './job-result.ts';
import { type CallContext, defineTool, reading, type StandingTool, type ToolAnswer } from './tool.ts';

const jobId = z.string().min(1).max(64).describe('From a submit tool or list_jobs.');

/** The most that a call may wait, so that no host gives up on it first. */
const longestWaitSeconds = 45;
const heartbeatMs = 10_000;

/** The job with links to the copies of its outputs, where there are any: signed anew, so that they live their whole life. */
async function linked(application: Application, job: Job): Promise<Job> {
  if (!job.outputs.some(({ bucketKey }) => bucketKey !== undefined)) return job;
  const bucket = await application.bucket();
  if (!bucket) return job;
  const outputs = await Promise.all(
    job.outputs.map(async (output) =>
      output.bucketKey === undefined ? output : { ...output, ...(await bucket.link(output.bucketKey)) },
    ),
  );
  return { ...job, outputs };
}

/** What is only said beside a job: when the store cannot say it now, the job, which may be paid for, is still told. */
async function prospectOf(jobs: Jobs, job: Job): Promise<{ ahead?: number; etaSeconds?: number }> {
  try {
    const ahead = job.status === 'queued' ? await jobs.aheadOf(job) : undefined;
    return { ahead, etaSeconds: await jobs.etaSeconds(job) };
  } catch (error) {
    if (error instanceof Failure && error.kind === 'storage') return {};
    throw error;
  }
}

/** A job with its place in the queue, as an answer. */
export async function answerFor(
  application: Application,
  job: Job,
  caller: Caller,
  estimate?: Estimate,
): Promise<ToolAnswer & { structured: JobResult }> {
  const structured = jobResult(await linked(application, job), {
    ...(await prospectOf(await application.jobs(caller), job)),
    estimate,
    now: application.now(),
    reach: application.reach,
    download: application.downloadStatus(job.id),
    taskEndsAt: taskEndsAt(job, await application.operations()),
  });
  return { structured, text: jobText(structured) };
}

/** Waits for the next change, telling a caller who asked for progress that the call is alive. */
async function waitWithProgress(application: Application, job: Job, waitMs: number, context: CallContext) {
  const jobs = await application.jobs(context.caller);
  const started = Date.now();
  let current = job;
  while (current.revision === job.revision && !isFinal(current.status) && !context.signal.aborted) {
    const elapsed = Date.now() - started;
    if (elapsed >= waitMs) break;
    await context.progress?.(Math.round(elapsed / 1000), Math.ceil(waitMs / 1000), current.status);
    const slice = context.progress ? Math.min(heartbeatMs, waitMs - elapsed) : waitMs - elapsed;
    current = await jobs.waitForChange(current, slice, context.signal);
  }
  return current;
}

const getProgress = defineTool({
  name: 'get_progress',
  title: 'Progress of a job',
  description:
    'State of one job; with wait_seconds at its next change or when the time is up. Repeat until it has ended.',
  input: z
    .strictObject({
      job_id: jobId.optional(),
      wait_seconds: z.number().min(0).max(longestWaitSeconds).optional().describe('Use 45 while under way.'),
      cloud_task_id: z
        .string()
        .min(1)
        .max(128)
        .optional()
        .describe('Adopts a task submitted elsewhere (with tool), or settles an unknown job_id.'),
      tool: z.string().min(1).max(64).optional().describe('Its submit tool.'),
    })
    .refine(({ job_id: id, cloud_task_id: task }) => id !== undefined || task !== undefined, {
      path: ['job_id'],
      message: 'is needed, or cloud_task_id with tool',
    })
    .refine(
      ({ job_id: id, cloud_task_id: task, tool }) =>
        task === undefined || id !== undefined || tool !== undefined,
      {
        path: ['tool'],
        message: 'is needed with cloud_task_id',
      },
    ),
  output: jobResultSchema,
  annotations: { ...reading, readOnlyHint: false },
  async run(input, application, context) {
    const jobs = await application.jobs(context.caller);
    const { job_id: id, cloud_task_id: task, tool } = input;
    const job =
      task === undefined
        ? await jobs.get(id ?? '')
        : id === undefined
          ? await jobs.adopt(tool ?? '', task)
          : await jobs.settle(await jobs.get(id), task);
    const waitMs = (input.wait_seconds ?? 0) * 1000;
    return answerFor(
      application,
      waitMs > 0 ? await waitWithProgress(application, job, waitMs, context) : job,
      context.caller,
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

const listJobs = defineTool({
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
  async run(input, application, { caller }) {
    const jobs = await application.jobs(caller);
    const limit = input.limit ?? 20;
    const found = await jobs.list({
      status: input.status as Job['status'] | undefined,
      tool: input.tool,
      limit: limit + 1,
      before: input.cursor === undefined ? undefined : readCursor(input.cursor),
    });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const rows = page.map((job) => ({
      job_id: job.id,
      tool: job.tool,
      status: job.status,
      created_at: new Date(job.createdAt).toISOString(),
      updated_at: new Date(job.updatedAt).toISOString(),
    }));
    const more = found.length > limit && last;
    const cursor = more ? Buffer.from(`${last.createdAt}\n${last.id}`).toString('base64url') : undefined;
    const lines = rows.map((job) => `${job.job_id} · ${job.tool} · ${job.status} · ${job.created_at}`);
    if (lines.length === 0) lines.push('No jobs.');
    if (cursor) lines.push(`More: call again with cursor ${cursor}`);
    return { structured: { jobs: rows, ...(cursor && { next_cursor: cursor }) }, text: lines.join('\n') };
  },
});

const downloadResult = defineTool({
  name: 'download_result',
  title: 'Download a result',
  description: 'Stores a finished job’s files here; returns paths, sizes, SHA-256.',
  input: z.strictObject({ job_id: jobId }),
  output: jobResultSchema,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  async run(input, application, context) {
    const { caller } = context;
    const jobs = await application.jobs(caller);
    const job = await jobs.get(input.job_id);
    if (job.status !== 'succeeded')
      throw new Failure({
        kind: 'invalid_input',
        message: `${job.id} is ${job.status}; only a succeeded job has results.`,
        advice: isFinal(job.status)
          ? 'There is nothing to download.'
          : 'Wait for it with get_progress first.',
      });
    if (application.reach === 'network') return answerFor(application, job, caller);
    const downloads = await application.downloads();
    const { progress, signal } = context;
    const heartbeat =
      progress &&
      ((elapsedMs: number, patienceMs: number, status: DownloadStatus) =>
        progress(Math.round(elapsedMs / 1000), patienceMs / 1000, downloadText(status)));
    return answerFor(application, await downloads.fetch(job, { signal, heartbeat }), caller);
  },
});

const cancelJob = defineTool({
  name: 'cancel_job',
  title: 'Cancel a job',
  description:
    'Cancels a job still held here, or a VideoRetalk job not yet started; the Tencent clouds cannot cancel.',
  input: z.strictObject({ job_id: jobId }),
  output: jobResultSchema,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
  async run(input, application, { caller }) {
    const jobs = await application.jobs(caller);
    return answerFor(application, await jobs.cancel(await jobs.get(input.job_id)), caller);
  },
});

/** Every tool that works on stored jobs, in the order in which hosts list them. */
export const jobTools: readonly StandingTool[] = [getProgress, listJobs, cancelJob, downloadResult];
