import { foreignText, withoutQueries } from '../core/failure.ts';
import { isFinal, type Job, type JobOutput } from '../core/job.ts';
import { clouds } from '../core/operation.ts';
import type { JobEngine } from '../jobs/engine.ts';

export const rowHeader = ['JOB', 'TOOL', 'STATUS', 'AGE', 'NOTE'] as const;

/** Whether nothing more will happen by itself: a job of unknown outcome waits for its owner. */
export const hasEnded = (job: Job) => isFinal(job.status) || job.status === 'unknown';

const time = (milliseconds: number) => `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;

/** A stretch of time as one number and its unit. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 90) return `${seconds}s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)}m`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)}h`;
  return `${Math.round(seconds / 86_400)}d`;
}

function linksNote(outputs: readonly JobOutput[], now: number): string {
  if (outputs.every(({ localPath }) => localPath !== undefined))
    return foreignText(outputs.map(({ localPath }) => localPath).join(', '), 400);
  const expiry = Math.min(...outputs.map(({ expiresAt }) => expiresAt));
  return expiry > now ? `links expire in ${duration(expiry - now)}` : 'links have expired';
}

async function note(job: Job, engine: JobEngine, now: number): Promise<string> {
  const { failure } = job;
  if (job.status === 'succeeded') return linksNote(job.outputs, now);
  if (job.status === 'queued') {
    const ahead = await engine.aheadOf(job);
    const why = failure?.kind === 'network' ? 'the cloud cannot be reached' : 'until the account has room';
    return `held here ${why}${ahead > 0 ? `, ${ahead} ahead` : ''}`;
  }
  if (failure) return foreignText(`${failure.kind}: ${failure.message}`, 400);
  const eta = await engine.etaSeconds(job);
  return [
    job.progress === undefined ? '' : `${job.progress} %`,
    job.queuePosition === undefined ? '' : `${job.queuePosition} ahead in the cloud`,
    eta === undefined || hasEnded(job) ? '' : `about ${duration(eta * 1000)} left`,
  ]
    .filter(Boolean)
    .join(', ');
}

/** One job as a row under `rowHeader`. */
export async function jobRow(job: Job, engine: JobEngine, now: number): Promise<string[]> {
  const age = duration(now - job.createdAt);
  return [job.id, foreignText(job.tool, 40), job.status, age, await note(job, engine, now)];
}

/** What its owner can do about a job, in the words of this command line. */
export function advice(job: Job, now: number): string {
  const command = 'digital-human-mcp jobs';
  switch (job.status) {
    case 'queued':
      return `A running server sends it when there is room. "${command} cancel ${job.id}" gives it up.`;
    case 'submitting':
      return 'It is being sent at this moment.';
    case 'pending':
    case 'running':
      return `"${command} watch ${job.id}" waits for its end.`;
    case 'succeeded': {
      if (job.outputs.every(({ localPath }) => localPath !== undefined)) return '';
      return job.outputs.some(({ expiresAt }) => expiresAt <= now)
        ? `"${command} download ${job.id}" asks for fresh links, where the cloud still gives any.`
        : `"${command} download ${job.id}" fetches the files.`;
    }
    case 'unknown':
      return `If the cloud has a task for it: "${command} adopt ${job.tool} TASK_ID --job ${job.id}". If it has none: "${command} cancel ${job.id}". It is never sent again from here.`;
    case 'failed':
    case 'cancelled':
      return '';
  }
}

/** A value of an input: without the query of an address, which may be signed, and not at any length. */
export function withoutSecrets(value: unknown, limit: number): unknown {
  if (typeof value === 'string') {
    const bare = withoutQueries(value);
    const points = Array.from(bare.slice(0, limit * 2));
    return points.length > limit
      ? `${points.slice(0, limit).join('')}… (${value.length} characters in all)`
      : bare;
  }
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, limit));
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(
      Object.entries(value).map(([name, field]) => [name, withoutSecrets(field, limit)]),
    );
  return value;
}

/** Everything about one job, a line for each fact. */
export async function jobLines(job: Job, engine: JobEngine, now: number): Promise<string[]> {
  const facts: Array<readonly [string, string | undefined]> = [
    ['job', job.id],
    ['tool', `${foreignText(job.tool, 40)} (${clouds[job.cloud]})${job.sandbox ? ', in the sandbox' : ''}`],
    ['status', [job.status, hasEnded(job) ? '' : await note(job, engine, now)].filter(Boolean).join(', ')],
    ['owner', job.principal === '' ? undefined : foreignText(job.principal, 200)],
    ['cloud task', job.cloudTaskId === undefined ? undefined : foreignText(job.cloudTaskId, 200)],
    ['idempotency', job.idempotencyKey === undefined ? undefined : foreignText(job.idempotencyKey, 200)],
    ['created', time(job.createdAt)],
    ['submitted', job.submittedAt === undefined ? undefined : time(job.submittedAt)],
    ['changed', time(job.updatedAt)],
  ];
  for (const output of job.outputs) {
    const place = output.localPath ?? output.url;
    facts.push([output.kind, foreignText(place, 4000)]);
    const size =
      output.sizeBytes === undefined ? '' : `, ${output.sizeBytes} bytes, SHA-256 ${output.sha256}`;
    const link = output.localPath === undefined ? '' : `, from ${foreignText(output.url, 4000)}`;
    facts.push(['', `${output.mimeType}${size}; link until ${time(output.expiresAt)}${link}`]);
  }
  if (job.failure) {
    facts.push(['failure', foreignText(`${job.failure.kind}: ${job.failure.message}`, 1000)]);
    facts.push(['', foreignText(job.failure.advice, 1000)]);
  }
  for (const warning of job.warnings) facts.push(['warning', foreignText(warning, 2000)]);
  for (const [name, value] of Object.entries(job.input ?? {}))
    facts.push([
      'input',
      `${foreignText(name, 60)} = ${foreignText(JSON.stringify(withoutSecrets(value, 300)), 400)}`,
    ]);
  const next = advice(job, now);
  if (next) facts.push(['next', next]);
  return facts
    .filter((fact): fact is [string, string] => fact[1] !== undefined)
    .map(([name, value]) => `${name.padEnd(11)}  ${value}`);
}
