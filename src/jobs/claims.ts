import { type ExpressionBuilder, type Kysely, type SelectQueryBuilder, sql } from 'kysely';
import { pollable } from '../core/job.ts';
import { clouds } from '../core/operation.ts';
import type { JobDatabase } from './database.ts';
import { longestHoldMs } from './lane-room.ts';
import { readLane } from './lane-state.ts';
import { type ClaimedJob, type ClaimScope, type Schema, shownColumns, toClaimedJob } from './rows.ts';

/** Jobs of keys that this process does not have are asked after when nobody has cared for them so long. */
const neglectedMs = 10 * 60_000;
/** Questions are counted over so short a time, so that they come evenly: what leaves in a heap arrives in a heap. */
const windowMs = 250;

/** The row of `lanes` that holds an account's questions; no operation has a lane of this name. */
const questions = 'questions';

type JobExpressions = ExpressionBuilder<Schema, 'jobs'>;

/** No lease, or one that is over. One that ends later than any can was written before the clock was set back. */
const unleased = (now: number, leaseMs: number) => (where: JobExpressions) =>
  where.or([
    where('lease_until', 'is', null),
    where('lease_until', '<=', now),
    where('lease_until', '>', now + 2 * leaseMs),
  ]);

/** What a job was to wait for, where neither its last question nor its submission lies before this one. */
const usualWaitMs = 1_000;

