import type { Kysely, Selectable } from 'kysely';
import { type Job, occupying } from '../core/job.ts';
import { type JobDatabase, writeJob } from './database.ts';
import { backoff } from './poll-schedule.ts';
import {
  type ClaimedJob,
  type JobChange,
  type LaneTable,
  type Schema,
  shownColumns,
  toClaimedJob,
  toColumns,
  toJob,
} from './rows.ts';

/** Room and pace of one lane of one account, as configured. */
export interface LaneRule {
  readonly account: string;
  readonly lane: string;
  /** Jobs that may be unfinished in the cloud at once. */
  readonly size: number;
  /** Least milliseconds between two submissions, on this machine's clock. */
  readonly spacingMs: number;
  /** A lane that was shrunk by a refusal grows by one after each such time. */
  readonly growMs: number;
}

/** Why a submission was put back, as far as its lane is concerned. */
export interface Refusal {
  /** The cloud said that the account has no room: the lane shrinks to what is in flight. */
  readonly full: boolean;
  readonly retryAfterMs?: number;
  /** How much faster than real time the cloud runs. */
  readonly speed: number;
}

type LaneRow = Pick<Selectable<LaneTable>, 'size' | 'grows_at' | 'refusals' | 'held_until' | 'submitted_at'>;

const untouched: LaneRow = { size: null, grows_at: null, refusals: 0, held_until: null, submitted_at: null };
const columns = ['size', 'grows_at', 'refusals', 'held_until', 'submitted_at'] as const;

/** No refusal holds a lane longer, whatever its Retry-After says: a clock may have been set back. */
const longestHoldMs = 3_600_000;

/** A lane's room now: the configured size, or what a refusal left of it and time has given back. */
export function roomOf(row: LaneRow, rule: LaneRule, now: number): { size: number; growsAt: number | null } {
  if (row.size === null || row.size >= rule.size) return { size: rule.size, growsAt: null };
  // A time further off than one step can only come from a clock that was set back.
  const growsAt = Math.min(Number(row.grows_at ?? now), now + rule.growMs);
  const steps = now < growsAt ? 0 : 1 + Math.floor((now - growsAt) / rule.growMs);
  const size = row.size + steps;
  return size >= rule.size
    ? { size: rule.size, growsAt: null }
    : { size, growsAt: growsAt + steps * rule.growMs };
}

/** Milliseconds until a lane may send again, as far as pace and refusals go. */
export function heldFor(row: LaneRow, rule: LaneRule, now: number): number {
  const hold = Number(row.held_until ?? 0) - now;
  const pace = Number(row.submitted_at ?? 0) + rule.spacingMs - now;
  return Math.max(hold > longestHoldMs ? 0 : hold, pace > rule.spacingMs ? 0 : pace, 0);
}

/**
 * Which held job goes next: the oldest of its lane, when there is room. First in, first out: a job that was
 * put back keeps its place, and it is the lane that waits, so no later job overtakes. All processes
 * on the store share a lane's row, and the row is locked while they choose.
 */
