import { Failure } from '../core/failure.ts';
import type { JobStatus } from '../core/job.ts';
import type { Jobs } from '../jobs/jobs.ts';

/** States in which a job still costs this server work. One of unknown outcome waits for its owner, not for us. */
const unfinished: readonly JobStatus[] = ['queued', 'submitting', 'pending', 'running'];

/** Whether a principal has this job: another's is as unknown as one that does not exist. */
export async function holds(jobs: Jobs, id: string): Promise<boolean> {
  try {
    await jobs.get(id);
    return true;
  } catch (error) {
    if (error instanceof Failure && error.kind === 'not_found') return false;
    throw error;
  }
}

/**
 * Throws when a principal already has as many unfinished jobs as it may.
 * Submissions of the same moment do not see each other: they can pass the limit by as many as the rate limit lets in.
 */
export async function checkAllowance(jobs: Jobs, limit: number): Promise<void> {
  let held = 0;
  for (const status of unfinished) {
    held += (await jobs.list({ status, limit: limit - held })).length;
    if (held >= limit)
      throw new Failure({
        kind: 'capacity',
        message: `You have ${limit} unfinished jobs, which is the limit. Nothing was submitted.`,
        advice: 'Wait until one has ended (list_jobs shows them), or cancel one that is still held here.',
        retryable: true,
      });
  }
}
