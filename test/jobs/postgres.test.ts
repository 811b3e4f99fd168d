import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/core/failure.ts';
import { openPostgres } from '../../src/jobs/postgres/open.ts';
import { WorkerPool } from '../../src/jobs/postgres/worker-pool.ts';
import { JobStore } from '../../src/jobs/store.ts';
import { createLog } from '../../src/log.ts';
import { engines, server } from './engines.ts';
import {
  atEnd,
  connectionsOf,
  fakeConnection,
  newJob,
  openEngine,
  openStore,
  operationOf,
  photo,
  TestClock,
  until,
} from './harness.ts';

const silent = createLog('silent');
const rule = { account: 'account', lane: 'ivh-video-no-training', size: 3, spacingMs: 0, growMs: 60_000 };
const place = async () => (await engines.find(({ engine }) => engine === 'PostgreSQL')?.place()) ?? '';
const look = async (url: string, text: string) => (await server?.query(url, text)) ?? [];

async function storesAt(url: string, count: number): Promise<JobStore[]> {
  const opened: JobStore[] = [];
  for (let n = 0; n < count; n++) opened.push(await openStore(url, `owner ${n}`, Date.now));
  return opened;
}

describe.skipIf(!server)('several processes on one PostgreSQL', () => {
  it('prepare an empty database at the same time, once', async () => {
    const url = (await server?.database()) ?? '';
    const opened = await Promise.all(
      Array.from({ length: 4 }, async (_, n) =>
        JobStore.open(await openPostgres(url, silent), `owner ${n}`, Date.now),
      ),
    );
    for (const store of opened) atEnd(() => store.close());
    const recorded = await look(url, 'select name from digital_human.kysely_migration order by name');
    expect(recorded.map(({ name }) => name)).toEqual(['0001-jobs', '0001-jobs-postgres']);
    // Everything of ours is in schemas of its own.
    expect(await look(url, "select 1 from pg_tables where schemaname = 'public'")).toEqual([]);
  });

  it('keep one job for one idempotency key, however many are asked at once', async () => {
    const stores = await storesAt(await place(), 4);
    const ask = (store: JobStore) =>
      [...'ababababab'].map((key) => store.insert(newJob({ idempotencyKey: key })));
    const answers = await Promise.all(stores.flatMap(ask));
    expect(answers).toHaveLength(40);
    expect(answers.filter(({ created }) => created)).toHaveLength(2);
    expect(new Set(answers.map(({ job }) => job.id)).size).toBe(2);
  });

  it('never fill a lane beyond its room, however many claim at once, and lose no revision', async () => {
    const stores = await storesAt(await place(), 4);
    for (let n = 0; n < 20; n++) await stores[0]?.insert(newJob());
    const claim = (store: JobStore) => Array.from({ length: 6 }, () => store.lanes.claim(rule, 90_000));
    const sent = (await Promise.all(stores.flatMap(claim))).flatMap(({ job }) => job ?? []);
    expect(sent).toHaveLength(3);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(3);
    const changes = (await stores[1]?.changesSince(0)) ?? [];
    expect(new Set(changes.map(({ revision }) => revision)).size).toBe(20);
  });

  it('show revisions in their order: whoever has seen one is never shown a lower one later', async () => {
    const url = await place();
    const [stores, reader] = [await storesAt(url, 4), await openStore(url, 'reader', Date.now)];
    const seen = new Set<string>();
    const writing = new Set(stores);
    const writers = Promise.all(
      stores.map(async (store) => {
        for (let n = 0; n < 25; n++) await store.insert(newJob());
        writing.delete(store);
      }),
    );
    let last = 0;
    while (writing.size > 0)
      for (const job of await reader.changesSince(last)) {
        seen.add(job.id);
        last = job.revision;
      }
    await writers;
    for (const job of await reader.changesSince(last)) seen.add(job.id);
    expect(seen.size).toBe(100);
  });

  it('plan one task for every job that is to be looked at, by its id, and none for one that has ended', async () => {
    const url = await place();
    const clock = new TestClock();
    const store = await openStore(url, 'one', clock.now);
    const tasks = () =>
      look(url, 'select key, run_at::text from digital_human_worker.jobs where key is not null');
    const { job } = await store.insert(newJob({ cloudTaskId: 'task' }));
    const scope = { cloud: 'ivh', account: 'account', underway: [] } as const;
    expect((await tasks()).map(({ key }) => key)).toEqual([job.id]);
    const [claimed] = await store.claims.polls(scope, 1, 90_000);
    if (!claimed) throw new Error('nothing was claimed');
    // Should this process die now, somebody looks when its lease has run out.
    const [atLease] = await look(
      url,
      'select (extract(epoch from run_at) * 1000)::bigint as at from digital_human_worker.jobs where key is not null',
    );
    expect(Number(atLease?.at)).toBe(clock.ms + 90_001);
    await store.postpone(claimed, { dueAt: clock.ms + 5_000 });
    expect(await tasks()).toHaveLength(1);
    const current = await store.get(job.id);
    if (!current) throw new Error('the job is gone');
    await store.move(current, 'cancelled', { dueAt: null });
    expect(await tasks()).toEqual([]);
  });

  it('hear of each other’s changes by word, and make good what they missed', async () => {
    const url = await place();
    const listens =
      "select pid from pg_stat_activity where datname = current_database() and query like 'listen %'";
    const cloud = connectionsOf(fakeConnection());
    const [one, two] = [await openEngine(cloud, { path: url }), await openEngine(cloud, { path: url })];
    const heard: string[] = [];
    let tell: (id: string) => void = () => {};
    two.listen(({ id }) => {
      heard.push(id);
      tell(id);
    });
    const submit = async (audio: string) => {
      const told = new Promise<string>((done) => {
        tell = done;
      });
      const { id } = await one.submit(operationOf('photo_to_video'), { input: photo(audio), warnings: [] });
      return { id, told };
    };
    const first = await submit('https://example.com/1.mp3');
    expect(await first.told).toBe(first.id);
    // The one connection that hears is cut while a job changes.
    expect(await look(url, listens)).toHaveLength(2);
    await look(url, `select pg_terminate_backend(pid) from (${listens}) listening`);
    const second = await submit('https://example.com/2.mp3');
    await second.told;
    expect(heard).toContain(second.id);
  });
});

