import { setTimeout as pause } from 'node:timers/promises';
import {
  type CompiledQuery,
  type DatabaseConnection,
  Kysely,
  type QueryResult,
  SqliteDialect,
  SqliteDriver,
  sql,
} from 'kysely';
import { Failure, foreignText } from '../core/failure.ts';
import type { JobDatabase } from './database.ts';
import type { Schema } from './rows.ts';
import { openFile, type Opened } from './sqlite-file.ts';

/** SQLite's primary result codes that say something about the file or the disk. */
const codes: Readonly<Record<number, string>> = {
  5: 'BUSY',
  6: 'LOCKED',
  8: 'READONLY',
  10: 'IOERR',
  11: 'CORRUPT',
  13: 'FULL',
  14: 'CANTOPEN',
  26: 'NOTADB',
};

/** The primary result code by name, from either of the two libraries' errors. */
function codeOf(error: unknown): string {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown };
  if (typeof errcode === 'number') return codes[errcode & 0xff] ?? '';
  const name = /^SQLITE_([A-Z]+)/.exec(typeof code === 'string' ? code : '')?.[1] ?? '';
  return Object.values(codes).includes(name) ? name : '';
}

const elsewhere = 'or set DIGITAL_HUMAN_DATA_DIR to another directory';
const damaged =
  'Move the file away, keep it, and start again: a new one is made. Follow tasks that were under way with get_progress and their cloud_task_id.';
const mends: Readonly<Record<string, readonly [what: string, mend: string]>> = {
  BUSY: [
    'is locked by another program',
    'End what holds the file (a backup, a database browser), then try again.',
  ],
  LOCKED: [
    'is locked by another program',
    'End what holds the file (a backup, a database browser), then try again.',
  ],
  READONLY: ['cannot be written', `Make the file and its directory writable, ${elsewhere}.`],
  IOERR: ['could not be read or written by the disk', `Check the disk, ${elsewhere}.`],
  CORRUPT: ['is damaged', damaged],
  NOTADB: ['is no job file, or is damaged', damaged],
  FULL: ['cannot grow: the disk is full', `Make room on the disk, ${elsewhere}.`],
  CANTOPEN: [
    'cannot be opened',
    `Make its directory exist and writable, and no directory stand in its place, ${elsewhere}.`,
  ],
};

/** What a fault of the file means to its user; other errors are passed through. */
function storageFailure(error: unknown): unknown {
  const [what, mend] = mends[codeOf(error)] ?? [];
  if (!what || !mend) return error;
  return new Failure({
    kind: 'storage',
    message: `The job file ${what} (${foreignText(error instanceof Error ? error.message : error)}).`,
    advice: mend,
    retryable: true,
    cause: error,
  });
}

const busyTries = 12;

/** Repeats what found the file locked. Uneven waits, so that two who wait for each other do not meet again. */
async function patiently<T>(attempt: () => T | Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      const code = codeOf(error);
      if ((code !== 'BUSY' && code !== 'LOCKED') || tries === busyTries) throw storageFailure(error);
      await pause(20 + Math.random() * 50 * tries);
    }
  }
}

/**
 * THE place where a locked file is waited for, and where faults of the file get their words.
 *
 * Only `BEGIN IMMEDIATE` may meet a lock, and only through `exec`, which leaves no statement behind. In
 * libsql 0.5 a writing statement that was refused for a lock stays open until it is collected as garbage,
 * and as long as it does, no later write of the connection is committed, though all report success.
 */
class PatientConnection implements DatabaseConnection {
  readonly #inner: DatabaseConnection;
  readonly #file: Opened;
  #inTransaction = false;

  constructor(inner: DatabaseConnection, file: Opened) {
    this.#inner = inner;
    this.#file = file;
  }

  async begin(): Promise<void> {
    await patiently(() => this.#file.exec('BEGIN IMMEDIATE'));
    this.#inTransaction = true;
  }

  async end(how: 'COMMIT' | 'ROLLBACK'): Promise<void> {
    this.#inTransaction = false;
    try {
      this.#file.exec(how);
    } catch (error) {
      throw storageFailure(error);
    }
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    const run = () => this.#inner.executeQuery<Row>(query);
    if (this.#inTransaction) {
      try {
        return await run();
      } catch (error) {
        throw storageFailure(error);
      }
    }
    if (query.query.kind === 'SelectQueryNode') return patiently(run);
    await this.begin();
    try {
      const result = await run();
      await this.end('COMMIT');
      return result;
    } catch (error) {
      // SQLite has already rolled back after some faults; what is to be told is the first.
      await this.end('ROLLBACK').catch(() => {});
      throw storageFailure(error);
    }
  }

  streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('the job store reads no streams');
  }
}

class PatientDriver extends SqliteDriver {
  readonly #file: Opened;

  constructor(file: Opened) {
    super({ database: file });
    this.#file = file;
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    return new PatientConnection(await super.acquireConnection(), this.#file);
  }

  /** Takes the write lock at once: a lock that is asked for in the middle cannot be waited for. */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await (connection as PatientConnection).begin();
  }

  override async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await (connection as PatientConnection).end('COMMIT');
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await (connection as PatientConnection).end('ROLLBACK');
  }
}

class PatientDialect extends SqliteDialect {
  readonly #file: Opened;

  constructor(file: Opened) {
    super({ database: file });
    this.#file = file;
  }

  override createDriver() {
    return new PatientDriver(this.#file);
  }
}

/**
 * WAL lets several server processes share the file; synchronous FULL makes a commit survive a power cut.
 * The wait for a lock blocks this thread, so it is short, and repeated where it can be waited for.
 */
const pragmas = [
  'busy_timeout = 1000',
  'auto_vacuum = INCREMENTAL',
  'journal_mode = WAL',
  'synchronous = FULL',
  'cache_size = -8000',
];

/**
 * Opens the job file with the runtime's own SQLite, else with `libsql`.
 * Throws `storage` with the mend for a file that is damaged, locked, or cannot be written.
 */
export async function openSqlite(path: string): Promise<JobDatabase> {
  const file = await patiently(() => {
    const opened = openFile(path);
    try {
      for (const pragma of pragmas) opened?.exec(`PRAGMA ${pragma}`);
      // Says now, and not at the first job, that the file cannot be written.
      opened?.exec('BEGIN IMMEDIATE');
      opened?.exec('ROLLBACK');
      return opened;
    } catch (error) {
      opened?.close();
      throw error;
    }
  });
  if (!file)
    throw new Failure({
      kind: 'storage',
      message: 'No SQLite is available in this Node.js.',
      advice: 'Use Node.js 22.13 or newer, or install the optional package libsql (npm install libsql).',
    });
  const kysely = new Kysely<Schema>({ dialect: new PatientDialect(file) });
  return {
    kysely,
    // One writing statement runs at a time, so no two get the same.
    nextRevision: sql<number>`(select max(value, (select coalesce(max(revision), 0) from jobs)) + 1 from counters where name = 'revision')`,
    async reclaim() {
      // Held while no transaction is open; and by `exec`, which takes all the rows that the pragma gives.
      await kysely.connection().execute(() => patiently(() => file.exec('PRAGMA incremental_vacuum(2000)')));
    },
  };
}
