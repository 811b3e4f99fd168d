import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/core/failure.ts';
import type { LaneRule } from '../../src/jobs/lane-room.ts';
import { openPostgres } from '../../src/jobs/postgres/open.ts';
import { openSqlite } from '../../src/jobs/sqlite.ts';
import { JobStore } from '../../src/jobs/store.ts';
import { createLog } from '../../src/log.ts';
import { engines } from './engines.ts';
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

const rule: LaneRule = {
  account: 'account',
  lane: 'ivh-video-no-training',
  size: 3,
  spacingMs: 0,
  growMs: 60_000,
};
const leaseMs = 120_000;

/** A store whose next transaction can be made to end in a fault, or to be preceded by something. */
async function faultyStore(path: string, clock: TestClock) {
  const database = path.startsWith('postgres:')
    ? await openPostgres(path, createLog('silent'))
    : await openSqlite(path);
  const next: { fault?: 'before' | 'after'; first?: () => Promise<void> } = {};
  const begin = database.kysely.transaction.bind(database.kysely);
  Object.defineProperty(database.kysely, 'transaction', {
    value: () => {
      const builder = begin();
      const execute = builder.execute.bind(builder);
      builder.execute = async (work) => {
        const { fault, first } = next;
        next.fault = next.first = undefined;
        await first?.();
        const lost = new Failure({ kind: 'storage', message: 'The connection broke.', advice: 'Wait.' });
        const answer = await execute(async (transaction) => {
          const done = await work(transaction);
          if (fault === 'before') throw lost;
          return done;
        });
        if (fault === 'after') throw lost;
        return answer;
      };
      return builder;
    },
  });
  const store = await JobStore.open(database, 'one', clock.now);
  atEnd(() => store.close());
  return { store, next };
}

describe.each(engines)('a new job on $engine', ({ place, sideBySide }) => {
  it('takes its turn in the commit that stores it, while its lane has room; then it waits', async () => {
    const clock = new TestClock();
    const store = await openStore(await place(), 'one', clock.now);
    const admitted = [];
    for (let n = 0; n < 5; n++) admitted.push(await store.lanes.admit(newJob(), rule, leaseMs));
    expect(admitted.map((job) => job?.status)).toEqual([
      'submitting',
      'submitting',
      'submitting',
      undefined,
      undefined,
    ]);
    expect(await store.list({ limit: 10 })).toHaveLength(3);
    expect(admitted[0]).toMatchObject({ fence: 0, submittedAt: clock.ms, input: { n: expect.any(Number) } });
    // What was admitted is written by its fence, as what was claimed.
    const [first] = admitted;
    if (!first) throw new Error('nothing was admitted');
    expect(await store.move(first, 'pending', { cloudTaskId: 'task' })).toMatchObject({ revision: 4 });
    expect(await store.move(first, 'failed', {})).toBeUndefined();
  });

  it('stays behind those that wait, and leaves a key that has a job alone', async () => {
    const clock = new TestClock();
    const store = await openStore(await place(), 'one', clock.now);
    const { job: waiting } = await store.insert(newJob({ idempotencyKey: 'key' }));
    expect(await store.lanes.admit(newJob(), rule, leaseMs)).toBeUndefined();
    expect((await store.lanes.claim(rule, leaseMs)).job?.id).toBe(waiting.id);
    expect(await store.lanes.admit(newJob({ idempotencyKey: 'key' }), rule, leaseMs)).toBeUndefined();
    expect(await store.list({ limit: 10 })).toHaveLength(1);
    expect(await store.lanes.admit(newJob(), rule, leaseMs)).toBeDefined();
  });

  it.each(['before', 'after'] as const)(
    'is sent once when the connection breaks %s its commit',
    async (fault) => {
      const clock = new TestClock();
      const { store, next } = await faultyStore(await place(), clock);
      const job = newJob();
      next.fault = fault;
      // Nobody was given it, so nobody sends it.
      expect(await store.lanes.admit(job, rule, leaseMs)).toBeUndefined();
      const stored = await store.insert(job);
      expect(stored.created).toBe(true);
      expect(stored.job.status).toBe(fault === 'after' ? 'submitting' : 'queued');
      const { job: claimed } = await store.lanes.claim(rule, leaseMs);
      expect(claimed?.id).toBe(job.id);
      expect((await store.lanes.claim(rule, leaseMs)).job).toBeUndefined();
      expect((await store.get(job.id))?.status).toBe('submitting');
    },
  );

  it('is not taken back from whoever claimed it while its own commit was in doubt', async () => {
    const clock = new TestClock();
    const { store, next } = await faultyStore(await place(), clock);
    const { job: other } = await store.insert(newJob());
    const job = newJob();
    // A claim has looked already, and begins its transaction only when all this has happened.
    next.first = async () => {
      await store.move(other, 'cancelled', {});
      next.fault = 'before';
      expect(await store.lanes.admit(job, rule, leaseMs)).toBeUndefined();
      expect((await store.insert(job)).job.status).toBe('queued');
    };
    expect((await store.lanes.claim(rule, leaseMs)).job?.id).toBe(job.id);
    expect((await store.lanes.claim(rule, leaseMs)).job).toBeUndefined();
    expect((await store.get(job.id))?.status).toBe('submitting');
  });

  it('that many submit at once is sent once, and no lane is filled beyond its room', async () => {
    const path = await place();
    let [sent, underway, most] = [0, 0, 0];
    const cloud = fakeConnection({
      submit: async () => {
        const task = `task-${++sent}`;
        underway++;
        most = Math.max(most, underway);
        await new Promise((done) => setTimeout(done, 5));
        underway--;
        return { TaskId: task };
      },
    });
    const open = () => openEngine(connectionsOf(cloud), { path, laneSizes: { 'ivh-video-no-training': 30 } });
    const one = await open();
    const both = [one, sideBySide ? await open() : one] as const;
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        both[n % 2 ? 1 : 0].submit(operationOf('photo_to_video'), {
          input: photo(),
          warnings: [],
          idempotencyKey: `key ${n % 20}`,
        }),
      ),
    );
    const ids = new Set(answers.map(({ id }) => id));
    expect(ids.size).toBe(20);
    for (const id of ids) await until(both[0], id, ({ status }) => status === 'pending');
    expect(sent).toBe(20);
    expect(most).toBeLessThanOrEqual(30);
    // Stored with its turn, then with its receipt: nothing between.
    expect(Math.max(...(await both[0].list({ limit: 100 })).map(({ revision }) => revision))).toBeLessThan(
      80,
    );
  });
});