describe.skipIf(!server)('connections that are cut at any moment', () => {
  it('end no process, and no job is lost with them', async () => {
    const url = await place();
    let done = false;
    const ended = { Status: 'SUCCESS', MediaUrl: 'https://example.com/v.mp4', Duration: 5_000 };
    const connection = fakeConnection({ query: async () => (done ? ended : { Status: 'MAKING' }) });
    const store = await openStore(url, 'before', Date.now);
    for (let tasks = 0; tasks < 60; tasks++) await store.insert(newJob({ cloudTaskId: `t${tasks}` }));
    const engine = await openEngine(connectionsOf(connection), { path: url, speed: 1_000 });
    let cuts = 0;
    for (let rounds = 0; rounds < 60; rounds++) {
      const cut = await look(
        url,
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'digital-human-mcp'",
      );
      cuts += cut.length;
      await pause(20);
    }
    expect(cuts).toBeGreaterThan(60);
    done = true;
    // Of those whose question died with its connection the lease runs out: time passes.
    await look(url, "update digital_human.jobs set lease_until = 0 where status in ('pending', 'running')");
    for (let n = 0; n < 60; n++) {
      const job = await store.byTask('ivh', `t${n}`);
      expect((await until(engine, job?.id ?? '', ({ status }) => status === 'succeeded')).status).toBe(
        'succeeded',
      );
    }
  });
});

describe.skipIf(!server)('a connection that is given back twice', () => {
  it('is free for the next, once, and nobody is thrown at', async () => {
    const pool = new WorkerPool({ connectionString: await place(), max: 1 });
    atEnd(() => pool.end());
    const client = await pool.connect();
    client.release();
    client.release();
    expect([pool.totalCount, pool.idleCount]).toEqual([1, 1]);
    const given = await new Promise<number>((resolve) => {
      pool.connect((error, _, release) => {
        release();
        release();
        resolve(error ? -1 : pool.idleCount);
      });
    });
    expect(given).toBe(1);
  });
});

describe.skipIf(!server)('a database that cannot be used', () => {
  const failureOf = async (url: string) => {
    const lines: string[] = [];
    const log = { ...silent, warn: (...said: unknown[]) => void lines.push(JSON.stringify(said)) };
    const error = await openPostgres(url, log).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof Failure)) throw new Error(`no failure: ${String(error)}`);
    const { kind, message, advice, retryable } = error;
    return { kind, message, advice, retryable, said: lines.join() };
  };

  it('is named with the mend, and never with its password', async () => {
    const good = new URL(await place());
    const wrongPassword = new URL(good);
    wrongPassword.password = 'planted-secret';
    const missing = new URL(good);
    missing.pathname = '/nothing_here';
    const closed = new URL(good);
    closed.port = '9';
    const found = [await failureOf(wrongPassword.href), await failureOf(missing.href)];
    expect(found.map(({ message }) => message)).toEqual([
      'The job database refuses the user or password.',
      'The job database does not exist on its server.',
    ]);
    found.push(await failureOf(closed.href));
    expect(found[2]?.message).toBe('The job database cannot be reached at the moment.');
    for (const each of found) {
      expect(each).toMatchObject({ kind: 'storage', retryable: true });
      expect(JSON.stringify(each)).not.toMatch(/planted-secret|p-loopback-only/);
      expect(each.advice.length).toBeGreaterThan(20);
    }
  });
});
