import * as z from 'zod';
import { Failure } from '../core/failure.ts';
import { isFinal, type Job, jobStatuses } from '../core/job.ts';
import type { DownloadStatus } from '../jobs/downloads.ts';
import { taskEndsAt } from '../jobs/fresh-links.ts';
import type { Application } from './application.ts';
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

/** A job with its place in the queue, as an answer. */
export async function answerFor(
  application: Application,
  job: Job,
  estimate?: Estimate,
): Promise<ToolAnswer & { structured: JobResult }> {
  const engine = await application.engine();
  const ahead = job.status === 'queued' ? await engine.aheadOf(job) : undefined;
  const structured = jobResult(job, {
    ahead,
    etaSeconds: await engine.etaSeconds(job),
    estimate,
    now: application.now(),
    download: application.downloadStatus(job.id),
    taskEndsAt: taskEndsAt(job, await application.operations()),
  });
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
    const engine = await application.engine();
    const { job_id: id, cloud_task_id: task, tool } = input;
    const job =
      task === undefined
        ? await engine.get(id ?? '')
        : id === undefined
          ? await engine.adopt(tool ?? '', task)
          : await engine.settle(await engine.get(id), task);
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

const downloadResult = defineTool({
  name: 'download_result',
  title: 'Download a result',
  description: 'Stores a finished job’s files here; returns paths, sizes, SHA-256.',
  input: z.strictObject({ job_id: jobId }),
  output: jobResultSchema,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  async run(input, application, context) {
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
    const { progress, signal } = context;
    const heartbeat =
      progress &&
      ((elapsedMs: number, patienceMs: number, status: DownloadStatus) =>
        progress(Math.round(elapsedMs / 1000), patienceMs / 1000, downloadText(status)));
    return answerFor(application, await downloads.fetch(job, { signal, heartbeat }));
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
  async run(input, application) {
    const engine = await application.engine();
    return answerFor(application, await engine.cancel(await engine.get(input.job_id)));
  },
});

/** Every tool that works on stored jobs, in the order in which hosts list them. */
export const jobTools: readonly StandingTool[] = [getProgress, listJobs, cancelJob, downloadResult];
