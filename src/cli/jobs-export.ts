import type { Job } from '../core/job.ts';
import type { JobEngine } from '../jobs/engine.ts';
import { jobResult, sentencesOf } from '../mcp/job-result.ts';
import { withoutSecrets } from './jobs-lines.ts';
import { writeLine } from './terminal.ts';

const pageSize = 200;
/** Longest text of an input that is written out. */
const longestText = 20_000;

/**
 * One job as a program reads it: what job tools answer, and what only its owner may know. Inputs come without the
 * queries of their addresses, which may be signed; links to results are results, and stay whole.
 */
export function exported(job: Job, now: number): Record<string, unknown> {
  const { next: _, ...result } = jobResult(job, { now, reach: 'local' });
  return {
    ...result,
    cloud: job.cloud,
    ...(job.principal !== '' && { principal: job.principal }),
    ...(job.idempotencyKey !== undefined && { idempotency_key: job.idempotencyKey }),
    ...(job.submittedAt !== undefined && { submitted_at: new Date(job.submittedAt).toISOString() }),
    ...(job.input && { input: withoutSecrets(job.input, longestText) }),
    ...sentencesOf(job),
  };
}

/** Writes every job in the store as a line of JSON, newest first. */
export async function exportJobs({ ledger }: JobEngine, now: number): Promise<void> {
  let before: Job | undefined;
  for (let found = pageSize; found === pageSize; ) {
    const page = await ledger.list({ limit: pageSize, before });
    for (const { id } of page) {
      // It may have been forgotten since it was listed.
      const job = await ledger.find(id);
      if (job && !(await writeLine(JSON.stringify(exported(job, now))))) return;
    }
    before = page.at(-1);
    found = page.length;
  }
}
