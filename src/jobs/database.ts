import type { Kysely, RawBuilder, Updateable } from 'kysely';
import type { Job } from '../core/job.ts';
import type { JobTable, Schema } from './rows.ts';

/** An SQL engine with the schema in place, and the few things in which engines differ. */
export interface JobDatabase {
  readonly kysely: Kysely<Schema>;
  /** An expression that gives more than any revision stored so far. */
  readonly nextRevision: RawBuilder<number>;
  /** Writers run side by side here, so that a choice has to lock the rows it chooses among. */
  readonly concurrentWriters: boolean;
  /** Gives the room of deleted rows back to the disk, a little at a time. */
  reclaim(): Promise<void>;
}

type Columns = Omit<Updateable<JobTable>, 'revision'> & { revision?: unknown };

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