export class Lanes {
  readonly #database: JobDatabase;
  readonly #owner: string;
  readonly #now: () => number;
  /** Jobs whose claim may or may not have been committed. Nobody was given them, so they were never sent. */
  readonly #doubtful = new Set<string>();

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
    const { kysely } = this.#database;
    for (const id of this.#doubtful) await this.#takeBack(id);
    // Looks first without a lock: most looks find nothing to do.
    if (!(await this.#oldest(kysely, rule))) return {};
    const seen = await this.#blocked(kysely, rule, await this.#row(kysely, rule));
    if (seen) return seen;
    let chosen: string | undefined;
    const choose = async (transaction: Kysely<Schema>) => {
      const row = await this.#lock(transaction, rule);
      const blocked = await this.#blocked(transaction, rule, row);
      const id = blocked ? undefined : await this.#oldest(transaction, rule);
      if (!id) return blocked ?? {};
      chosen = id;
      const now = this.#now();
      const claimed = await transaction
        .updateTable('jobs')
        .set((job) => ({
          status: 'submitting',
          submitted_at: now,
          updated_at: now,
          lease_owner: this.#owner,
          lease_until: now + leaseMs,
          fence: job('fence', '+', 1),
          revision: this.#database.nextRevision,
        }))
        .where('id', '=', id)
        .where('status', '=', 'queued')
        .returning([...shownColumns, 'input'])
        .executeTakeFirst();
      if (!claimed) return {};
      const { size, growsAt } = roomOf(row, rule, now);
      await transaction
        .updateTable('lanes')
        .set({ submitted_at: now, size: growsAt === null ? null : size, grows_at: growsAt })
        .where('account', '=', rule.account)
        .where('lane', '=', rule.lane)
        .execute();
      return { job: toClaimedJob(claimed) };
    };
    try {
      return await kysely.transaction().execute(choose);
    } catch (error) {
      if (chosen !== undefined) this.#doubtful.add(chosen);
      throw error;
    }
  }

  /** Gives back what a claim whose commit was never answered may have taken. */
  async #takeBack(id: string): Promise<void> {
    await this.#database.kysely
      .updateTable('jobs')
      .set((job) => ({
        status: 'queued',
        updated_at: this.#now(),
        lease_owner: null,
        lease_until: null,
        fence: job('fence', '+', 1),
        revision: this.#database.nextRevision,
      }))
      .where('id', '=', id)
      .where('status', '=', 'submitting')
      .where('lease_owner', '=', this.#owner)
      .execute();
    this.#doubtful.delete(id);
  }

  /** Puts a job that was proved refused back to its place, and holds its lane for a while. */
  async putBack(
    job: ClaimedJob,
    rule: LaneRule,
    refusal: Refusal,
    change: JobChange,
  ): Promise<Job | undefined> {
    return this.#database.kysely.transaction().execute(async (transaction) => {
      const row = await this.#lock(transaction, rule);
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
        size: Math.min(size, Math.max(1, await this.#inFlight(transaction, rule))),
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
    const row = await this.#row(kysely, rule);
    const now = this.#now();
    const [ahead, inFlight] = [await this.ahead(job), await this.#inFlight(kysely, rule)];
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

  async #blocked(
    database: Kysely<Schema>,
    rule: LaneRule,
    row: LaneRow,
  ): Promise<{ waitMs?: number } | undefined> {
    const now = this.#now();
    const waitMs = heldFor(row, rule, now);
    if (waitMs > 0) return { waitMs };
    const { size, growsAt } = roomOf(row, rule, now);
    if ((await this.#inFlight(database, rule)) >= size)
      return growsAt === null ? {} : { waitMs: growsAt - now };
    // After a refusal one job tries whether there is room; the others wait for what it learns. And a pace is
    // kept from answer to answer, since nobody knows how long a request is under way.
    const oneByOne = Number(row.refusals) > 0 || rule.spacingMs > 0;
    if (oneByOne && (await this.#inFlight(database, rule, ['submitting'])) > 0)
      return { waitMs: Math.max(rule.spacingMs, 1_000) };
    return undefined;
  }

  async #oldest(database: Kysely<Schema>, rule: LaneRule): Promise<string | undefined> {
    const row = await database
      .selectFrom('jobs')
      .select('id')
      .where('account', '=', rule.account)
      .where('lane', '=', rule.lane)
      .where('status', '=', 'queued')
      .orderBy('created_at')
      .orderBy('id')
      .limit(1)
      .executeTakeFirst();
    return row?.id;
  }

  async #inFlight(
    database: Kysely<Schema>,
    rule: LaneRule,
    statuses: readonly string[] = occupying,
  ): Promise<number> {
    const row = await database
      .selectFrom('jobs')
      .select((select) => select.fn.countAll().as('count'))
      .where('account', '=', rule.account)
      .where('lane', '=', rule.lane)
      .where('status', 'in', [...statuses])
      .executeTakeFirstOrThrow();
    return Number(row.count);
  }

  async #row(database: Kysely<Schema>, rule: LaneRule): Promise<LaneRow> {
    const row = await database
      .selectFrom('lanes')
      .select(columns)
      .where('account', '=', rule.account)
      .where('lane', '=', rule.lane)
      .executeTakeFirst();
    return row ?? untouched;
  }

  /** The lane's row, made if there is none, and held against other writers until the transaction ends. */
  async #lock(transaction: Kysely<Schema>, rule: LaneRule): Promise<LaneRow> {
    return transaction
      .insertInto('lanes')
      .values({ account: rule.account, lane: rule.lane, refusals: 0 })
      .onConflict((conflict) => conflict.columns(['account', 'lane']).doUpdateSet({ lane: rule.lane }))
      .returning(columns)
      .executeTakeFirstOrThrow();
  }
}
