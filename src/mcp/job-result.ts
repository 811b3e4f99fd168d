import * as z from 'zod';
import { isFinal, type Job } from '../core/job.ts';
import { clouds } from '../core/operation.ts';
import type { DownloadStatus } from '../jobs/downloads.ts';

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

const estimate = z.object({
  billed_seconds: z.number().optional(),
  wait_seconds: z.int().optional(),
  basis: z.string(),
});

export type Estimate = z.infer<typeof estimate>;

/**
 * What every job tool answers. Only `next` is always there: a dry run has no job, and a flat schema
 * that all hosts accept cannot say "either or". Closed sets are said in the reference instead of
 * here, because this travels with every tool.
 */
export const jobResultSchema = z.object({
  job_id: z.string().optional(),
  tool: z.string().optional(),
  status: z.string().optional(),
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
  estimate: estimate.optional(),
  valid: z.boolean().optional(),
  problems: z.array(z.string()).optional(),
  next: z.string(),
});

export type JobResult = z.infer<typeof jobResultSchema>;

const time = (milliseconds: number) => new Date(milliseconds).toISOString();

const isStored = (job: Job) => job.outputs.every((each) => each.localPath);

/** A download under way, in a few words. */
export function downloadText({ state, bytes, totalBytes, failure }: DownloadStatus): string {
  if (state === 'waiting') return 'the download waits for others to end';
  const size = totalBytes === undefined ? `${bytes} bytes` : `${bytes} of ${totalBytes} bytes`;
  return failure ? `${size} downloaded; tried again soon, after: ${failure.message}` : `${size} downloaded`;
}

function afterSuccess(job: Job, { download, taskEndsAt, now, reach }: ResultFacts): string {
  if (reach === 'local' && isStored(job)) return 'Done; the files are at local_path.';
  if (download && download.state !== 'failed')
    return `Done; ${downloadText(download)}. Call download_result to wait for the files.`;
  const expiry = Math.min(...job.outputs.map((each) => each.expiresAt));
  if (expiry > now && reach === 'network')
    return `Done. Fetch the links before ${time(expiry)}, when they expire.`;
  if (expiry > now) {
    const again = download ? ' again' : '';
    return `Done. Call download_result${again} before ${time(expiry)}, when the links expire.`;
  }
  if (taskEndsAt !== undefined && taskEndsAt > now && reach === 'local')
    return `The links have expired. ${clouds[job.cloud]} answers for the task until ${time(taskEndsAt)}: call download_result before that, and it asks for fresh ones.`;
  return `The links have expired, and ${clouds[job.cloud]} no longer answers for the task. Look for the result in the cloud’s console; submitting again is billed again.`;
}

function warningsOf(job: Job, { download }: ResultFacts): string[] {
  if (download?.state !== 'failed' || isStored(job)) return [...job.warnings];
  const { message = 'This server failed.', advice = 'See its log.' } = download.failure ?? {};
  return [...job.warnings, `The download failed: ${message} ${advice}`];
}

function next(job: Job, position: number | undefined, facts: ResultFacts): string {
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
    case 'succeeded':
      return afterSuccess(job, facts);
    case 'failed':
      return job.failure?.advice ?? 'Submit again with other input.';
    case 'cancelled':
      return 'Nothing more will happen to this job.';
    case 'unknown':
      return job.failure?.advice ?? 'Look for the task in the cloud’s console before submitting again.';
  }
}

/** What a submission will cost, in a line. */
export function estimateText({ billed_seconds: billed, wait_seconds: wait, basis }: Estimate): string {
  const parts = [
    billed === undefined ? undefined : `about ${billed} s of result will be billed`,
    wait === undefined ? undefined : `expect to wait about ${wait} s`,
  ];
  return `Estimate: ${[...parts.filter(Boolean), `basis: ${basis}`].join('; ')}.`;
}

export interface ResultFacts {
  /** Of a submission just made. */
  readonly estimate?: Estimate;
  /** Jobs held here ahead of this one. */
  readonly ahead?: number;
  readonly etaSeconds?: number;
  /** How the download stands in this process. */
  readonly download?: DownloadStatus;
  /** When the cloud stops answering for the task. */
  readonly taskEndsAt?: number;
  readonly now: number;
  /** Over a network no path on this machine is shown. */
  readonly reach: 'local' | 'network';
}

/** A job as tools and resources show it. */
export function jobResult(job: Job, facts: ResultFacts): JobResult {
  const position = job.status === 'queued' ? facts.ahead : job.queuePosition;
  const warnings = warningsOf(job, facts);
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
      ...(each.localPath !== undefined && facts.reach === 'local' && { local_path: each.localPath }),
      ...(each.sizeBytes !== undefined && { size_bytes: each.sizeBytes }),
      ...(each.sha256 !== undefined && { sha256: each.sha256 }),
    })),
    ...(job.failure && { failure: job.failure }),
    ...(facts.estimate && { estimate: facts.estimate }),
    ...(warnings.length > 0 && { warnings }),
    ...(job.sandbox && { sandbox: true }),
    next: next(job, position, facts),
  };
}

/** The same in a few lines for hosts that show text only. */
export function jobText(result: JobResult): string {
  const lines = [`${result.job_id} · ${result.tool} · ${result.status}${result.sandbox ? ' · sandbox' : ''}`];
  if (result.eta_seconds !== undefined) lines.push(`Expected to end in about ${result.eta_seconds} s`);
  for (const each of result.outputs ?? []) {
    const place = each.local_path ?? each.url;
    const size = each.size_bytes === undefined ? '' : `, ${each.size_bytes} bytes, sha256 ${each.sha256}`;
    lines.push(`${each.kind}: ${place} (${each.mime_type}${size}; link expires ${each.expires_at})`);
  }
  if (result.failure)
    lines.push(`${result.failure.kind}: ${result.failure.message} ${result.failure.advice}`);
  if (result.estimate) lines.push(estimateText(result.estimate));
  for (const warning of result.warnings ?? []) lines.push(`Warning: ${warning}`);
  lines.push(`Next: ${result.next}`);
  return lines.join('\n');
}

/** What is said in a result, word by word, where its cloud tells that: too much for the answer of a tool. */
export function sentencesOf({ sentences }: Job) {
  return (
    sentences && {
      sentences: sentences.map(({ text, words }) => ({
        text,
        words: words.map((word) => ({ text: word.text, start_ms: word.startMs, end_ms: word.endMs })),
      })),
    }
  );
}
