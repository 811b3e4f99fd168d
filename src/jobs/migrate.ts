import { type Kysely, type Migration, Migrator } from 'kysely';
import { Failure } from '../core/failure.ts';
import { jobs } from './migrations/0001-jobs.ts';

/** Every migration, by the name under which it is recorded. Never renamed, never changed once released. */
const migrations: Record<string, Migration> = { '0001-jobs': jobs };

/**
 * Brings the schema up to date. Two processes may do this at once on one file:
 * the slower one fails on the faster one's tables and finds nothing left to do on its second try.
 */
export async function migrate<T>(database: Kysely<T>): Promise<void> {
  const migrator = new Migrator({ db: database, provider: { getMigrations: async () => migrations } });
  for (let tries = 1; ; tries++) {
    const { error } = await migrator.migrateToLatest();
    if (!error) return;
    if (/previously executed migration/.test(error instanceof Error ? error.message : ''))
      throw new Failure({
        kind: 'storage',
        message: 'The job file was written by a newer version of this server.',
        advice: 'Update digital-human-mcp, or point DIGITAL_HUMAN_DATA_DIR at another directory.',
        cause: error,
      });
    if (tries === 5) throw error;
    await new Promise((resolve) => setTimeout(resolve, 50 * tries));
  }
}
