import { sql } from 'kysely';
import { newestMigration } from './migrate.ts';
import { openSqlite } from './sqlite.ts';

/** A job file, looked at without changing it. */
export interface JobFileFacts {
  /** The newest change of its schema, by name; absent in a file that is still empty. */
  readonly version?: string;
  /** True when a newer release has changed the schema: this one cannot use the file. */
  readonly newer: boolean;
  readonly jobs: number;
}

/**
 * Opens an existing job file as a server would, and reads its version.
 * @throws `storage` with the mend for a file that is damaged, locked, or cannot be written
 */
export async function inspectJobFile(path: string): Promise<JobFileFacts> {
  const { kysely } = await openSqlite(path);
  try {
    const tables = await sql<{ name: string }>`select name from sqlite_master where type = 'table'`.execute(
      kysely,
    );
    const has = (name: string) => tables.rows.some((row) => row.name === name);
    const recorded = has('kysely_migration')
      ? await sql<{ name: string }>`select name from kysely_migration order by name`.execute(kysely)
      : undefined;
    const version = recorded?.rows.at(-1)?.name;
    const counted = has('jobs')
      ? await sql<{ count: number | bigint }>`select count(*) as count from jobs`.execute(kysely)
      : undefined;
    return {
      ...(version !== undefined && { version }),
      newer: version !== undefined && version > newestMigration,
      jobs: Number(counted?.rows[0]?.count ?? 0),
    };
  } finally {
    await kysely.destroy();
  }
}
