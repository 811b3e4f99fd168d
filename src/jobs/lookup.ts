import type { CloudConnection, RecentTask } from '../clouds/exchange.ts';
import { quoted } from '../core/failure.ts';
import { clouds, type Operation } from '../core/operation.ts';
import type { Log } from '../log.ts';
import type { ClaimedJob } from './rows.ts';
import type { JobStore } from './store.ts';
import { unknownOutcome } from './unknown.ts';

export interface LookupOptions {
  readonly store: JobStore;
  readonly now: () => number;
  readonly log: Log;
}

/** Milliseconds before each look into the cloud's list: a task may appear there late, but not for ever. */
const delays = [5_000, 30_000, 120_000, 300_000];
/** The cloud's moment of submission lies between ours of sending, clocks compared to the second, and the end of our patience. */
const earlyMs = 3_000;
const lateMs = 45_000;

/** Milliseconds until the next look after so many; undefined when there is none. */
export const searchDelay = (looks: number): number | undefined => delays[looks];

/**
 * Looks for an unknown job's task in the cloud's list of recent ones. The task is adopted only when it is the
 * one unclaimed task of that moment and this the one job that it can belong to; nothing is ever sent again.
 */
export async function findLost(
  job: ClaimedJob,
  operation: Operation,
  connection: CloudConnection,
  { store, now, log }: LookupOptions,
): Promise<void> {
  if (!connection.findRecent || connection.account !== job.account) {
    await store.postpone(job, { dueAt: null });
    return;
  }
  const sent = job.submittedAt ?? job.createdAt;
  const [from, to] = [sent - earlyMs, sent + lateMs];
  let found: readonly RecentTask[] | undefined;
  try {
    found = await connection.findRecent(operation.wire, { from, to });
  } catch (error) {
    log.warn('the list of recent tasks could not be read', { job: job.id, error });
  }
  const unclaimed: string[] = [];
  for (const { taskId, submittedAt } of found ?? [])
    if (submittedAt >= from && submittedAt <= to && !(await store.byTask(job.cloud, taskId)))
      unclaimed.push(taskId);
  const rivals = await store.unsettledBetween(job, sent - lateMs, sent + lateMs);
  const [only] = unclaimed;
  if (only !== undefined && unclaimed.length === 1 && rivals === 0) {
    log.info('found a lost task', { job: job.id, task: only });
    await store.move(job, 'pending', { cloudTaskId: only, failure: null, dueAt: now(), attempts: 0 });
    return;
  }
  const looks = job.attempts + 1;
  const delay = searchDelay(looks);
  if (delay !== undefined) {
    await store.postpone(job, { dueAt: now() + delay, attempts: looks });
    return;
  }
  const { code, message = '' } = job.failure ?? {};
  const reason = message.split(' Whether ')[0] ?? '';
  const failure = unknownOutcome(job, reason, code, verdict(job, found && unclaimed, rivals));
  await store.amend(job, { failure, dueAt: null, attempts: looks });
}

function verdict(job: ClaimedJob, unclaimed: readonly string[] | undefined, rivals: number): string {
  const list = `${clouds[job.cloud]}'s own list of tasks`;
  if (!unclaimed) return `${list} could not be read.`;
  if (unclaimed.length === 0)
    return `${list} shows none of that time that is not followed here, so it was probably not accepted.`;
  const ids = unclaimed.slice(0, 5).map((id) => quoted(id, 80));
  return rivals > 0
    ? `${list} shows ${ids.join(', ')}, which may belong to this job or to another of unknown outcome.`
    : `${list} shows several that it could be: ${ids.join(', ')}.`;
}
