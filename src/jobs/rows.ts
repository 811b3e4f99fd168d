import { type Selectable, sql, type Updateable } from 'kysely';
import type { Job, JobStatus } from '../core/job.ts';
import type { Cloud } from '../core/operation.ts';

/** The table `jobs`, as the migrations leave it. */
export interface JobTable {
  id: string;
  tool: string;
  cloud: string;
  account: string;
  lane: string;
  status: string;
  input: string;
  input_digest: string;
  idempotency_key: string | null;
  cloud_task_id: string | null;
  progress: number | null;
  queue_position: number | null;
  outputs: string;
  sentences: string | null;
  failure: string | null;
  warnings: string;
  sandbox: number;
  created_at: number;
  updated_at: number;
  submitted_at: number | null;
  polled_at: number | null;
  due_at: number | null;
  attempts: number;
  revision: number;
  lease_owner: string | null;
  lease_until: number | null;
}

export type NewJob = Pick<
  Job,
  | 'id'
  | 'tool'
  | 'cloud'
  | 'account'
  | 'lane'
  | 'input'
  | 'inputDigest'
  | 'idempotencyKey'
  | 'warnings'
  | 'sandbox'
  | 'cloudTaskId'
>;

/** What a write may change. `null` clears a field. */
export type JobChange = {
  [Field in
    | 'cloudTaskId'
    | 'progress'
    | 'queuePosition'
    | 'outputs'
    | 'sentences'
    | 'failure'
    | 'submittedAt'
    | 'polledAt'
    | 'dueAt'
    | 'attempts']?: Job[Field] | null;
};

export interface JobFilter {
  readonly status?: JobStatus;
  readonly tool?: string;
  readonly limit: number;
  /** Only jobs older than this one. */
  readonly before?: { readonly createdAt: number; readonly id: string };
}

/** The clouds and accounts that this process has keys for. */
export interface ClaimScope {
  readonly clouds: readonly Cloud[];
  readonly accounts: readonly string[];
}

const orUndefined = <T>(value: T | null): T | undefined => value ?? undefined;
const json = <T>(text: string): T => JSON.parse(text) as T;

/** One stored row as a job. */
export function toJob(row: Selectable<JobTable>): Job {
  return {
    id: row.id,
    tool: row.tool,
    cloud: row.cloud as Cloud,
    account: row.account,
    lane: row.lane,
    status: row.status as JobStatus,
    input: json(row.input),
    inputDigest: row.input_digest,
    idempotencyKey: orUndefined(row.idempotency_key),
    cloudTaskId: orUndefined(row.cloud_task_id),
    progress: orUndefined(row.progress),
    queuePosition: orUndefined(row.queue_position),
    outputs: json(row.outputs),
    sentences: row.sentences === null ? undefined : json(row.sentences),
    failure: row.failure === null ? undefined : json(row.failure),
    warnings: json(row.warnings),
    sandbox: row.sandbox === 1,
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
    submittedAt: row.submitted_at === null ? undefined : Number(row.submitted_at),
    polledAt: row.polled_at === null ? undefined : Number(row.polled_at),
    dueAt: row.due_at === null ? undefined : Number(row.due_at),
    attempts: row.attempts,
    revision: Number(row.revision),
  };
}

/** The columns that a change sets. */
export function toColumns(change: JobChange): Updateable<JobTable> {
  const columns: Updateable<JobTable> = {};
  if (change.cloudTaskId !== undefined) columns.cloud_task_id = change.cloudTaskId;
  if (change.progress !== undefined) columns.progress = change.progress;
  if (change.queuePosition !== undefined) columns.queue_position = change.queuePosition;
  if (change.outputs !== undefined) columns.outputs = JSON.stringify(change.outputs ?? []);
  if (change.sentences) columns.sentences = JSON.stringify(change.sentences);
  if (change.failure !== undefined)
    columns.failure = change.failure === null ? null : JSON.stringify(change.failure);
  if (change.submittedAt !== undefined) columns.submitted_at = change.submittedAt;
  if (change.polledAt !== undefined) columns.polled_at = change.polledAt;
  if (change.dueAt !== undefined) columns.due_at = change.dueAt;
  if (change.attempts !== undefined) columns.attempts = change.attempts ?? 0;
  return columns;
}

export interface Schema {
  jobs: JobTable;
}

/** One more than the highest revision stored. SQLite runs one writing statement at a time, so no two are alike. */
export const nextRevision = sql<number>`(select coalesce(max(revision), 0) + 1 from jobs)`;
