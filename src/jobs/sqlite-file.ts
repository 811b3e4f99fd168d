import { createRequire } from 'node:module';
import type { SqliteDatabase } from 'kysely';

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

/** One open database file, as Kysely's driver wants it, and a way to run what gives no rows. */
export interface Opened extends SqliteDatabase {
  exec(sql: string): unknown;
}

/** Node.js 22 warns of its SQLite at the first use, and whoever runs this can do nothing about it. */
function quietly<T>(work: () => T): T {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => {};
  try {
    return work();
  } finally {
    process.emitWarning = emitWarning;
  }
}

function builtIn(path: string): Opened | undefined {
  let sqlite: NodeSqlite;
  try {
    sqlite = quietly(() => load('node:sqlite') as NodeSqlite);
  } catch {
    return undefined;
  }
  const database = new sqlite.DatabaseSync(path);
  return {
    exec: (text) => database.exec(text),
    close: () => database.close(),
    prepare(text) {
      const statement = database.prepare(text);
      return {
        reader: (statement.columns?.().length ?? 0) > 0,
        all: (parameters) => statement.all(...parameters),
        run: (parameters) => statement.run(...parameters),
        iterate: (parameters) => statement.iterate(...parameters),
      };
    },
  };
}

/** The parts of `libsql` in use. */
interface Libsql {
  exec(sql: string): unknown;
  close(): void;
  prepare(sql: string): {
    readonly reader: boolean;
    columns(): { readonly name: string }[];
    raw(raw: boolean): unknown;
    all(parameters: readonly unknown[]): unknown[][];
    run(parameters: readonly unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint };
  };
}

function optional(path: string): Opened | undefined {
  let Database: new (path: string) => Libsql;
  try {
    Database = load('libsql') as typeof Database;
  } catch {
    return undefined;
  }
  const database = new Database(path);
  return {
    exec: (text) => database.exec(text),
    close: () => database.close(),
    prepare(text) {
      const statement = database.prepare(text);
      const { reader } = statement;
      // It makes objects at twice the cost of giving what is in them.
      if (reader) statement.raw(true);
      const names = reader ? statement.columns().map(({ name }) => name) : [];
      // Rows that are copies of one object share its shape; built up name by name, each would be a table of its own.
      const blank: Record<string, unknown> = Object.fromEntries(names.map((name) => [name, null]));
      const rowOf = (values: readonly unknown[]) => {
        const row = { ...blank };
        for (const [column, name] of names.entries()) row[name] = values[column];
        return row;
      };
      const all = (parameters: readonly unknown[]) => statement.all(parameters).map(rowOf);
      return {
        reader,
        all,
        iterate: (parameters) => all(parameters).values(),
        run: (parameters) => statement.run(parameters),
      };
    },
  };
}

const mostStatements = 300;

/**
 * Prepares every text once. A statement that is thrown away holds tens of kilobytes outside of the heap until
 * it is collected, and nothing there urges the collector: ten thousand queries took 400 MB.
 */
function preparingOnce(file: Opened): Opened {
  const statements = new Map<string, ReturnType<Opened['prepare']>>();
  return {
    exec: (text) => file.exec(text),
    close: () => file.close(),
    prepare(text) {
      const statement = statements.get(text) ?? file.prepare(text);
      // The one used longest ago is first to go.
      statements.delete(text);
      statements.set(text, statement);
      const [oldest] = statements.keys();
      if (statements.size > mostStatements && oldest !== undefined) statements.delete(oldest);
      return statement;
    },
  };
}

/** Opens a file with the runtime's own SQLite, else with `libsql`; undefined where there is neither. */
export function openFile(path: string): Opened | undefined {
  const file = builtIn(path) ?? optional(path);
  return file && preparingOnce(file);
}
