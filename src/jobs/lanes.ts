import type { Kysely } from 'kysely';
import type { Job } from '../core/job.ts';
import { changedAt, type JobDatabase, writeJob } from './database.ts';
import { heldFor, type LaneRow, type LaneRule, longestHoldMs, type Refusal, roomOf } from './lane-room.ts';
import { blockedBy, countInFlight, lockLane, oldestQueued, readLane, type Taken } from './lane-state.ts';
import { backoff } from './poll-schedule.ts';
import {
  type ClaimedJob,
  type JobChange,
  type NewJob,
  newRow,
  type Schema,
  shownColumns,
  toClaimedJob,
  toColumns,
  toJob,
} from './rows.ts';

/**
 * Which held job goes next: the oldest of its lane, when there is room. First in, first out: a job that was
 * put back keeps its place, and it is the lane that waits, so no later job overtakes. All processes
 * on the store share a lane's row, and the row is locked while they choose.
 */
export class Lanes {
  readonly #database: JobDatabase;
  readonly #owner: string;
  readonly #now: () => number;
  /** Fences of jobs of which nobody knows whether they were taken: the commit was never answered. */
  readonly #doubtful = new Map<string, number>();

  constructor(database: JobDatabase, owner: string, now: () => number) {
    this.#database = database;
    this.#owner = owner;
    this.#now = now;
  }

