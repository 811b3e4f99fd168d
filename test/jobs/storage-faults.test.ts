import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/core/failure.ts';
import { Housekeeping } from '../../src/jobs/housekeeping.ts';
import { openSqlite } from '../../src/jobs/sqlite.ts';
import { JobStore } from '../../src/jobs/store.ts';
import { createLog } from '../../src/log.ts';
import {
  atEnd,
  connectionsOf,
  fakeConnection,
  newJob,
  openEngine,
  openStore,
  operationOf,
  photo,
  pollerParts,
  scratchFile,
  send,
  TestClock,
} from './harness.ts';

const day = 24 * 3_600_000;

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Failure) return error;
  throw new Error(`no failure but ${String(error)}`);
}

async function pages(path: string): Promise<number> {
  const database = await openSqlite(path);
  const { rows } = await sql<{ page_count: number }>`select page_count from pragma_page_count`.execute(
    database.kysely,
  );
  await database.kysely.destroy();
  return rows[0]?.page_count ?? 0;
}

const opened = (path: string) => openEngine(connectionsOf(fakeConnection()), { path });

describe('a job file that cannot be used', () => {
  it('is reported when it is no database', async () => {
    const path = scratchFile();
    writeFileSync(path, 'these are not the bytes of a database, however often they come'.repeat(100));
    const failure = await failureOf(opened(path));
    expect(failure).toMatchObject({ kind: 'storage' });
    expect(failure.message).toContain('no job file, or is damaged');
    expect(failure.advice).toContain('Move the file away');
  });

  it('is reported when its middle was overwritten', async () => {
    const path = scratchFile();
    const store = await openStore(path, 'one', Date.now);
    for (let jobs = 0; jobs < 200; jobs++) await store.insert(newJob());
    await store.close();
    const bytes = readFileSync(path);
    bytes.fill(0xa5, 4_096);
    writeFileSync(path, bytes);
    expect((await failureOf(opened(path))).advice).toContain('Move the file away');
  });

  it('is reported when a directory stands in its place', async () => {
    const path = scratchFile();
    mkdirSync(path);
    const failure = await failureOf(opened(path));
    expect(failure.kind).toBe('storage');
    expect(failure.advice).toContain('DIGITAL_HUMAN_DATA_DIR');
  });

  it('is reported when a file stands in the place of its directory', async () => {
    const path = scratchFile();
    writeFileSync(`${path}-file`, '');
    const failure = await failureOf(opened(`${path}-file/jobs.sqlite`));
    expect(failure.kind).toBe('storage');
    expect(failure.advice).toContain('DIGITAL_HUMAN_DATA_DIR');
  });

  it('is reported when it may not be written', async () => {
    const path = scratchFile();
    const database = await openSqlite(path);
    atEnd(() => database.kysely.destroy());
    const store = await JobStore.open(database, 'one', Date.now);
    // Permissions do not bind the superuser, who may run this: the engine's own lock on writing does.
    await sql`PRAGMA query_only = 1`.execute(database.kysely);
    const failure = await failureOf(store.insert(newJob()));
    expect(failure).toMatchObject({ kind: 'storage' });
    expect(failure.message).toContain('cannot be written');
    expect(failure.advice).toContain('writable');
  });

  it('is reported when a newer version wrote it', async () => {
    const path = scratchFile();
    const database = await openSqlite(path);
    await (await JobStore.open(database, 'one', Date.now)).close();
    const newer = await openSqlite(path);
    await sql`insert into kysely_migration (name, timestamp) values ('9999-from-the-future', 'then')`.execute(
      newer.kysely,
    );
    await newer.kysely.destroy();
    const failure = await failureOf(opened(path));
    expect(failure.message).toContain('newer version');
    expect(failure.advice).toContain('Update digital-human-mcp');
  });
});

describe('a disk that is full', () => {
  async function filled(parts: { path: string }) {
    const database = await openSqlite(parts.path);
    atEnd(() => database.kysely.destroy());
    return database;
  }

  it('refuses a submission whole: nothing is stored, nothing is sent, and it goes on when there is room', async () => {
    const path = scratchFile();
    const database = await filled({ path });
    const store = await JobStore.open(database, 'one', Date.now);
    await sql`PRAGMA max_page_count = 1`.execute(database.kysely);
    const big = newJob({ input: { text: 'x'.repeat(2_000_000) } });
    const failure = await failureOf(store.insert(big));
    expect(failure).toMatchObject({ kind: 'storage' });
    expect(failure.message).toContain('disk is full');
    expect(failure.advice).toContain('Make room');
    expect(await store.get(big.id)).toBeUndefined();
    await sql`PRAGMA max_page_count = 1000000`.execute(database.kysely);
    expect((await store.insert(big)).created).toBe(true);
  });

  it('loses no receipt: what the cloud answered is stored when there is room again', async () => {
    const parts = await pollerParts(connectionsOf(fakeConnection()), new TestClock());
    const { job: held } = await parts.store.insert(newJob({ input: photo() }));
    let faults = 3;
    const move = parts.store.move.bind(parts.store);
    parts.store.move = async (...change) => {
      if (change[1] === 'pending' && faults-- > 0)
        throw new Failure({ kind: 'storage', message: 'The disk is full.', advice: 'Make room.' });
      return move(...change);
    };
    expect(await send(parts)).toMatchObject({ id: held.id, status: 'pending', cloudTaskId: 'task-1' });
    expect(faults).toBe(-1);
  });
});

