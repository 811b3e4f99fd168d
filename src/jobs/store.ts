import { Kysely, SqliteDialect, sql, type Updateable } from 'kysely';
import { canMove, type Job, type JobStatus } from '../core/job.ts';
import type { Cloud } from '../core/operation.ts';
import { Claims } from './claims.ts';
import { migrate } from './migrate.ts';
import {
  type JobChange,
  type JobFilter,
  type JobTable,
  type NewJob,
  nextRevision,
  type Schema,
  toColumns,
  toJob,
} from './rows.ts';
import { openSqlite } from './sqlite.ts';

/**
 * The jobs, durably. Every method is one statement, so that a crash leaves a job before or after
 * it, never in between, and two processes on one file cannot both win a claim.
 */
export class JobStore {
  readonly claims: Claims;
  readonly #database: Kysely<Schema>;
  readonly #owner: string;
  readonly #now: () => number;

  private constructor(database: Kysely<Schema>, owner: string, now: () => number) {
    this.claims = new Claims(database, owner, now);
    this.#database = database;
    this.#owner = owner;
    this.#now = now;
  }

  /** Opens the file and brings its schema up to date. `owner` names this process in leases. */
  static async open(path: string, owner: string, now: () => number): Promise<JobStore> {
    const database = new Kysely<Schema>({ dialect: new SqliteDialect({ database: openSqlite(path) }) });
    await migrate(database);
    return new JobStore(database, owner, now);
  }

  async close(): Promise<void> {
    await this.#database.destroy();
  }

  /**
   * Commits the intent to submit; with a `cloudTaskId`, a task that was submitted elsewhere. Where the
   * idempotency key or the task already has a job, nothing is written and that job is returned.
   */
  async insert(job: NewJob): Promise<{ job: Job; created: boolean }> {
    const now = this.#now();
    const inserted = await this.#database
      .insertInto('jobs')
      .values({
        id: job.id,
        tool: job.tool,
        cloud: job.cloud,
        account: job.account,
        lane: job.lane,
        status: job.cloudTaskId === undefined ? 'queued' : 'pending',
        cloud_task_id: job.cloudTaskId ?? null,
        input: JSON.stringify(job.input),
        input_digest: job.inputDigest,
        idempotency_key: job.idempotencyKey ?? null,
        outputs: '[]',
        warnings: JSON.stringify(job.warnings),
        sandbox: job.sandbox ? 1 : 0,
        created_at: now,
        updated_at: now,
        due_at: now,
        attempts: 0,
        revision: nextRevision,
      })
      .onConflict((conflict) => conflict.doNothing())
      .returningAll()
      .executeTakeFirst();
    if (inserted) return { job: toJob(inserted), created: true };
    const holder = await this.#database
      .selectFrom('jobs')
      .selectAll()
      .where((where) =>
        where.or([
          where('idempotency_key', '=', job.idempotencyKey ?? ''),
          where.and([where('cloud', '=', job.cloud), where('cloud_task_id', '=', job.cloudTaskId ?? '')]),
        ]),
      )
      .executeTakeFirstOrThrow();
    return { job: toJob(holder), created: false };
  }

  async get(id: string): Promise<Job | undefined> {
    const row = await this.#database.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst();
    return row && toJob(row);
  }

  async byTask(cloud: Cloud, cloudTaskId: string): Promise<Job | undefined> {
    const row = await this.#database
      .selectFrom('jobs')
      .selectAll()
      .where('cloud', '=', cloud)
      .where('cloud_task_id', '=', cloudTaskId)
      .executeTakeFirst();
    return row && toJob(row);
  }

  /** Newest first. */
  async list(filter: JobFilter): Promise<Job[]> {
    let query = this.#database.selectFrom('jobs').selectAll();
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

  /** Changes after a revision, oldest first. */
  async changesSince(revision: number, limit = 500): Promise<Job[]> {
    const rows = await this.#database
      .selectFrom('jobs')
      .selectAll()
      .where('revision', '>', revision)
      .orderBy('revision')
      .limit(limit)
      .execute();
    return rows.map(toJob);
  }

  async lastRevision(): Promise<number> {
    const highest = sql<number | null>`max(revision)`.as('revision');
    const row = await this.#database.selectFrom('jobs').select(highest).executeTakeFirst();
    return Number(row?.revision ?? 0);
  }

  /** Queued jobs of the same lane that are ahead of this one. */
  async aheadInLane(job: Job): Promise<number> {
    const row = await this.#database
      .selectFrom('jobs')
      .select((select) => select.fn.countAll().as('count'))
      .where('account', '=', job.account)
      .where('lane', '=', job.lane)
      .where('status', '=', 'queued')
      .where((where) => where(where.refTuple('created_at', 'id'), '<', where.tuple(job.createdAt, job.id)))
      .executeTakeFirstOrThrow();
    return Number(row.count);
  }

  /**
   * Moves a job on and frees its lease. Undefined when the job is no longer where the caller saw it:
   * another process has taken over, and what the caller learned is void.
   */
  async move(job: Job, to: JobStatus, change: JobChange): Promise<Job | undefined> {
    if (!canMove(job.status, to)) throw new Error(`illegal move of ${job.id}: ${job.status} -> ${to}`);
    return this.#write(job, {
      ...toColumns(change),
      status: to,
      revision: nextRevision,
      updated_at: this.#now(),
    });
  }

  /** Changes fields that readers see, without changing the state. */
  async amend(job: Job, change: JobChange): Promise<Job | undefined> {
    return this.#write(job, { ...toColumns(change), revision: nextRevision, updated_at: this.#now() });
  }

  /** Sets only when to look again: nothing that a reader would want to hear of. */
  async postpone(job: Job, change: Pick<JobChange, 'dueAt' | 'polledAt' | 'attempts'>): Promise<void> {
    await this.#write(job, toColumns(change));
  }

  async #write(
    job: Job,
    columns: Omit<Updateable<JobTable>, 'revision'> & { revision?: unknown },
  ): Promise<Job | undefined> {
    const row = await this.#database
      .updateTable('jobs')
      .set({ ...columns, lease_owner: null, lease_until: null } as Updateable<JobTable>)
      .where('id', '=', job.id)
      .where('status', '=', job.status)
      .where((where) =>
        where.or([
          where('lease_owner', 'is', null),
          where('lease_owner', '=', this.#owner),
          where('lease_until', '<=', this.#now()),
        ]),
      )
      .returningAll()
      .executeTakeFirst();
    return row && toJob(row);
  }
}
