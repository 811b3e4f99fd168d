import { sql } from 'kysely';
import { canMove, isFinal, type Job, type JobStatus, jobStatuses, pollable } from '../core/job.ts';
import type { Cloud } from '../core/operation.ts';
import { Claims } from './claims.ts';
import { changedAt, type JobDatabase, writeJob } from './database.ts';
import { Lanes } from './lanes.ts';
import { withoutLargeValues } from './large-values.ts';
import { migrate } from './migrate.ts';
import {
  type ClaimedJob,
  type JobChange,
  type JobCount,
  type JobFilter,
  type NewJob,
  newRow,
  shownColumns,
  toColumns,
  toJob,
} from './rows.ts';

/** How long the cloud took, in its own time, for one job that succeeded. */
export interface Sample {
  readonly cloudMs: number;
  readonly resultSeconds?: number;
}
const samplesKept = 50;

/**
 * The jobs, durably. Every method is one statement or one transaction, so that a crash leaves a job
 * before or after it, never in between, and two processes on one store cannot both win a claim.
 */
export class JobStore {
  readonly claims: Claims;
  readonly lanes: Lanes;
  readonly #database: JobDatabase;
  readonly #now: () => number;

  private constructor(database: JobDatabase, owner: string, now: () => number) {
    this.claims = new Claims(database, owner, now);
    this.lanes = new Lanes(database, owner, now);
    this.#database = database;
    this.#now = now;
  }

  /** Brings the schema up to date. `owner` names this process in leases. */
  static async open(database: JobDatabase, owner: string, now: () => number): Promise<JobStore> {
    await migrate(database);
    return new JobStore(database, owner, now);
  }

  async close(): Promise<void> {
    await this.#database.shared?.close();
    await this.#database.kysely.destroy();
  }

  /**
   * Commits the intent to submit; with a `cloudTaskId`, a task that was submitted elsewhere. Where the
   * idempotency key or the task already has a job, nothing is written and that job is returned.
   */
  async insert(job: NewJob): Promise<{ job: Job; created: boolean }> {
    const now = this.#now();
    for (let tries = 1; ; tries++) {
      const inserted = await this.#database.kysely
        .insertInto('jobs')
        .values({ ...newRow(job, now), revision: this.#database.nextRevision })
        .onConflict((conflict) => conflict.doNothing())
        .returning(shownColumns)
        .executeTakeFirst();
      if (inserted) return { job: toJob(inserted), created: true };
      // Stored by a statement whose answer was lost, and that was then repeated.
      const own = await this.get(job.id);
      if (own) return { job: own, created: true };
      const holder =
        job.cloudTaskId === undefined
          ? await this.byKey(job.principal, job.idempotencyKey ?? '')
          : await this.byTask(job.cloud, job.cloudTaskId);
      if (holder) return { job: holder, created: false };
      // The holder was removed between the two statements.
      if (tries === 3) throw new Error(`${job.id} can be neither stored nor found`);
    }
  }

  async get(id: string): Promise<Job | undefined> {
    const row = await this.#database.kysely
      .selectFrom('jobs')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst();
    return row && toJob(row);
  }

  async byKey(principal: string, idempotencyKey: string): Promise<Job | undefined> {
    const row = await this.#database.kysely
      .selectFrom('jobs')
      .select(shownColumns)
      .where('principal', '=', principal)
      .where('idempotency_key', '=', idempotencyKey)
      .executeTakeFirst();
    return row && toJob(row);
  }

  async byTask(cloud: Cloud, cloudTaskId: string): Promise<Job | undefined> {
    const row = await this.#database.kysely
      .selectFrom('jobs')
      .select(shownColumns)
      .where('cloud', '=', cloud)
      .where('cloud_task_id', '=', cloudTaskId)
      .executeTakeFirst();
    return row && toJob(row);
  }

  /** Newest first. */
  async list(filter: JobFilter): Promise<Job[]> {
    let query = this.#database.kysely.selectFrom('jobs').select(shownColumns);
    if (filter.principal !== undefined) query = query.where('principal', '=', filter.principal);
    if (filter.status) query = query.where('status', '=', filter.status);
    if (filter.tool) query = query.where('tool', '=', filter.tool);
    const { before } = filter;
    if (before)
      query = query.where((of) =>
        of(of.refTuple('created_at', 'id'), '<', of.tuple(before.createdAt, before.id)),
      );
    const rows = await query
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(filter.limit)
      .execute();
    return rows.map(toJob);
  }

  /** How many jobs there are, by tool, lane and state. */
  async census(): Promise<JobCount[]> {
    const rows = await this.#database.kysely
      .selectFrom('jobs')
      .select((select) => ['tool', 'lane', 'status', select.fn.countAll().as('count')])
      .groupBy(['tool', 'lane', 'status'])
      .execute();
    return rows.map((row) => ({ ...row, status: row.status as JobStatus, count: Number(row.count) }));
  }

  /** Changes after a revision, oldest first. */
  async changesSince(revision: number, limit = 500): Promise<Job[]> {
    const rows = await this.#database.kysely
      .selectFrom('jobs')
      .select(shownColumns)
      .where('revision', '>', revision)
      .orderBy('revision')
      .limit(limit)
      .execute();
    return rows.map(toJob);
  }

  async lastRevision(): Promise<number> {
    const highest = sql<number | null>`max(revision)`.as('revision');
    const row = await this.#database.kysely.selectFrom('jobs').select(highest).executeTakeFirst();
    return Number(row?.revision ?? 0);
  }

  /** The times of the last jobs of a tool that succeeded. */
  async samples(tool: string): Promise<Sample[]> {
    const rows = await this.#database.kysely
      .selectFrom('jobs')
      .select(['cloud_ms', 'result_seconds'])
      .where('tool', '=', tool)
      .where('status', '=', 'succeeded')
      .where('cloud_ms', 'is not', null)
      .orderBy('updated_at', 'desc')
      .limit(samplesKept)
      .execute();
    return rows.map((row) => ({
      cloudMs: Number(row.cloud_ms),
      resultSeconds: row.result_seconds ?? undefined,
    }));
  }

  /** Jobs of the same lane that the cloud has taken before this one and not ended. */
  async inCloudBefore(job: Job): Promise<number> {
    const row = await this.#database.kysely
      .selectFrom('jobs')
      .select((select) => select.fn.countAll().as('count'))
      .where('account', '=', job.account)
      .where('lane', '=', job.lane)
      .where('status', 'in', [...pollable])
      .where('submitted_at', '<', job.submittedAt ?? job.createdAt)
      .executeTakeFirstOrThrow();
    return Number(row.count);
  }

  /** Other jobs of the same kind sent in a stretch of time whose outcome is open. */
  async unsettledBetween(job: Job, from: number, to: number): Promise<number> {
    const row = await this.#database.kysely
      .selectFrom('jobs')
      .select((select) => select.fn.countAll().as('count'))
      .where('tool', '=', job.tool)
      .where('account', '=', job.account)
      .where('status', 'in', ['unknown', 'submitting'])
      .where('submitted_at', '>=', from)
      .where('submitted_at', '<=', to)
      .where('id', '!=', job.id)
      .executeTakeFirstOrThrow();
    return Number(row.count);
  }

  /**
   * Moves a job on and ends its lease. A claimed job is moved by the holder of its newest fence only; of
   * others the state decides. Undefined when it came too late: what the caller learned is void.
   */
  async move(job: Job | ClaimedJob, to: JobStatus, change: JobChange): Promise<Job | undefined> {
    if (!canMove(job.status, to)) throw new Error(`illegal move of ${job.id}: ${job.status} -> ${to}`);
    const slim = to === 'queued' || !job.input ? undefined : withoutLargeValues(job.input);
    return this.#write(job, {
      ...toColumns(change),
      ...(slim !== undefined && { input: slim }),
      status: to,
    });
  }

