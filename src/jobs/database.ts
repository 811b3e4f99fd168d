import { type Kysely, type Migration, type RawBuilder, sql, type Updateable } from 'kysely';
import type { Job } from '../core/job.ts';
import type { JobTable, Schema } from './rows.ts';

/** An SQL engine with the schema in place, and the few things in which engines differ. */
export interface JobDatabase {
  readonly kysely: Kysely<Schema>;
  /** An expression that gives more than any revision stored so far, and never one that is seen before a lower one. */
  readonly nextRevision: RawBuilder<number>;
  /**
   * Where writers run side by side, so that a choice has to lock what it chooses among: keeps everybody else out
   * of what has this name until the transaction ends.
   */
  readonly hold?: (transaction: Kysely<Schema>, name: string) => Promise<void>;
  /** Gives the room of deleted rows back to the disk, a little at a time. */
  reclaim(): Promise<void>;
  /** Of a store that several machines share. */
  readonly shared?: SharedStore;
}

/** What only a database server gives: its own part of the schema, a lock for all, and word from other processes. */
export interface SharedStore {
  /** Where all tables are, so that others in the same database may have the same names. */
  readonly schema: string;
  /** Migrations of this engine alone. Each name sorts behind the common one that it completes. */
  readonly migrations: Record<string, Migration>;
  /** Does something while no other process does it. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  /** Calls `changed` after changes by any process, and after every time in which one may have gone unheard. */
  hear(changed: () => void): Promise<void>;
  /** Calls `look` in one of the processes that take turns, whichever is free, when a job's time has come. */
  takeTurns(look: () => Promise<void>): Promise<void>;
  /** Takes no more turns at looking; changes are still told. */
  rest(): Promise<void>;
  /** Ends all connections but those of `kysely`. */
  close(): Promise<void>;
}

type Columns = Omit<Updateable<JobTable>, 'revision' | 'updated_at'> & {
  revision?: unknown;
  updated_at?: unknown;
};

/** A clock that is further behind than this was set back; less is a writer that had to wait for its turn. */
const longestTurnMs = 60_000;

/** When a change is made: never before the last one, which another process may have made while this one waited. */
export const changedAt = (now: number) =>
  sql<number>`case when updated_at > ${now} and updated_at < ${now + longestTurnMs} then updated_at else ${now} end`;

/**
 * One write to one job. It ends every lease on the job and raises its fence. With a fence, it happens only
 * if nobody has claimed or written the job since; without, it takes the job over from whoever holds it.
 */
export function writeJob(
  database: Kysely<Schema>,
  job: Pick<Job, 'id' | 'status'>,
  columns: Columns,
  fence: number | undefined,
) {
  let update = database
    .updateTable('jobs')
    .set((row) => ({
      ...(columns as Updateable<JobTable>),
      lease_owner: null,
      lease_until: null,
      fence: row('fence', '+', 1),
    }))
    .where('id', '=', job.id)
    .where('status', '=', job.status);
  if (fence !== undefined) update = update.where('fence', '=', fence);
  return update;
}