describe('a file that is locked', () => {
  it('is waited for: no agent hears of it', async () => {
    const path = scratchFile();
    const engine = await opened(path);
    const other = await openSqlite(path);
    atEnd(() => other.kysely.destroy());
    let release = () => {};
    const free = new Promise<void>((done) => {
      release = done;
    });
    const holding = other.kysely.transaction().execute(async () => free);
    // Longer than SQLite itself waits.
    setTimeout(() => release(), 2_500);
    const job = await engine.submit(operationOf('photo_to_video'), { input: photo(), warnings: [] });
    await holding;
    expect(job.status).toBe('pending');
  });

  it('commits what was written after a wait, for everybody to see', async () => {
    const path = scratchFile();
    const [store, other] = [await openStore(path, 'one', Date.now), await openSqlite(path)];
    atEnd(() => other.kysely.destroy());
    let release = () => {};
    const holding = other.kysely.transaction().execute(
      () =>
        new Promise<void>((done) => {
          release = done;
        }),
    );
    setTimeout(() => release(), 2_500);
    const { job } = await store.insert(newJob({ cloudTaskId: 'task' }));
    await holding;
    await store.move(job, 'running', {});
    const seen = await other.kysely.selectFrom('jobs').select(['id', 'status']).execute();
    expect(seen).toEqual([{ id: job.id, status: 'running' }]);
    // Nothing of the wait is left over: others can write.
    await other.kysely.updateTable('jobs').set({ progress: 1 }).execute();
  });

  it('is written by many at once without an error', async () => {
    const path = scratchFile();
    const engines = await Promise.all([opened(path), opened(path), opened(path), opened(path)]);
    const operation = operationOf('photo_to_video');
    const submissions = engines.flatMap((engine) =>
      Array.from({ length: 10 }, (_, n) =>
        engine.submit(operation, { input: photo(), warnings: [], idempotencyKey: `key-${n}` }),
      ),
    );
    const ids = new Set((await Promise.all(submissions)).map(({ id }) => id));
    expect(ids.size).toBe(10);
    expect(dirname(path)).toContain('digital-human-jobs-');
  });
});

describe('old jobs', () => {
  it('are forgotten when they ended long ago, never while they are unfinished or unknown', async () => {
    const clock = new TestClock();
    const path = scratchFile();
    const [store, other] = [await openStore(path, 'one', clock.now), await openStore(path, 'two', clock.now)];
    const ids: Record<string, string> = {};
    for (const end of ['succeeded', 'failed', 'cancelled', 'unknown', 'pending'] as const) {
      const { job } = await store.insert(newJob({ cloudTaskId: end, input: { text: 'x'.repeat(50_000) } }));
      ids[end] = job.id;
      if (end !== 'pending' && end !== 'unknown') await store.move(job, end, {});
    }
    const { job: lost } = await store.insert(newJob());
    const rule = { account: lost.account, lane: lost.lane, size: 9, spacingMs: 0, growMs: 1 };
    const { job: claimed } = await store.lanes.claim(rule, 1);
    if (claimed) await store.move(claimed, 'unknown', {});
    clock.ms += 89 * day;
    const fresh = (await store.insert(newJob({ cloudTaskId: 'fresh' }))).job;
    await store.move(fresh, 'succeeded', {});
    const last = await store.lastRevision();
    const keep = new Housekeeping({ store, keepDays: 90, now: clock.now, log: createLog('silent') });
    expect(await keep.clean()).toBe(0);
    clock.ms += 2 * day;
    const before = await pages(path);
    expect(await keep.clean()).toBe(3);
    expect(await pages(path)).toBeLessThan(before - 30);
    const left = (await store.list({ limit: 100 })).map(({ id }) => id);
    expect(new Set(left)).toEqual(new Set([ids.unknown, ids.pending, lost.id, fresh.id]));
    clock.ms += 90 * day;
    expect(
      await new Housekeeping({ store, keepDays: 0, now: clock.now, log: createLog('silent') }).clean(),
    ).toBe(0);
    expect(await keep.clean()).toBe(1);
    // The newest change went with its job, and still every later one is newer.
    const { job: later } = await other.insert(newJob());
    expect(later.revision).toBeGreaterThan(last);
  });
});