  /** Changes fields that readers see, without changing the state. */
  async amend(job: Job | ClaimedJob, change: JobChange): Promise<Job | undefined> {
    return this.#write(job, toColumns(change));
  }

  /** Sets only when to look again: nothing that a reader would want to hear of. */
  async postpone(
    job: ClaimedJob,
    change: Pick<JobChange, 'dueAt' | 'polledAt' | 'startedAt' | 'attempts'>,
  ): Promise<void> {
    await writeJob(this.#database.kysely, job, toColumns(change), job.fence).execute();
  }

  /** Forgets up to `limit` jobs that ended and have not changed since `before`. Returns how many. */
  async removeEnded(before: number, limit: number): Promise<number> {
    const rows = await this.#database.kysely
      .selectFrom('jobs')
      .select('id')
      .where('status', 'in', jobStatuses.filter(isFinal))
      .where('updated_at', '<', before)
      .limit(limit)
      .execute();
    return this.remove(rows.map(({ id }) => id));
  }

  /** Forgets ended jobs, and others only with `unfinished`. Returns how many. */
  async remove(ids: readonly string[], unfinished = false): Promise<number> {
    if (ids.length === 0) return 0;
    return this.#database.kysely.transaction().execute(async (transaction) => {
      // The newest change may go with its job: revisions must not start again below it.
      const highest = sql<number>`(select coalesce(max(revision), 0) from jobs)`;
      await transaction
        .updateTable('counters')
        .set({ value: highest })
        .where('name', '=', 'revision')
        .where('value', '<', highest)
        .execute();
      const removed = await transaction
        .deleteFrom('jobs')
        .where('id', 'in', [...ids])
        .where('status', 'in', unfinished ? [...jobStatuses] : jobStatuses.filter(isFinal))
        .executeTakeFirst();
      return Number(removed.numDeletedRows);
    });
  }

  /** Gives the room of what was removed back to the disk. */
  async reclaim(): Promise<void> {
    await this.#database.reclaim();
  }

  async #write(job: Job | ClaimedJob, columns: Parameters<typeof writeJob>[2]): Promise<Job | undefined> {
    const changed = { ...columns, revision: this.#database.nextRevision, updated_at: changedAt(this.#now()) };
    const fence = 'fence' in job ? job.fence : undefined;
    const row = await writeJob(this.#database.kysely, job, changed, fence)
      .returning(shownColumns)
      .executeTakeFirst();
    return row && toJob(row);
  }
}
