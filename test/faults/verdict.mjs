import { setTimeout as pause } from 'node:timers/promises';
import Libsql from 'libsql';

const unfinished = new Set(['queued', 'submitting', 'pending', 'running']);
const markOf = (value) => /intent-[a-z_]+-\d+-end/.exec(JSON.stringify(value))?.[0];

/** The job file, read beside the servers. */
export function readJobs(path) {
  const database = new Libsql(path, { readonly: true });
  try {
    const rows = database
      .prepare('select id, status, account, lane, input, cloud_task_id, failure, lease_until from jobs')
      .all();
    const [{ integrity_check: integrity }] = database.prepare('PRAGMA integrity_check').all();
    return { integrity, jobs: rows.map((row) => ({ ...row, mark: markOf(row.input) })) };
  } finally {
    database.close();
  }
}

/**
 * Jobs without an end that may be so in a campaign too short to wait: a server was killed that had a lease
 * on them, which still runs, or on another job of their lane.
 */
function heldByLease(jobs) {
  const leased = jobs.filter((job) => Number(job.lease_until) > Date.now());
  const laneOf = ({ account, lane }) => `${account} ${lane}`;
  const lanes = new Set(leased.map(laneOf));
  const queued = jobs.filter((job) => job.status === 'queued' && lanes.has(laneOf(job)));
  return new Set([...leased, ...queued].map(({ id }) => id));
}

/** Jobs that have not ended and ought to. */
export function lingering(jobs, hasty) {
  const held = hasty ? heldByLease(jobs) : new Set();
  return jobs.filter(({ id, status }) => unfinished.has(status) && !held.has(id));
}

/** Waits until every job has ended. */
export async function drained(path, { deadline, hasty }) {
  while (lingering(readJobs(path).jobs, hasty).length > 0 && Date.now() < deadline) await pause(200);
}

/** Holds the emulator's count and the job file against what the agents wanted and were told. */
export function judge({ intents, submissions, jobs, integrity, hasty, violation }) {
  if (integrity !== 'ok') violation('the job file is damaged', integrity);
  const byMark = grouped(jobs, ({ mark }) => mark);
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const accepted = grouped(submissions, ({ request }) => markOf(request));
  const markOfTask = new Map(submissions.map(({ task_id: id, request }) => [id, markOf(request)]));

  for (const [mark, tasks] of accepted)
    if (tasks.length > 1)
      violation('paid twice', `${mark}: ${tasks.map(({ task_id: id }) => id).join(', ')}`);
  for (const { mark, jobIds, keyed, calls } of intents) {
    const mine = byMark.get(mark) ?? [];
    if (mine.length > (keyed ? 1 : calls)) violation('one intent, several jobs', `${mark}: ${mine.length}`);
    if (jobIds.size > 1) violation('one key, several jobs', `${mark}: ${[...jobIds].join(', ')}`);
    for (const id of jobIds) if (!byId.has(id)) violation('an acknowledged job is gone', `${mark}: ${id}`);
  }
  for (const job of lingering(jobs, hasty))
    violation('a job without an end', `${job.id} (${job.mark}) is ${job.status}`);
  for (const job of jobs) {
    if (job.cloud_task_id && markOfTask.get(job.cloud_task_id) !== job.mark)
      violation(
        'a job follows a task that is not its own',
        `${job.mark}: task of ${markOfTask.get(job.cloud_task_id)}`,
      );
  }
  for (const { task_id: id, request } of submissions) {
    const mine = byMark.get(markOf(request)) ?? [];
    const known = mine.some(
      (job) =>
        job.cloud_task_id === id || job.failure?.includes('unknown_outcome') || job.status === 'unknown',
    );
    const sending = hasty && mine.some(({ status }) => status === 'submitting');
    if (!known && !sending)
      violation('an accepted task that no job knows', `${markOf(request)}: ${id}, job ${mine[0]?.status}`);
  }
}

/** A campaign of a hundred runs and more has met every kind of fault. */
const enoughRuns = 100;
const fewestQueries = 30;

/** What a campaign found nothing of: then its silence says nothing. */
export function empty(result, kinds, wanted) {
  const { injected, intents, acknowledged, accepted, sightings, lists, callbacks, budget } = result;
  const counts = { intents, acknowledged, accepted, sightings, lists, succeeded: result.ends.succeeded ?? 0 };
  const nothing = Object.keys(counts).filter((name) => counts[name] === 0);
  if (budget.queries < fewestQueries) nothing.push(`queries to judge the budget by (${budget.queries})`);
  if (wanted < enoughRuns) return nothing;
  if (callbacks.twice === 0) nothing.push('callbacks that were taken twice');
  return [...nothing, ...kinds.filter((kind) => !injected[kind])];
}

function grouped(values, key) {
  const groups = new Map();
  for (const value of values) {
    const list = groups.get(key(value)) ?? [];
    groups.set(key(value), list);
    list.push(value);
  }
  return groups;
}

/**
 * The most a second of these moments, in any stretch of so many seconds. What leaves this machine evenly may
 * arrive in a heap when it is busy: two seconds tell more of the sender than one.
 */
export function busiest(times, seconds) {
  let most = 0;
  let first = 0;
  for (let last = 0; last < times.length; last++) {
    while (times[last] - times[first] > seconds * 1_000) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most / seconds;
}
