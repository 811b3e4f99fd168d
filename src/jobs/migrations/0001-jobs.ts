import { type Kysely, type Migration, sql } from 'kysely';

/**
 * Times are milliseconds since the epoch. JSON travels as text, so that both engines read it alike.
 * `due_at` is set only for jobs that a cloud is to be asked about; queued jobs wait for their lane.
 * `fence` rises with every claim and every write, so that a writer who lost its lease finds out.
 */
export const jobs: Migration = {
  async up(database: Kysely<unknown>) {
    await database.schema
      .createTable('jobs')
      .ifNotExists()
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('principal', 'text', (column) => column.notNull())
      .addColumn('tool', 'text', (column) => column.notNull())
      .addColumn('cloud', 'text', (column) => column.notNull())
      .addColumn('account', 'text', (column) => column.notNull())
      .addColumn('lane', 'text', (column) => column.notNull())
      .addColumn('status', 'text', (column) => column.notNull())
      .addColumn('input', 'text', (column) => column.notNull())
      .addColumn('input_digest', 'text', (column) => column.notNull())
      .addColumn('idempotency_key', 'text')
      .addColumn('result_seconds', 'real')
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
      .addColumn('started_at', 'bigint')
      .addColumn('polled_at', 'bigint')
      .addColumn('asked_at', 'bigint')
      .addColumn('due_at', 'bigint')
      .addColumn('attempts', 'integer', (column) => column.notNull())
      .addColumn('revision', 'bigint', (column) => column.notNull())
      .addColumn('lease_owner', 'text')
      .addColumn('lease_until', 'bigint')
      .addColumn('fence', 'integer', (column) => column.notNull())
      .addColumn('cloud_ms', 'bigint')
      .execute();
    await database.schema
      .createTable('lanes')
      .ifNotExists()
      .addColumn('account', 'text', (column) => column.notNull())
      .addColumn('lane', 'text', (column) => column.notNull())
      .addColumn('size', 'integer')
      .addColumn('grows_at', 'bigint')
      .addColumn('refusals', 'integer', (column) => column.notNull())
      .addColumn('held_until', 'bigint')
      .addColumn('submitted_at', 'bigint')
      .addPrimaryKeyConstraint('lanes_key', ['account', 'lane'])
      .execute();
    await database.schema
      .createTable('counters')
      .ifNotExists()
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('value', 'bigint', (column) => column.notNull())
      .execute();
    await sql`insert into counters (name, value) values ('revision', 0) on conflict do nothing`.execute(
      database,
    );
    const index = (name: string, columns: string[], unique = false) => {
      const create = database.schema.createIndex(name).ifNotExists().on('jobs').columns(columns);
      return (unique ? create.unique() : create).execute();
    };
    await index('jobs_by_key', ['principal', 'idempotency_key'], true);
    // One task is one job: two adoptions of the same task cannot both be stored.
    await index('jobs_by_task', ['cloud', 'cloud_task_id'], true);
    // With all that decides who is asked after next: among thousands that are due, no row but the chosen is read.
    await index('jobs_by_due', [
      'cloud',
      'due_at',
      'account',
      'asked_at',
      'submitted_at',
      'lease_until',
      'id',
    ]);
    await index('jobs_by_question', ['cloud', 'account', 'asked_at']);
    await index('jobs_by_lease', ['lease_until']);
    await index('jobs_by_lane', ['account', 'lane', 'status', 'created_at', 'id']);
    await index('jobs_by_tool', ['tool', 'status', 'updated_at']);
    await index('jobs_by_status', ['status', 'updated_at']);
    await index('jobs_by_revision', ['revision']);
    await index('jobs_by_creation', ['principal', 'created_at', 'id']);
  },
};
