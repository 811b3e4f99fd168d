import { createRequire } from 'node:module';
import type { SqliteDatabase } from 'kysely';
import { Failure } from '../core/failure.ts';

const load = createRequire(import.meta.url);

/** The parts of `node:sqlite` in use; its types come with newer Node versions than our floor. */
interface NodeSqlite {
  DatabaseSync: new (
    path: string,
  ) => {
    exec(sql: string): void;
    close(): void;
    prepare(sql: string): {
      columns?(): unknown[];
      all(...parameters: unknown[]): unknown[];
      run(...parameters: unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint };
      iterate(...parameters: unknown[]): IterableIterator<unknown>;
    };
  };
}

interface Opened extends SqliteDatabase {
  exec(sql: string): unknown;
}

function builtIn(path: string): Opened | undefined {
  let sqlite: NodeSqlite;
  try {
    sqlite = load('node:sqlite') as NodeSqlite;
  } catch {
    return undefined;
  }
  const database = new sqlite.DatabaseSync(path);
  return {
    exec: (sql) => database.exec(sql),
    close: () => database.close(),
    prepare(sql) {
      const statement = database.prepare(sql);
      return {
        reader: (statement.columns?.().length ?? 0) > 0,
        all: (parameters) => statement.all(...parameters),
        run: (parameters) => statement.run(...parameters),
        iterate: (parameters) => statement.iterate(...parameters),
      };
    },
  };
}

function optional(path: string): Opened | undefined {
  let Libsql: new (path: string) => Opened;
  try {
    Libsql = load('libsql') as typeof Libsql;
  } catch {
    return undefined;
  }
  return new Libsql(path);
}

/**
 * Opens the job file with the runtime's own SQLite, else with `libsql`.
 * WAL lets several server processes share it; synchronous FULL makes a commit survive a power cut.
 */
export function openSqlite(path: string): SqliteDatabase {
  const database = builtIn(path) ?? optional(path);
  if (!database)
    throw new Failure({
      kind: 'storage',
      message: 'No SQLite is available in this Node.js.',
      advice: 'Use Node.js 22.13 or newer, or install the optional package libsql (npm install libsql).',
    });
  for (const pragma of ['busy_timeout = 10000', 'journal_mode = WAL', 'synchronous = FULL'])
    database.exec(`PRAGMA ${pragma}`);
  return database;
}
