import type { Kysely } from 'kysely';
import { occupying } from '../core/job.ts';
import { heldFor, laneColumns, type LaneRow, type LaneRule, roomOf, untouched } from './lane-room.ts';
import type { Schema } from './rows.ts';

/** A job as one transaction found or left it: any later one raises its fence. */
export interface Taken {
  readonly id: string;
  readonly fence: number;
}

/** Why nothing can be sent over a lane now, if so; `waitMs` as `Lanes.claim` gives it. */
export async function blockedBy(
  database: Kysely<Schema>,
  rule: LaneRule,
  row: LaneRow,
  now: number,
): Promise<{ waitMs?: number } | undefined> {
  const waitMs = heldFor(row, rule, now);
  if (waitMs > 0) return { waitMs };
  const { size, growsAt } = roomOf(row, rule, now);
  if ((await countInFlight(database, rule)) >= size) return growsAt === null ? {} : { waitMs: growsAt - now };
  // After a refusal one job tries whether there is room; the others wait for what it learns. And a pace is
  // kept from answer to answer, since nobody knows how long a request is under way.
  const oneByOne = Number(row.refusals) > 0 || rule.spacingMs > 0;
  if (oneByOne && (await countInFlight(database, rule, ['submitting'])) > 0)
    return { waitMs: Math.max(rule.spacingMs, 1_000) };
  return undefined;
}

/** The job that goes next. */
export async function oldestQueued(database: Kysely<Schema>, rule: LaneRule): Promise<Taken | undefined> {
  return database
    .selectFrom('jobs')
    .select(['id', 'fence'])
    .where('account', '=', rule.account)
    .where('lane', '=', rule.lane)
    .where('status', '=', 'queued')
    .orderBy('created_at')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
}

export async function countInFlight(
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

export async function readLane(
  database: Kysely<Schema>,
  rule: Pick<LaneRule, 'account' | 'lane'>,
): Promise<LaneRow> {
  const row = await database
    .selectFrom('lanes')
    .select(laneColumns)
    .where('account', '=', rule.account)
    .where('lane', '=', rule.lane)
    .executeTakeFirst();
  return row ?? untouched;
}

/** The lane's row, made if there is none, and held against other writers until the transaction ends. */
export async function lockLane(transaction: Kysely<Schema>, rule: LaneRule): Promise<LaneRow> {
  return transaction
    .insertInto('lanes')
    .values({ account: rule.account, lane: rule.lane, refusals: 0 })
    .onConflict((conflict) => conflict.columns(['account', 'lane']).doUpdateSet({ lane: rule.lane }))
    .returning(laneColumns)
    .executeTakeFirstOrThrow();
}
