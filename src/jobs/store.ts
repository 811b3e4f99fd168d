import { Kysely, SqliteDialect, sql, type Updateable } from 'kysely';
import { type Job, type JobStatus, canMove, occupying, pollable } from '../core/job.ts';
import { migrate } from './migrate.ts';
import {
  type ClaimScope,
  type JobChange,
  type JobFilter,
  type JobTable,
  type NewJob,
  toColumns,
  toJob,
} from './rows.ts';
import { openSqlite } from './sqlite.ts';

interface Schema {
  jobs: JobTable;
}

const neglectedMs = 10 * 60_000;

/** One more than the highest revision stored. SQLite runs one writing statement at a time, so no two are alike. */
const nextRevision = sql<number>`(select coalesce(max(revision), 0) + 1 from jobs)`;

/**
 * The jobs, durably. Every method is one statement, so that a crash leaves a job before or after
 * it, never in between, and two processes on one file cannot both win a claim.
 */
export class JobStore {
  readonly #database: Kysely<Schema>;
  readonly #owner: string;
  readonly #now: () => number;

  private constructor(database: Kysely<Schema>, owner: string, now: () => number) {
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
   * Commits the intent to submit. With an idempotency key that is already taken,
   * nothing is written and the job that holds the key is returned.
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
        status: 'queued',
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
      .onConflict((conflict) => conflict.column('idempotency_key').doNothing())
      .returningAll()
      .executeTakeFirst();
    if (inserted) return { job: toJob(inserted), created: true };
    const holder = await this.#database
      .selectFrom('jobs')
      .selectAll()
      .where('idempotency_key', '=', job.idempotencyKey ?? '')
      .executeTakeFirstOrThrow();
    return { job: toJob(holder), created: false };
  }

  async get(id: string): Promise<Job | undefined> {
    const row = await this.#database.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst();
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

  /** Lanes of these accounts that have a queued job whose time has come. */
  async lanesWithWork(accounts: readonly string[]): Promise<Array<{ account: string; lane: string }>> {
    if (accounts.length === 0) return [];
    const rows = await this.#database
      .selectFrom('jobs')
      .select(['account', 'lane'])
      .distinct()
      .where('status', '=', 'queued')
      .where('account', 'in', [...accounts])
      .where('due_at', '<=', this.#now())
      .execute();
    return rows;
  }

  /**
   * Takes the oldest due job of a lane into `submitting`, if the lane has room and this process wins.
   * Once this returns a job, the intent to send is on disk.
   */
  async claimSubmit(account: string, lane: string, size: number, leaseMs: number): Promise<Job | undefined> {
    const now = this.#now();
    const row = await this.#database
      .updateTable('jobs')
      .set({
        status: 'submitting',
        submitted_at: now,
        updated_at: now,
        due_at: null,
        lease_owner: this.#owner,
        lease_until: now + leaseMs,
        revision: nextRevision,
      })
      .where('id', '=', (inner) =>
        inner
          .selectFrom('jobs')
          .select('id')
          .where('account', '=', account)
          .where('lane', '=', lane)
          .where('status', '=', 'queued')
          .where('due_at', '<=', now)
          .orderBy('created_at')
          .orderBy('id')
          .limit(1),
      )
      .where(
        (inner) =>
          inner
            .selectFrom('jobs')
            .select((select) => select.fn.countAll<number>().as('count'))
            .where('account', '=', account)
            .where('lane', '=', lane)
            .where('status', 'in', [...occupying]),
        '<',
        size,
      )
      .returningAll()
      .executeTakeFirst();
    return row && toJob(row);
  }

  /**
   * Takes up to `limit` jobs whose next poll is due. A claim is no change of state: the revision stays.
   * Jobs of another account of the same cloud are taken only when nobody has cared for them for a while:
   * then their keys were probably exchanged, and the new ones may well see the old tasks.
   */
  async claimPolls(limit: number, leaseMs: number, mine: ClaimScope): Promise<Job[]> {
    const now = this.#now();
    if (mine.accounts.length === 0) return [];
    const rows = await this.#database
      .updateTable('jobs')
      .set({ lease_owner: this.#owner, lease_until: now + leaseMs })
      .where('id', 'in', (inner) =>
        inner
          .selectFrom('jobs')
          .select('id')
          .where('status', 'in', [...pollable])
          .where('due_at', '<=', now)
          .where('cloud', 'in', [...mine.clouds])
          .where((where) =>
            where.or([where('account', 'in', [...mine.accounts]), where('due_at', '<=', now - neglectedMs)]),
          )
          .where((where) => where.or([where('lease_until', 'is', null), where('lease_until', '<=', now)]))
          .orderBy('due_at')
          .limit(limit),
      )
      .returningAll()
      .execute();
    return rows.map(toJob);
  }

  /** Submissions whose process died between the intent and the receipt. Nobody can know how they ended. */
  async abandonedSubmits(): Promise<Job[]> {
    const rows = await this.#database
      .selectFrom('jobs')
      .selectAll()
      .where('status', '=', 'submitting')
      .where('lease_until', '<=', this.#now())
      .execute();
    return rows.map(toJob);
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

  /** When the runner should look again; undefined when nothing is waiting. */
  async nextDueAt(accounts: readonly string[]): Promise<number | undefined> {
    if (accounts.length === 0) return undefined;
    const row = await this.#database
      .selectFrom('jobs')
      .select((select) => [select.fn.min(sql<number>`coalesce(lease_until, due_at)`).as('due')])
      .where('status', 'in', ['queued', ...occupying])
      .where('account', 'in', [...accounts])
      .executeTakeFirst();
    return row?.due === null || row?.due === undefined ? undefined : Number(row.due);
  }
}