/** How long a job has waited for its question, as a multiple of what it was to wait. */
function stretch(now: number) {
  const since = sql`(case when asked_at < due_at and asked_at <= ${now} then asked_at
    when submitted_at < due_at and submitted_at <= ${now} then submitted_at else due_at - ${usualWaitMs} end)`;
  return sql<number>`(${now} - ${since}) * 1.0 / (due_at - ${since})`;
}

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
   * Takes up to `limit` jobs of a cloud about which a question is due. When more are due than may be asked, the one
   * goes first that has waited longest for the wait it was given: all waits stretch alike and nobody starves, but
   * a job that may end any second is not kept behind thousands that need hours. A claim is no
   * change of state: the revision stays. Jobs of another account of the same cloud are taken only when
   * neglected: then their keys were probably exchanged, and the new ones may well see the old tasks.
   */
  async polls(scope: ClaimScope, limit: number, leaseMs: number): Promise<ClaimedJob[]> {
    if ((await this.#heldUntil(scope.account)) > this.#now()) return [];
    const { kysely, hold } = this.#database;
    if (!hold || scope.perSecond === undefined) return this.#take(kysely, scope, limit, leaseMs);
    // What others have just asked is counted, so nobody may ask between the count and the claim.
    return kysely.transaction().execute(async (transaction) => {
      await hold(transaction, `questions ${scope.cloud} ${scope.account}`);
      return this.#take(transaction, scope, limit, leaseMs);
    });
  }

  async #take(
    database: Kysely<Schema>,
    scope: ClaimScope,
    limit: number,
    leaseMs: number,
  ): Promise<ClaimedJob[]> {
    const now = this.#now();
    const rows = await database
      .updateTable('jobs')
      .set((job) => ({
        lease_owner: this.#owner,
        lease_until: now + leaseMs,
        asked_at: now,
        fence: job('fence', '+', 1),
      }))
      .where((outer) => {
        let due = outer
          .selectFrom('jobs')
          .select('id')
          .where('cloud', '=', scope.cloud)
          .where('due_at', '<=', now)
          .where('status', '!=', 'succeeded')
          .where((where) =>
            where.or([where('account', '=', scope.account), where('due_at', '<=', now - neglectedMs)]),
          )
          .where(unleased(now, leaseMs))
          .orderBy(stretch(now), 'desc')
          .orderBy('due_at')
          .limit(this.#room(scope, limit));
        if (scope.underway.length > 0) due = due.where('id', 'not in', [...scope.underway]);
        return this.#oneOf(outer, due);
      })
      .returning(shownColumns)
      .execute();
    return rows.map(toClaimedJob).toSorted((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0));
  }

  /** The jobs that are chosen, less those that another process is choosing at this moment. */
  #oneOf(outer: JobExpressions, chosen: SelectQueryBuilder<Schema, 'jobs', { id: string }>) {
    if (!this.#database.hold) return outer('id', 'in', chosen);
    // As an array it is chosen once; a planner may run a subquery again, which would then choose others.
    return sql<boolean>`id = any(array(${chosen.forUpdate().skipLocked()}))`;
  }

  /** Takes up to `limit` succeeded jobs, of any account, whose results are still to be copied. */
  async copies(limit: number, leaseMs: number): Promise<ClaimedJob[]> {
    const now = this.#now();
    const rows = await this.#database.kysely
      .updateTable('jobs')
      .set((job) => ({ lease_owner: this.#owner, lease_until: now + leaseMs, fence: job('fence', '+', 1) }))
      .where((outer) => {
        const due = outer
          .selectFrom('jobs')
          .select('id')
          .where('status', '=', 'succeeded')
          .where('due_at', '<=', now)
          .where(unleased(now, leaseMs))
          .orderBy('due_at')
          .limit(limit);
        return this.#oneOf(outer, due);
      })
      .returning(shownColumns)
      .execute();
    return rows.map(toClaimedJob);
  }

  /** Puts no more questions to an account for so long, from any process on the store: its cloud said so. */
  async hold(account: string, ms: number): Promise<void> {
    const until = this.#now() + Math.min(Math.ceil(ms), longestHoldMs);
    await this.#database.kysely
      .insertInto('lanes')
      .values({ account, lane: questions, refusals: 0, held_until: until })
      .onConflict((conflict) =>
        conflict
          .columns(['account', 'lane'])
          .doUpdateSet({ held_until: until })
          .where((where) =>
            where.or([
              where('lanes.held_until', '<', until),
              where('lanes.held_until', '>', this.#now() + longestHoldMs),
            ]),
          ),
      )
      .execute();
  }

  async #heldUntil(account: string): Promise<number> {
    const row = await readLane(this.#database.kysely, { account, lane: questions });
    const until = Number(row.held_until ?? 0);
    return until > this.#now() + longestHoldMs ? 0 : until;
  }

  /** Up to `limit`, less what any process on the store has just asked this account. */
  #room({ cloud, account, perSecond }: ClaimScope, limit: number) {
    if (perSecond === undefined) return sql<number>`${limit}`;
    const [now, most] = [this.#now(), Math.ceil((perSecond * windowMs) / 1_000)];
    return sql<number>`(select case when count(*) + ${limit} <= ${most} then ${limit}
      when count(*) < ${most} then ${most} - count(*) else 0 end
      from jobs where cloud = ${cloud} and account = ${account}
      and asked_at > ${now - windowMs} and asked_at <= ${now})`;
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
      .where(unleased(now, leaseMs))
      .execute();
    return rows.map(toClaimedJob);
  }

  /** When the next question about an account's jobs may be put that is due and that nobody is asking yet. */
  async nextDueAt({ cloud, account }: Pick<ClaimScope, 'cloud' | 'account'>): Promise<number | undefined> {
    const row = await this.#database.kysely
      .selectFrom('jobs')
      .select('due_at')
      .where('cloud', '=', cloud)
      .where('account', '=', account)
      .where('due_at', 'is not', null)
      .where('status', '!=', 'succeeded')
      .where('lease_until', 'is', null)
      .orderBy('due_at')
      .limit(1)
      .executeTakeFirst();
    if (row?.due_at === null || row?.due_at === undefined) return undefined;
    return Math.max(Number(row.due_at), await this.#heldUntil(account));
  }

  /** Processes that are asking at this moment, this one included: they share a cloud's budget. */
  async activeOwners(): Promise<number> {
    const row = await this.#database.kysely
      .selectFrom('jobs')
      .select(sql<number>`count(distinct lease_owner)`.as('owners'))
      .where('lease_until', '>', this.#now())
      .where('lease_owner', '!=', this.#owner)
      .where('status', '!=', 'succeeded')
      .executeTakeFirst();
    return 1 + Number(row?.owners ?? 0);
  }

  /** Unfinished jobs of an account that its cloud has taken. */
  async inCloud(account: string): Promise<number> {
    const row = await this.#database.kysely
      .selectFrom('jobs')
      .select((select) => select.fn.countAll().as('count'))
      .where('account', '=', account)
      .where('status', 'in', [...pollable])
      .executeTakeFirstOrThrow();
    return Number(row.count);
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
   * Makes a task due for a question `gapMs` after the last one, before others that are due. False when no unfinished job
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
      // In the past where it can be, so that it counts as long overdue.
      const due = Math.max(now - neglectedMs / 2, Math.min(Number(job.asked_at ?? 0), now) + gapMs);
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
