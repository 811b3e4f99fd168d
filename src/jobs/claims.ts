import { type Kysely, sql } from 'kysely';
import { type Job, occupying, pollable } from '../core/job.ts';
import { type ClaimScope, nextRevision, type Schema, toJob } from './rows.ts';

const neglectedMs = 10 * 60_000;

/**
 * Who works on which job. A claim is one statement that writes a lease, so of several processes on one
 * file exactly one wins it; when its owner dies, the lease runs out and another may take the job over.
 */
export class Claims {
  readonly #database: Kysely<Schema>;
  readonly #owner: string;
  readonly #now: () => number;

  constructor(database: Kysely<Schema>, owner: string, now: () => number) {
    this.#database = database;
    this.#owner = owner;
    this.#now = now;
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
