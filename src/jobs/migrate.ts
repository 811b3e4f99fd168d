import { type Migration, Migrator } from 'kysely';
import { Failure } from '../core/failure.ts';
import type { JobDatabase } from './database.ts';
import { jobs } from './migrations/0001-jobs.ts';

/** Every migration, by the name under which it is recorded. Never renamed, never changed once released. */
const migrations: Record<string, Migration> = { '0001-jobs': jobs };

export const newestMigration = Object.keys(migrations).toSorted().at(-1) ?? '';

/**
 * Brings the schema up to date. Two processes may do this at once on one file:
 * the slower one fails on the faster one's tables and finds nothing left to do on its second try.
 */
export async function migrate({ kysely, shared }: JobDatabase): Promise<void> {
  const migrator = new Migrator({
    db: kysely,
    provider: { getMigrations: async () => ({ ...migrations, ...shared?.migrations }) },
    migrationTableSchema: shared?.schema,
  });
  await (shared ? shared.exclusively(() => migrateWith(migrator)) : migrateWith(migrator));
}

async function migrateWith(migrator: Migrator): Promise<void> {
  for (let tries = 1; ; tries++) {
    const { error } = await migrator.migrateToLatest();
    if (!error) return;
    if (/previously executed migration/.test(error instanceof Error ? error.message : ''))
      throw new Failure({
        kind: 'storage',
        message: 'The job store was written by a newer version of this server.',
        advice:
          'Update digital-human-mcp, or point DIGITAL_HUMAN_DATA_DIR (or DIGITAL_HUMAN_DATABASE_URL) elsewhere.',
        cause: error,
      });
    if (tries === 5) throw error;
    await new Promise((resolve) => setTimeout(resolve, 50 * tries));
  }
}
