import type { Kysely, Migration } from 'kysely';

/** Times are milliseconds since the epoch. JSON travels as text, so that both engines read it alike. */
export const jobs: Migration = {
  async up(database: Kysely<unknown>) {
    await database.schema
      .createTable('jobs')
      .ifNotExists()
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('tool', 'text', (column) => column.notNull())
      .addColumn('cloud', 'text', (column) => column.notNull())
      .addColumn('account', 'text', (column) => column.notNull())
      .addColumn('lane', 'text', (column) => column.notNull())
      .addColumn('status', 'text', (column) => column.notNull())
      .addColumn('input', 'text', (column) => column.notNull())
      .addColumn('input_digest', 'text', (column) => column.notNull())
      .addColumn('idempotency_key', 'text', (column) => column.unique())
      .addColumn('cloud_task_id', 'text')
      .addColumn('progress', 'integer')
      .addColumn('queue_position', 'integer')
      .addColumn('outputs', 'text', (column) => column.notNull())
      .addColumn('sentences', 'text')
      .addColumn('failure', 'text')
      .addColumn('warnings', 'text', (column) => column.notNull())
      .addColumn('sandbox', 'integer', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('updated_at', 'bigint', (column) => column.notNull())
      .addColumn('submitted_at', 'bigint')
      .addColumn('polled_at', 'bigint')
      .addColumn('due_at', 'bigint')
      .addColumn('attempts', 'integer', (column) => column.notNull())
      .addColumn('revision', 'bigint', (column) => column.notNull())
      .addColumn('lease_owner', 'text')
      .addColumn('lease_until', 'bigint')
      .execute();
    const index = (name: string, columns: string[]) =>
      database.schema.createIndex(name).ifNotExists().on('jobs').columns(columns).execute();
    // One task is one job: two adoptions of the same task cannot both be stored.
    await database.schema
      .createIndex('jobs_by_task')
      .ifNotExists()
      .on('jobs')
      .columns(['cloud', 'cloud_task_id'])
      .unique()
      .execute();
    await index('jobs_by_due', ['status', 'due_at']);
    await index('jobs_by_lane', ['account', 'lane', 'status', 'created_at']);
    await index('jobs_by_revision', ['revision']);
    await index('jobs_by_creation', ['created_at', 'id']);
  },
};
