import { setTimeout as pause } from 'node:timers/promises';
import {
  CompiledQuery,
  type DatabaseConnection,
  PostgresDialect,
  PostgresDriver,
  type QueryResult,
} from 'kysely';
import type { Pool } from 'pg';
import type { Log } from '../../log.ts';
import { faultOf, storageFailure } from './faults.ts';

/** A server that restarts is waited for so long; a call still answers in time. */
const patienceMs = 8_000;
const longestPauseMs = 1_500;

/** Uneven waits, so that replicas which lost the server together do not come back together. */
const pauseAfter = (tries: number) =>
  pause(Math.min(25 * 2 ** tries, longestPauseMs) * (0.5 + Math.random() / 2));

/**
 * Doing it twice is the same as doing it once: it reads, it inserts what is left alone where it already is, or it
 * updates jobs by the state or fence that the first time has changed.
 */
function isRepeatable({ query }: CompiledQuery): boolean {
  if (query.kind === 'SelectQueryNode' || query.kind === 'UpdateQueryNode') return true;
  return query.kind === 'InsertQueryNode' && query.onConflict?.doNothing === true;
}

/**
 * THE place where a lost connection is waited for and where faults of the database get their words. A transaction
 * whose connection broke is told to its caller and not repeated here: nobody knows whether it took effect.
 */
class PatientConnection implements DatabaseConnection {
  readonly #driver: PatientDriver;
  /** Absent when it broke and no other could be had. */
  inner: DatabaseConnection | undefined;
  #inTransaction = false;

  constructor(driver: PatientDriver, inner: DatabaseConnection) {
    this.#driver = driver;
    this.inner = inner;
  }

  async begin(): Promise<void> {
    await this.#run(CompiledQuery.raw('begin'), true);
    this.#inTransaction = true;
  }

  async end(how: 'commit' | 'rollback'): Promise<void> {
    try {
      await this.#run(CompiledQuery.raw(how), false);
    } catch (error) {
      // A session that broke is rolled back by the server; what is to be told is what broke it.
      if (how === 'commit') throw error;
    } finally {
      this.#inTransaction = false;
    }
  }

  executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    return this.#run<Row>(query, isRepeatable(query));
  }

  async #run<Row>(query: CompiledQuery, repeatable: boolean): Promise<QueryResult<Row>> {
    const until = performance.now() + patienceMs;
    for (let tries = 1; ; tries++) {
      try {
        this.inner ??= await this.#driver.connect(until);
        return await this.inner.executeQuery<Row>(query);
      } catch (error) {
        const fault = faultOf(error);
        this.#driver.tell(fault, tries, error);
        const again = fault === 'undone' || (fault === 'lost' && repeatable);
        if (this.#inTransaction || !again || performance.now() > until) throw storageFailure(error);
        await pauseAfter(tries);
        if (fault === 'lost') await this.release();
      }
    }
  }

  async release(): Promise<void> {
    const { inner } = this;
    this.inner = undefined;
    if (inner) await this.#driver.giveBack(inner);
  }

  streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('the job store reads no streams');
  }
}

class PatientDriver extends PostgresDriver {
  readonly #log: Log;

  constructor(pool: Pool, log: Log) {
    super({ pool });
    this.#log = log;
  }

  tell(fault: string, tries: number, error: unknown): void {
    const { code } = (error ?? {}) as { code?: unknown };
    const level = tries === 1 ? 'warn' : 'debug';
    this.#log[level]('the job database failed', { fault, code, tries, error });
  }

  async connect(until: number): Promise<DatabaseConnection> {
    for (let tries = 1; ; tries++) {
      try {
        return await super.acquireConnection();
      } catch (error) {
        const fault = faultOf(error);
        this.tell(fault, tries, error);
        if (fault !== 'lost' || performance.now() > until) throw storageFailure(error);
        await pauseAfter(tries);
      }
    }
  }

  async giveBack(connection: DatabaseConnection): Promise<void> {
    await super.releaseConnection(connection as never);
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    return new PatientConnection(this, await this.connect(performance.now() + patienceMs));
  }

  override async releaseConnection(connection: DatabaseConnection): Promise<void> {
    await (connection as PatientConnection).release();
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await (connection as PatientConnection).begin();
  }

  override async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await (connection as PatientConnection).end('commit');
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await (connection as PatientConnection).end('rollback');
  }
}

/** Kysely's dialect, with patience. */
export class PatientDialect extends PostgresDialect {
  readonly #pool: Pool;
  readonly #log: Log;

  constructor(pool: Pool, log: Log) {
    super({ pool });
    this.#pool = pool;
    this.#log = log;
  }

  override createDriver() {
    return new PatientDriver(this.#pool, this.#log);
  }
}
