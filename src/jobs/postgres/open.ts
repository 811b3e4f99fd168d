import { Kysely, sql } from 'kysely';
import pg from 'pg';
import type { Log } from '../../log.ts';
import type { JobDatabase } from '../database.ts';
import type { Schema } from '../rows.ts';
import { PatientDialect } from './dialect.ts';
import { storageFailure } from './faults.ts';
import { schema, signals } from './migrations.ts';
import { Turns } from './turns.ts';
import { Word } from './word.ts';
import { WorkerPool } from './worker-pool.ts';

/** Connections of one process at most: these, and one that listens. */
const storeConnections = 8;
const workerConnections = 4;
/** Any number that nobody else uses for their locks. */
const migrationLock = '5501846302217751';
/** A connection that was cut silently shows only so: no call may wait for it longer than agents do. */
const answerMs = 15_000;
const mostClockDriftMs = 5_000;

/**
 * A process that stands still in the middle of a transaction holds locks that all others need: the server
 * ends such sessions. Statements here take milliseconds. And a commit is on disk when it is answered, also where
 * the server is set up otherwise: a submission that leaves after a commit which is then lost could be sent twice.
 */
const session = [
  `search_path=${schema}`,
  'synchronous_commit=on',
  'statement_timeout=14s',
  'lock_timeout=10s',
  'idle_in_transaction_session_timeout=15s',
];

/** Times and revisions are BIGINT and far below 2^53. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (type, format) =>
    Number(type) === Number(pg.types.builtins.INT8) ? Number : pg.types.getTypeParser(type, format),
};

function configOf(url: string): pg.ClientConfig {
  const address = new URL(url);
  const given = address.searchParams.get('options') ?? '';
  const options = [given, ...session.map((setting) => `-c ${setting}`)].join(' ').trim();
  address.searchParams.set('options', options);
  return {
    connectionString: address.href,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    application_name: 'digital-human-mcp',
  };
}

/** Errors of connections that nobody uses at the moment; the pool has thrown them away. */
function watched(pool: pg.Pool, log: Log): pg.Pool {
  const told = (error: unknown) => log.debug('a database connection broke', { error });
  pool.on('error', told);
  pool.on('connect', (client) => client.on('error', told));
  return pool;
}

async function exclusively<T>(pool: pg.Pool, work: () => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("set lock_timeout = '60s'; set statement_timeout = '60s'");
    await client.query('select pg_advisory_lock($1)', [migrationLock]);
    await client.query(`create schema if not exists ${schema}`);
    return await work();
  } finally {
    // The lock and the settings go with the session.
    client.release(true);
  }
}

async function checkClock(kysely: Kysely<Schema>, log: Log): Promise<void> {
  const asked = Date.now();
  const { rows } = await sql<{ now: number }>`
    select (extract(epoch from clock_timestamp()) * 1000)::bigint as now`.execute(kysely);
  const drift = Math.round((rows[0]?.now ?? asked) - (asked + Date.now()) / 2);
  if (Math.abs(drift) > mostClockDriftMs)
    log.warn('this machine’s clock differs from the database’s: leases of replicas rest on both', {
      drift_ms: drift,
    });
}

/**
 * Opens a job database that several replicas share. `url` is `postgres://user:password@host/database`;
 * all tables are made in schemas of their own. Throws `storage`, without the database's own words.
 */
export async function openPostgres(url: string, log: Log): Promise<JobDatabase> {
  const config = configOf(url);
  const pool = watched(
    new pg.Pool({ ...config, types, max: storeConnections, query_timeout: answerMs }),
    log,
  );
  const workers = watched(new WorkerPool({ ...config, max: workerConnections }), log);
  const kysely = new Kysely<Schema>({ dialect: new PatientDialect(pool, log) });
  const turns = new Turns(workers, log);
  let word: Word | undefined;
  const close = async () => {
    await turns.stop();
    await word?.close();
    await workers.end();
  };
  try {
    await checkClock(kysely, log);
  } catch (error) {
    await close();
    await kysely.destroy();
    throw storageFailure(error);
  }
  return {
    kysely,
    nextRevision: sql<number>`${sql.id(schema, 'next_revision')}()`,
    async hold(transaction, name) {
      await sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`.execute(transaction);
    },
    // The server's own housekeeping does it.
    reclaim: async () => {},
    shared: {
      schema,
      migrations: { '0001-jobs-postgres': signals },
      async exclusively(work) {
        try {
          return await exclusively(workers, async () => {
            await turns.prepare();
            return work();
          });
        } catch (error) {
          log.error('the job database could not be prepared', { error });
          throw storageFailure(error);
        }
      },
      async hear(changed) {
        word = new Word(pg.Client, config, log, changed);
        await word.open();
      },
      takeTurns: (look) => turns.start(look),
      rest: () => turns.stop(),
      close,
    },
  };
}
