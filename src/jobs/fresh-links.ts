import type { Connections } from '../clouds/accounts.ts';
import type { Job, JobOutput } from '../core/job.ts';
import { clouds, type Operation } from '../core/operation.ts';

export interface FreshLinksOptions {
  readonly connections: Connections;
  readonly operations: readonly Operation[];
  readonly now: () => number;
}

/** When the cloud stops answering for a job's task, in epoch milliseconds; undefined for a job without a task. */
export function taskEndsAt(job: Job, operations: readonly Operation[]): number | undefined {
  const wire = operations.find(({ name }) => name === job.tool)?.wire;
  if (!wire || job.cloudTaskId === undefined) return undefined;
  return (job.submittedAt ?? job.createdAt) + wire.taskLifetimeSeconds * 1000;
}

/** What is left to do about a result whose link has died and for which no fresh one could be had. */
export function afterExpiry(job: Job, endsAt: number | undefined, now: number): string {
  const cloud = clouds[job.cloud];
  if (endsAt !== undefined && endsAt > now)
    return `${cloud} gave no link that works now, but answers for the task until ${new Date(endsAt).toISOString()}: call download_result again before that, or look in the cloud’s console.`;
  return `${cloud} no longer answers for the task. Look for the result in the cloud’s console; submitting again is billed again.`;
}

/**
 * Asks the cloud once more for the outputs of a finished task, in the order of the job's own. Whether a cloud
 * signs anew at every question is not documented, so the same links may come back. Undefined when the task's
 * documented life is over, or when the cloud no longer has the same outputs.
 * @throws what the question throws
 */
export async function freshLinks(
  job: Job,
  options: FreshLinksOptions,
): Promise<readonly JobOutput[] | undefined> {
  const { connections, operations, now } = options;
  const operation = operations.find(({ name }) => name === job.tool);
  const connection = connections[job.cloud];
  const endsAt = taskEndsAt(job, operations);
  if (!operation || !connection || endsAt === undefined || endsAt <= now()) return undefined;
  const state = operation.decode(await connection.query(operation.wire, job.cloudTaskId ?? ''));
  if (state.state !== 'done') return undefined;
  const { outputs } = state;
  if (job.outputs.some(({ kind }, index) => outputs[index]?.kind !== kind)) return undefined;
  return job.outputs.map((output, index) => {
    const url = outputs[index]?.url ?? output.url;
    if (url === output.url) return output;
    // Signed just now, but not known to outlive the task that it was asked by.
    const expiresAt = Math.min(now() + operation.wire.resultLifetimeSeconds * 1000, endsAt);
    return { ...output, url, expiresAt };
  });
}
