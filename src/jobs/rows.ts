import type { Selectable, Updateable } from 'kysely';
import type { Job, JobStatus } from '../core/job.ts';
import type { Cloud } from '../core/operation.ts';

/** The table `jobs`, as the migrations leave it. */
export interface JobTable {
  id: string;
  principal: string;
  tool: string;
  cloud: string;
  account: string;
  lane: string;
  status: string;
  input: string;
  input_digest: string;
  idempotency_key: string | null;
  result_seconds: number | null;
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
  /** When the cloud began, by its own account. */
  started_at: number | null;
  /** When the cloud last answered a question that the job outlived. */
  polled_at: number | null;
  /** When a question was last claimed, answered or not. */
  asked_at: number | null;
  due_at: number | null;
  attempts: number;
  revision: number;
  lease_owner: string | null;
  lease_until: number | null;
  fence: number;
  /** Of a succeeded job: how long the cloud took, in the cloud's time. */
  cloud_ms: number | null;
}

/** The table `lanes`: what every process on the store must know of a lane before it sends. */
export interface LaneTable {
  account: string;
  lane: string;
  /** Room after a refusal; null while the configured size holds. */
  size: number | null;
  /** When the room next grows by one. */
  grows_at: number | null;
  /** Refusals in a row. */
  refusals: number;
  /** Nothing is sent before. */
  held_until: number | null;
  submitted_at: number | null;
}

export type NewJob = Pick<
  Job,
  | 'id'
  | 'principal'
  | 'tool'
  | 'cloud'
  | 'account'
  | 'lane'
  | 'inputDigest'
  | 'resultSeconds'
  | 'idempotencyKey'
  | 'warnings'
  | 'sandbox'
  | 'cloudTaskId'
> & { readonly input: Readonly<Record<string, unknown>> };

/** What a write may change. `null` clears a field. */
export type JobChange = {
  [Field in
    | 'cloudTaskId'
    | 'progress'
    | 'queuePosition'
    | 'outputs'
    | 'sentences'
    | 'failure'
    | 'startedAt'
    | 'resultSeconds'
    | 'warnings'
    | 'polledAt'
    | 'dueAt'
    | 'attempts']?: Job[Field] | null;
} & { cloudMs?: number };

export interface JobFilter {
  /** Absent: everybody's. */
  readonly principal?: string;
  readonly status?: JobStatus;
  readonly tool?: string;
  readonly limit: number;
  /** Only jobs older than this one. */
  readonly before?: { readonly createdAt: number; readonly id: string };
}

/** How many jobs of one tool and lane are in one state. */
export interface JobCount {
  readonly tool: string;
  readonly lane: string;
  readonly status: JobStatus;
  readonly count: number;
}

/** Whose jobs a process may ask after, and which of them it is asking after already. */
export interface ClaimScope {
  readonly cloud: Cloud;
  readonly account: string;
  readonly underway: readonly string[];
  /** Questions that all processes on the store together may put in a second; absent: as many as they like. */
  readonly perSecond?: number;
}

const orUndefined = <T>(value: T | null): T | undefined => value ?? undefined;
const json = <T>(text: string): T => JSON.parse(text) as T;

/** What lists, changes and polls need: all but the two columns that can be large. */
export const shownColumns = [
  'id',
  'principal',
  'tool',
  'cloud',
  'account',
  'lane',
  'status',
  'input_digest',
  'idempotency_key',
  'result_seconds',
  'cloud_task_id',
  'progress',
  'queue_position',
  'outputs',
  'failure',
  'warnings',
  'sandbox',
  'created_at',
  'updated_at',
  'submitted_at',
  'started_at',
  'polled_at',
  'due_at',
  'attempts',
  'revision',
  'fence',
] as const satisfies ReadonlyArray<keyof JobTable>;

type ShownRow = Pick<Selectable<JobTable>, (typeof shownColumns)[number]>;
type Row = ShownRow & Partial<Pick<Selectable<JobTable>, 'input' | 'sentences'>>;

/** A job that this process has claimed; only the holder of the newest fence may write its outcome. */
export type ClaimedJob = Job & { readonly fence: number };

const optionalNumber = (value: number | null) => (value === null ? undefined : Number(value));

export const toClaimedJob = (row: Row): ClaimedJob => ({ ...toJob(row), fence: Number(row.fence) });

/** One stored row as a job. */
export function toJob(row: Row): Job {
  return {
    id: row.id,
    principal: row.principal,
    tool: row.tool,
    cloud: row.cloud as Cloud,
    account: row.account,
    lane: row.lane,
    status: row.status as JobStatus,
    input: row.input === undefined ? undefined : json(row.input),
    inputDigest: row.input_digest,
    idempotencyKey: orUndefined(row.idempotency_key),
    resultSeconds: optionalNumber(row.result_seconds),
    cloudTaskId: orUndefined(row.cloud_task_id),
    progress: orUndefined(row.progress),
    queuePosition: orUndefined(row.queue_position),
    outputs: json(row.outputs),
    sentences: row.sentences ? json(row.sentences) : undefined,
    failure: row.failure === null ? undefined : json(row.failure),
    warnings: json(row.warnings),
    sandbox: row.sandbox === 1,
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
    submittedAt: optionalNumber(row.submitted_at),
    startedAt: optionalNumber(row.started_at),
    polledAt: optionalNumber(row.polled_at),
    dueAt: optionalNumber(row.due_at),
    attempts: row.attempts,
    revision: Number(row.revision),
  };
}

/** The row of a job that is new now, but its revision. */
export function newRow(job: NewJob, now: number) {
  const adopted = job.cloudTaskId !== undefined;
  return {
    id: job.id,
    principal: job.principal,
    tool: job.tool,
    cloud: job.cloud,
    account: job.account,
    lane: job.lane,
    status: adopted ? 'pending' : 'queued',
    cloud_task_id: job.cloudTaskId ?? null,
    input: JSON.stringify(job.input),
    input_digest: job.inputDigest,
    idempotency_key: job.idempotencyKey ?? null,
    result_seconds: job.resultSeconds ?? null,
    outputs: '[]',
    warnings: JSON.stringify(job.warnings),
    sandbox: job.sandbox ? 1 : 0,
    created_at: now,
    updated_at: now,
    due_at: adopted ? now : null,
    attempts: 0,
    fence: 0,
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
  if (change.startedAt !== undefined) columns.started_at = change.startedAt;
  if (change.resultSeconds !== undefined) columns.result_seconds = change.resultSeconds;
  if (change.cloudMs !== undefined) columns.cloud_ms = Math.round(change.cloudMs);
  if (change.warnings) columns.warnings = JSON.stringify(change.warnings);
  if (change.polledAt !== undefined) columns.polled_at = change.polledAt;
  if (change.dueAt !== undefined) columns.due_at = change.dueAt;
  if (change.attempts !== undefined) columns.attempts = change.attempts ?? 0;
  return columns;
}

/** The table `counters`: `revision` is a floor for revisions, raised when jobs are removed. */
interface CounterTable {
  name: string;
  value: number;
}

export interface Schema {
  jobs: JobTable;
  lanes: LaneTable;
  counters: CounterTable;
}
