import * as z from 'zod';
import { isFinal, type Job, jobStatuses } from '../core/job.ts';
import { clouds } from '../core/operation.ts';

const output = z.object({
  kind: z.string(),
  url: z.string(),
  mime_type: z.string(),
  expires_at: z.string(),
  duration_ms: z.int().optional(),
  local_path: z.string().optional(),
  size_bytes: z.int().optional(),
  sha256: z.string().optional(),
});

const failure = z.object({
  kind: z.string(),
  code: z.string().optional(),
  message: z.string(),
  advice: z.string(),
  retryable: z.boolean(),
});

/**
 * What every job tool answers. Only `next` is always there: a dry run has no job, and a flat schema
 * that all hosts accept cannot say "either or". Closed sets are said in the reference instead of
 * here, because this travels with every tool.
 */
export const jobResultSchema = z.object({
  job_id: z.string().optional(),
  tool: z.string().optional(),
  status: z.enum(jobStatuses as [string, ...string[]]).optional(),
  cloud_task_id: z.string().optional(),
  progress: z.int().optional(),
  eta_seconds: z.int().optional(),
  queue_position: z.int().optional(),
  created_at: z.string().optional(),
  updated_at: z.string().optional(),
  outputs: z.array(output).optional(),
  failure: failure.optional(),
  warnings: z.array(z.string()).optional(),
  sandbox: z.boolean().optional(),
  valid: z.boolean().optional(),
  problems: z.array(z.string()).optional(),
  next: z.string(),
});

export type JobResult = z.infer<typeof jobResultSchema>;

const time = (milliseconds: number) => new Date(milliseconds).toISOString();

function next(job: Job, position: number | undefined, now: number): string {
  switch (job.status) {
    case 'queued': {
      if (job.failure?.kind === 'network')
        return `${clouds[job.cloud]} could not be reached; the job is held here and tried again by itself. Call get_progress with wait_seconds 45.`;
      const ahead = position ? ` (${position} ahead of it)` : '';
      return `Held here until the account has room${ahead}. Call get_progress with wait_seconds 45; do not submit again.`;
    }
    case 'submitting':
      return 'Being submitted. Call get_progress with wait_seconds 45; do not submit again.';
    case 'pending':
    case 'running':
      return 'Call get_progress with wait_seconds 45, repeatedly, until it has ended. It may take minutes to hours.';
    case 'succeeded': {
      const expiry = Math.min(...job.outputs.map((each) => each.expiresAt));
      if (job.outputs.every((each) => each.localPath)) return 'Done; the files are at local_path.';
      if (expiry <= now)
        return 'The links have expired. If the files were not downloaded, look in the cloud’s console.';
      return `Done. Call download_result before ${time(expiry)}, when the links expire.`;
    }
    case 'failed':
      return job.failure?.advice ?? 'Submit again with other input.';
    case 'cancelled':
      return 'Nothing more will happen to this job.';
    case 'unknown':
      return job.failure?.advice ?? 'Look for the task in the cloud’s console before submitting again.';
  }
}

export interface ResultFacts {
  /** Jobs held here ahead of this one. */
  readonly ahead?: number;
  readonly etaSeconds?: number;
  readonly now: number;
}

/** A job as tools and resources show it. */
export function jobResult(job: Job, facts: ResultFacts): JobResult {
  const position = job.status === 'queued' ? facts.ahead : job.queuePosition;
  return {
    job_id: job.id,
    tool: job.tool,
    status: job.status,
    ...(job.cloudTaskId !== undefined && { cloud_task_id: job.cloudTaskId }),
    ...(job.progress !== undefined && { progress: job.progress }),
    ...(facts.etaSeconds !== undefined && !isFinal(job.status) && { eta_seconds: facts.etaSeconds }),
    ...(position !== undefined && { queue_position: position }),
    created_at: time(job.createdAt),
    updated_at: time(job.updatedAt),
    outputs: job.outputs.map((each) => ({
      kind: each.kind,
      url: each.url,
      mime_type: each.mimeType,
      expires_at: time(each.expiresAt),
      ...(each.durationMs !== undefined && { duration_ms: each.durationMs }),
      ...(each.localPath !== undefined && { local_path: each.localPath }),
      ...(each.sizeBytes !== undefined && { size_bytes: each.sizeBytes }),
      ...(each.sha256 !== undefined && { sha256: each.sha256 }),
    })),
    ...(job.failure && { failure: job.failure }),
    ...(job.warnings.length > 0 && { warnings: [...job.warnings] }),
    ...(job.sandbox && { sandbox: true }),
    next: next(job, position, facts.now),
  };
}

/** The same in a few lines for hosts that show text only. */
export function jobText(result: JobResult): string {
  const lines = [`${result.job_id} · ${result.tool} · ${result.status}${result.sandbox ? ' · sandbox' : ''}`];
  for (const each of result.outputs ?? []) {
    const place = each.local_path ?? each.url;
    const size = each.size_bytes === undefined ? '' : `, ${each.size_bytes} bytes, sha256 ${each.sha256}`;
    lines.push(`${each.kind}: ${place} (${each.mime_type}${size}; link expires ${each.expires_at})`);
  }
  if (result.failure)
    lines.push(`${result.failure.kind}: ${result.failure.message} ${result.failure.advice}`);
  for (const warning of result.warnings ?? []) lines.push(`Warning: ${warning}`);
  lines.push(`Next: ${result.next}`);
  return lines.join('\n');
}
