import type { Job, JobFailure } from '../core/job.ts';
import { type Cloud, clouds } from '../core/operation.ts';

/** Where a vendor shows the tasks that it accepted. */
const consoles: Readonly<Record<Cloud, string>> = {
  vclm: 'the Tencent Cloud console of VCLM, or its usage records,',
  vclm_intl: 'the international Tencent Cloud console of VCLM, or its usage records,',
  ivh: 'the AI Digital Human (IVH) console',
  dashscope: 'the Model Studio console, under the tasks of the model videoretalk,',
};

const beijingMs = 8 * 3_600_000;
const clockTime = (ms: number) => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

/**
 * What is known of a job that may have been accepted, and what its owner can do.
 *
 * @param reason a sentence that says how the outcome was lost
 * @param search what came of looking for the task in the cloud's own list, where it has one
 */
export function unknownOutcome(job: Job, reason: string, code?: string, search = ''): JobFailure {
  const sent = job.submittedAt ?? job.createdAt;
  return {
    kind: 'unknown_outcome',
    code,
    message: `${reason} Whether ${clouds[job.cloud]} accepted the job is not known.${search && ` ${search}`}`,
    advice: [
      `Look in ${consoles[job.cloud]} for a task submitted about ${clockTime(sent)} UTC (${clockTime(sent + beijingMs)} Beijing time).`,
      `If it is there, call get_progress with job_id ${job.id} and its cloud_task_id to follow it.`,
      `If it is not, release this job with cancel_job, and only then submit again. It is never sent again from here.`,
    ].join(' '),
    retryable: false,
  };
}
