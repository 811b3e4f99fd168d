import { sql } from 'kysely';
import { pollable } from '../core/job.ts';
import { clouds } from '../core/operation.ts';
import type { JobDatabase } from './database.ts';
import { type ClaimedJob, type ClaimScope, shownColumns, toClaimedJob } from './rows.ts';

/** Jobs of keys that this process does not have are asked after when nobody has cared for them so long. */
const neglectedMs = 10 * 60_000;

/**
 * Who asks after which job. A claim is one statement that writes a lease and raises the job's fence: of
 * several processes on one store exactly one wins it. When its owner dies, the lease runs out and another
 * takes the job over; should the owner wake up after all, its fence is old and what it writes is void.
 */
export class Claims {
  readonly #database: JobDatabase;
  readonly #owner: string;
  readonly #now: () => number;

  constructor(database: JobDatabase, owner: string, now: () => number) {
    this.#database = database;
    this.#owner = owner;
    this.#now = now;
  }

  /**
   * Takes up to `limit` jobs of a cloud about which a question is due, the longest due first. A claim is no
   * change of state: the revision stays. Jobs of another account of the same cloud are taken only when
   * neglected: then their keys were probably exchanged, and the new ones may well see the old tasks.
   */
  async polls(scope: ClaimScope, limit: number, leaseMs: number): Promise<ClaimedJob[]> {
    const now = this.#now();
    const rows = await this.#database.kysely
      .updateTable('jobs')
      .set((job) => ({
        lease_owner: this.#owner,
        lease_until: now + leaseMs,
        asked_at: now,
        fence: job('fence', '+', 1),
      }))
      .where('id', 'in', (inner) => {
        let due = inner
          .selectFrom('jobs')
          .select('id')
          .where('cloud', '=', scope.cloud)
          .where('due_at', '<=', now)
          .where((where) =>
            where.or([where('account', '=', scope.account), where('due_at', '<=', now - neglectedMs)]),
          )
          // A lease that ends later than any can was written before the clock was set back.
          .where((where) =>
            where.or([
              where('lease_until', 'is', null),
              where('lease_until', '<=', now),
              where('lease_until', '>', now + 2 * leaseMs),
            ]),
          )
          .orderBy('due_at')
          .limit(limit);
        if (scope.underway.length > 0) due = due.where('id', 'not in', [...scope.underway]);
        return this.#database.concurrentWriters ? due.forUpdate().skipLocked() : due;
      })
      .returning(shownColumns)
      .execute();
    return rows.map(toClaimedJob).toSorted((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0));
  }

  /**
   * Submissions of other processes that died between the intent and the receipt: nobody can know how
   * they ended. Our own are alive, however long this machine slept.
   */
  async abandonedSubmits(leaseMs: number): Promise<ClaimedJob[]> {
    const now = this.#now();
    const rows = await this.#database.kysely
      .selectFrom('jobs')
      .select(shownColumns)
      .where('status', '=', 'submitting')
      .where('lease_owner', '!=', this.#owner)
      .where((where) =>
        where.or([where('lease_until', '<=', now), where('lease_until', '>', now + 2 * leaseMs)]),
      )
      .execute();
    return rows.map(toClaimedJob);
  }

  /** When the next question about an account's jobs is due that nobody is asking yet. */
  async nextDueAt({ cloud, account }: Pick<ClaimScope, 'cloud' | 'account'>): Promise<number | undefined> {
    const row = await this.#database.kysely
      .selectFrom('jobs')
      .select('due_at')
      .where('cloud', '=', cloud)
      .where('account', '=', account)
      .where('due_at', 'is not', null)
      .where('lease_until', 'is', null)
      .orderBy('due_at')
      .limit(1)
      .executeTakeFirst();
    return row?.due_at === null || row?.due_at === undefined ? undefined : Number(row.due_at);
  }

  /** Processes that are asking at this moment, this one included: they share a cloud's budget. */
  async activeOwners(): Promise<number> {
    const row = await this.#database.kysely
      .selectFrom('jobs')
      .select(sql<number>`count(distinct lease_owner)`.as('owners'))
      .where('lease_until', '>', this.#now())
      .where('lease_owner', '!=', this.#owner)
      .executeTakeFirst();
    return 1 + Number(row?.owners ?? 0);
  }

  /** A due time further off than any wait can be was written before the clock was set back: due now. */
  async repairTimes(longestWaitMs: number): Promise<void> {
    const now = this.#now();
    await this.#database.kysely
      .updateTable('jobs')
      .set({ due_at: now })
      .where('due_at', '>', now + longestWaitMs)
      .execute();
  }

  /**
   * Makes a task due for a question: at once, or `gapMs` after the last one. False when no unfinished job
   * has this task.
   */
  async hint(cloudTaskId: string, gapMs: number): Promise<boolean> {
    const now = this.#now();
    const jobs = await this.#database.kysely
      .selectFrom('jobs')
      .select(['id', 'asked_at', 'due_at'])
      .where('cloud', 'in', Object.keys(clouds))
      .where('cloud_task_id', '=', cloudTaskId)
      .where('status', 'in', [...pollable])
      .execute();
    for (const job of jobs) {
      const due = Math.max(now, Math.min(Number(job.asked_at ?? 0), now) + gapMs);
      await this.#database.kysely
        .updateTable('jobs')
        .set({ due_at: due })
        .where('id', '=', job.id)
        .where('due_at', '>', due)
        .execute();
    }
    return jobs.length > 0;
  }
}
