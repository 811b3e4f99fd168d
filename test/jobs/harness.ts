import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { Connections } from '../../src/clouds/accounts.ts';
import type { CloudConnection } from '../../src/clouds/exchange.ts';
import { operations } from '../../src/clouds/index.ts';
import type { Job } from '../../src/core/job.ts';
import type { Cloud, Operation } from '../../src/core/operation.ts';
import { Budget } from '../../src/jobs/budget.ts';
import { type EngineOptions, JobEngine } from '../../src/jobs/engine.ts';
import { Expectations } from '../../src/jobs/expectations.ts';
import { LaneRules } from '../../src/jobs/lane-rules.ts';
import { Poller } from '../../src/jobs/poller.ts';
import { Runner } from '../../src/jobs/runner.ts';
import { openPostgres } from '../../src/jobs/postgres/open.ts';
import { openSqlite } from '../../src/jobs/sqlite.ts';
import { JobStore } from '../../src/jobs/store.ts';
import type { NewJob } from '../../src/jobs/rows.ts';
import { createLog } from '../../src/log.ts';

const closers: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** Something to be done when the test has ended, the last first. */
export const atEnd = (close: () => unknown) => void closers.push(close);

export function scratchFile(): string {
  const directory = mkdtempSync(join(tmpdir(), 'digital-human-jobs-'));
  atEnd(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'jobs.sqlite');
}

/** A clock that tests set. */
export class TestClock {
  ms: number;
  constructor(ms = Date.UTC(2026, 0, 1)) {
    this.ms = ms;
  }
  readonly now = () => this.ms;
}

export async function openStore(path: string, owner: string, now: () => number): Promise<JobStore> {
  const database = path.startsWith('postgres:')
    ? await openPostgres(path, createLog('silent'))
    : await openSqlite(path);
  const store = await JobStore.open(database, owner, now);
  atEnd(() => store.close().catch(() => {}));
  return store;
}

let made = 0;

export function newJob(change: Partial<NewJob> = {}): NewJob {
  made++;
  return {
    id: `job_${String(made).padStart(6, '0')}`,
    principal: '',
    tool: 'photo_to_video',
    cloud: 'ivh',
    account: 'account',
    lane: 'ivh-video-no-training',
    input: { n: made },
    inputDigest: `digest-${made}`,
    warnings: [],
    sandbox: false,
    ...change,
  };
}

export const operationOf = (name: string): Operation => {
  const found = operations.find((operation) => operation.name === name);
  if (!found) throw new Error(`no operation ${name}`);
  return found;
};

/** A cloud made of functions. Replies are what the wire's schemas give. */
export function fakeConnection(change: Partial<CloudConnection> = {}): CloudConnection {
  let tasks = 0;
  return {
    account: 'account',
    submit: async () => ({ TaskId: `task-${++tasks}` }),
    query: async () => ({ Status: 'MAKING' }),
    ...change,
  };
}

export async function openEngine(
  connections: Connections,
  change: Partial<EngineOptions> = {},
): Promise<JobEngine> {
  const { path = scratchFile() } = change;
  const engine = await JobEngine.open({
    ...(path.startsWith('postgres:') && { databaseUrl: path }),
    connections,
    operations,
    laneSizes: {},
    sandbox: false,
    keepDays: 90,
    speed: 1,
    now: () => Date.now(),
    log: createLog('silent'),
    ...change,
    path,
  });
  atEnd(() => engine.close());
  return engine;
}

/** The job once it is as wanted. Waits on the engine's own changes. */
export async function until(engine: JobEngine, id: string, wanted: (job: Job) => boolean): Promise<Job> {
  let job = await engine.get(id);
  for (let changes = 0; !wanted(job); changes++) {
    if (changes === 100) throw new Error(`${id} stays ${job.status}`);
    job = await engine.waitForChange(job, 10_000);
  }
  return job;
}

/** An input that encodes, for operations of IVH. */
export const photo = (audio = 'https://example.com/a.mp3') => ({
  ref_photo_url: 'https://example.com/p.jpg',
  driver_type: 'OriginalVoice',
  input_audio_url: audio,
});

export const connectionsOf = (
  ivh: CloudConnection,
  more: Partial<Record<Cloud, CloudConnection>> = {},
): Connections => ({
  ivh,
  ...more,
});

/** The parts that ask after jobs, without the scheduler: tests say when. */
export async function pollerParts(
  connections: Connections,
  clock: TestClock,
  speed = 1,
  path = scratchFile(),
) {
  const store = await openStore(path, 'one', clock.now);
  const lanes = new LaneRules({ connections, operations, laneSizes: {}, speed });
  const expectations = new Expectations({ store, lanes, now: clock.now, speed });
  const budget = new Budget(speed, clock.now);
  const options = {
    store,
    lanes,
    expectations,
    connections,
    operations,
    now: clock.now,
    speed,
    log: createLog('silent'),
    stopping: new AbortController().signal,
    budget: () => budget,
  };
  return { store, lanes, expectations, budget, poller: new Poller(options), runner: new Runner(options) };
}

type Parts = Awaited<ReturnType<typeof pollerParts>>;

/** Sends the oldest job of a lane. */
export async function send({ store, lanes, runner }: Parts): Promise<Job | undefined> {
  for (const rule of lanes.all()) {
    const { job } = await store.lanes.claim(rule, 90_000);
    if (!job) continue;
    await runner.submit(job);
    return store.get(job.id);
  }
  return undefined;
}

/** Asks after the one job that is due. Undefined when none is. */
export async function ask({ store, poller }: Parts, cloud: Cloud = 'ivh'): Promise<Job | undefined> {
  const [job] = await store.claims.polls({ cloud, account: 'account', underway: [] }, 1, 90_000);
  if (!job) return undefined;
  await poller.poll(job);
  return store.get(job.id);
}