  /**
   * Takes the oldest job of a lane into `submitting`, if the lane has room and this process wins. Once a job is
   * returned, the intent to send is on disk. Else `waitMs` says when asking again makes sense;
   * it is undefined while no job waits, or while only the end of another can make room.
   */
  async claim(rule: LaneRule, leaseMs: number): Promise<{ job?: ClaimedJob; waitMs?: number }> {
    const { kysely, nextRevision } = this.#database;
    for (const [id, fence] of this.#doubtful) await this.#takeBack({ id, fence });
    // Looks first without a lock: most looks find nothing to do.
    if (!(await oldestQueued(kysely, rule))) return {};
    const seen = await blockedBy(kysely, rule, await readLane(kysely, rule), this.#now());
    if (seen) return seen;
    return this.#take(async (transaction, taking) => {
      const row = await lockLane(transaction, rule);
      const blocked = await blockedBy(transaction, rule, row, this.#now());
      const oldest = blocked ? undefined : await oldestQueued(transaction, rule);
      if (!oldest) return blocked ?? {};
      taking({ id: oldest.id, fence: oldest.fence + 1 });
      const now = this.#now();
      const claimed = await transaction
        .updateTable('jobs')
        .set({
          ...this.#sending(now, leaseMs),
          updated_at: now,
          fence: oldest.fence + 1,
          revision: nextRevision,
        })
        .where('id', '=', oldest.id)
        .where('status', '=', 'queued')
        .where('fence', '=', oldest.fence)
        .returning([...shownColumns, 'input'])
        .executeTakeFirst();
      if (!claimed) return {};
      await this.#took(transaction, rule, row, now);
      return { job: toClaimedJob(claimed) };
    });
  }

  /**
   * Stores a new job as one that is being sent, if its lane has room and nobody waits there: then the intent and
   * its turn are one commit. Undefined where it has to wait, or where its idempotency key has a job.
   */
  async admit(job: NewJob, rule: LaneRule, leaseMs: number): Promise<ClaimedJob | undefined> {
    const { kysely, hold, nextRevision } = this.#database;
    // Where writers run side by side, a full lane is not worth its lock.
    if (hold && (await oldestQueued(kysely, rule))) return undefined;
    return this.#take(async (transaction, taking) => {
      const row = await lockLane(transaction, rule);
      if ((await blockedBy(transaction, rule, row, this.#now())) ?? (await oldestQueued(transaction, rule)))
        return undefined;
      taking({ id: job.id, fence: 0 });
      const now = this.#now();
      const admitted = await transaction
        .insertInto('jobs')
        .values({ ...newRow(job, now), ...this.#sending(now, leaseMs), revision: nextRevision })
        .onConflict((conflict) => conflict.doNothing())
        .returning([...shownColumns, 'input'])
        .executeTakeFirst();
      if (!admitted) return undefined;
      await this.#took(transaction, rule, row, now);
      return toClaimedJob(admitted);
    }).catch((error: unknown) => {
      // Whether it was stored is for `insert` to find out; what was taken is given back before the next claim.
      if (this.#doubtful.has(job.id)) return undefined;
      throw error;
    });
  }

  #sending(now: number, leaseMs: number) {
    return {
      status: 'submitting',
      submitted_at: now,
      lease_owner: this.#owner,
      lease_until: now + leaseMs,
    };
  }

  /** One transaction that may take a job. When it ends in a fault, nobody knows whether it did. */
  async #take<T>(
    work: (transaction: Kysely<Schema>, taking: (taken: Taken) => void) => Promise<T>,
  ): Promise<T> {
    let taken: Taken | undefined;
    try {
      return await this.#database.kysely
        .transaction()
        .execute((transaction) => work(transaction, (taking) => void (taken = taking)));
    } catch (error) {
      if (taken) this.#doubtful.set(taken.id, taken.fence);
      throw error;
    }
  }

  async #took(transaction: Kysely<Schema>, rule: LaneRule, row: LaneRow, now: number): Promise<void> {
    // A lane without a pace whose room is whole has nothing to remember.
    if (rule.spacingMs === 0 && row.size === null) return;
    const { size, growsAt } = roomOf(row, rule, now);
    await transaction
      .updateTable('lanes')
      .set({ submitted_at: now, size: growsAt === null ? null : size, grows_at: growsAt })
      .where('account', '=', rule.account)
      .where('lane', '=', rule.lane)
      .execute();
  }

  /** Gives back what was taken by a commit that was never answered. Nobody was given it, so it was never sent. */
  async #takeBack(taken: Taken): Promise<void> {
    await this.#database.kysely
      .updateTable('jobs')
      .set({
        status: 'queued',
        updated_at: changedAt(this.#now()),
        lease_owner: null,
        lease_until: null,
        fence: taken.fence + 1,
        revision: this.#database.nextRevision,
      })
      .where('id', '=', taken.id)
      .where('status', '=', 'submitting')
      .where('lease_owner', '=', this.#owner)
      // Since then it may have been taken again, and sent.
      .where('fence', '=', taken.fence)
      .execute();
    this.#doubtful.delete(taken.id);
  }

  /** Puts a job that was proved refused back to its place, and holds its lane for a while. */
  async putBack(
    job: ClaimedJob,
    rule: LaneRule,
    refusal: Refusal,
    change: JobChange,
  ): Promise<Job | undefined> {
    return this.#database.kysely.transaction().execute(async (transaction) => {
      const row = await lockLane(transaction, rule);
      const now = this.#now();
      const back = await writeJob(
        transaction,
        job,
        { ...toColumns(change), status: 'queued', updated_at: now, revision: this.#database.nextRevision },
        job.fence,
      )
        .returning(shownColumns)
        .executeTakeFirst();
      if (!back) return undefined;
      const refusals = Number(row.refusals) + 1;
      const wait = Math.max(refusal.retryAfterMs ?? 0, backoff(refusals) / refusal.speed);
      const { size } = roomOf(row, rule, now);
      const shrunk = refusal.full && {
        size: Math.min(size, Math.max(1, await countInFlight(transaction, rule))),
        grows_at: now + rule.growMs,
      };
      await transaction
        .updateTable('lanes')
        .set({
          refusals,
          submitted_at: now,
          held_until: now + Math.min(Math.round(wait), longestHoldMs),
          ...shrunk,
        })
        .where('account', '=', rule.account)
        .where('lane', '=', rule.lane)
        .execute();
      return toJob(back);
    });
  }

  /** A submission was answered: the pace counts from now, and if it was accepted, refusals are over. */
  async answered(job: Job, rule: LaneRule, accepted: boolean): Promise<void> {
    await this.#database.kysely
      .updateTable('lanes')
      .set({ submitted_at: this.#now(), ...(accepted && { refusals: 0, held_until: null }) })
      .where('account', '=', job.account)
      .where('lane', '=', job.lane)
      .$if(rule.spacingMs === 0, (unpaced) => unpaced.where('refusals', '>', 0))
      .execute();
  }

  /** What stands before a queued job: jobs ahead of it, jobs in flight, and the lane's room and hold. */
  async prospect(
    job: Job,
    rule: LaneRule,
  ): Promise<{ ahead: number; inFlight: number; size: number; heldMs: number }> {
    const { kysely } = this.#database;
    const row = await readLane(kysely, rule);
    const now = this.#now();
    const [ahead, inFlight] = [await this.ahead(job), await countInFlight(kysely, rule)];
    return { ahead, inFlight, size: roomOf(row, rule, now).size, heldMs: heldFor(row, rule, now) };
  }

  /** Queued jobs of the same lane that go before this one. */
  async ahead(job: Job): Promise<number> {
    const row = await this.#database.kysely
      .selectFrom('jobs')
      .select((select) => select.fn.countAll().as('count'))
      .where('account', '=', job.account)
      .where('lane', '=', job.lane)
      .where('status', '=', 'queued')
      .where((where) => where(where.refTuple('created_at', 'id'), '<', where.tuple(job.createdAt, job.id)))
      .executeTakeFirstOrThrow();
    return Number(row.count);
  }
}
