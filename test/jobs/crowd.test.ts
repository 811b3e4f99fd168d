import { describe, expect, it } from 'vitest';
import { longestPollMs } from '../../src/jobs/poll-schedule.ts';
import { engines } from './engines.ts';
import {
  connectionsOf,
  fakeConnection,
  newJob,
  openStore,
  operationOf,
  pollerParts,
  scratchFile,
  TestClock,
} from './harness.ts';

const scope = { cloud: 'ivh', account: 'account', underway: [] } as const;
const tasks = (jobs: ReadonlyArray<{ readonly cloudTaskId?: string }>) => jobs.map((job) => job.cloudTaskId);

/** A store where each task was asked after now and is to be asked again after its wait. */
async function waiting(place: () => Promise<string>, waits: Readonly<Record<string, number>>) {
  const clock = new TestClock();
  const store = await openStore(await place(), 'one', clock.now);
  for (const task of Object.keys(waits)) await store.insert(newJob({ cloudTaskId: task }));
  const claimed = await store.claims.polls(scope, 1_000, 90_000);
  for (const job of claimed)
    await store.postpone(job, { dueAt: clock.ms + (waits[job.cloudTaskId ?? ''] ?? 0), polledAt: clock.ms });
  return { clock, store };
}

describe.each(engines)('more questions than may be asked, on $engine', ({ place }) => {
  it('go first to the job that was to wait least, for as long as it has waited more of its wait', async () => {
    const { clock, store } = await waiting(place, { hours: 120_000, minutes: 30_000, soon: 4_000 });
    clock.ms += 130_000;
    expect(tasks(await store.claims.polls(scope, 1, 90_000))).toEqual(['soon']);
    expect(tasks(await store.claims.polls(scope, 1, 90_000))).toEqual(['minutes']);
    expect(tasks(await store.claims.polls(scope, 1, 90_000))).toEqual(['hours']);
  });

  it('count the wait of a job that was never asked after from its submission', async () => {
    const { clock, store } = await waiting(place, { hours: 120_000, day: 240_000 });
    await store.insert(newJob());
    const rule = { account: 'account', lane: 'ivh-video-no-training', size: 9, spacingMs: 0, growMs: 60_000 };
    const { job } = await store.lanes.claim(rule, 90_000);
    if (!job) throw new Error('nothing was claimed');
    await store.move(job, 'pending', { cloudTaskId: 'first', dueAt: clock.ms + 60_000 });
    clock.ms += 300_000;
    const order = [];
    for (let n = 0; n < 3; n++) order.push(...tasks(await store.claims.polls(scope, 1, 90_000)));
    expect(order).toEqual(['first', 'hours', 'day']);
  });

  it('starve nobody: the patient is asked after between the impatient', async () => {
    const { clock, store } = await waiting(place, { patient: 60_000, a: 1_000, b: 1_000, c: 1_000 });
    const asked: Array<string | undefined> = [];
    for (let second = 0; second < 400; second++) {
      clock.ms += 1_000;
      const [job] = await store.claims.polls(scope, 1, 90_000);
      if (!job) continue;
      asked.push(job.cloudTaskId);
      const wait = job.cloudTaskId === 'patient' ? 60_000 : 1_000;
      await store.postpone(job, { dueAt: clock.ms + wait, polledAt: clock.ms });
    }
    const count = (task: string) => asked.filter((each) => each === task).length;
    expect(count('patient')).toBeGreaterThanOrEqual(2);
    for (const task of ['a', 'b', 'c']) expect(count(task)).toBeGreaterThan(100);
  });

  it('let a hint pass, and a clock that was set back or a job that was never asked after be no trap', async () => {
    const { clock, store } = await waiting(place, { hours: 120_000, told: 120_000, soon: 4_000 });
    clock.ms += 121_000;
    expect(await store.claims.hint('told', 5_000)).toBe(true);
    await store.insert(newJob({ cloudTaskId: 'new' }));
    const order = [];
    for (let n = 0; n < 4; n++) order.push(...tasks(await store.claims.polls(scope, 1, 90_000)));
    expect(order).toHaveLength(4);
    expect(new Set(order.slice(0, 2))).toEqual(new Set(['soon', 'told']));
    const back = await waiting(place, { a: 60_000, b: 60_000 });
    back.clock.ms -= 24 * 3_600_000;
    await back.store.claims.repairTimes(600_000);
    back.clock.ms += 90_001;
    expect(await back.store.claims.polls(scope, 9, 90_000)).toHaveLength(2);
  });
});

describe('a crowd of jobs that need hours', () => {
  it('leaves half of the budget to those that are about to end', async () => {
    const clock = new TestClock();
    const path = scratchFile();
    const parts = await pollerParts(connectionsOf(fakeConnection()), clock, 1, path);
    const operation = operationOf('make_video_advanced');
    const { job } = await parts.store.insert(
      newJob({ tool: operation.name, cloudTaskId: 'one', resultSeconds: 7_200 }),
    );
    expect(await parts.expectations.longestWait('account')).toBe(longestPollMs);
    const running = { ...job, status: 'running', startedAt: clock.ms - 3_600_000 } as const;
    const alone = await parts.expectations.pollDelay(operation, running);
    expect(alone).toBeLessThanOrEqual(longestPollMs);
    for (let n = 0; n < 1_999; n++) await parts.store.insert(newJob({ cloudTaskId: `crowd ${n}` }));
    // Another process: this one has counted a moment ago.
    const crowded = (await pollerParts(connectionsOf(fakeConnection()), clock, 1, path)).expectations;
    const wait = await crowded.pollDelay(operation, running);
    expect(wait).toBeGreaterThan(Math.max(alone, longestPollMs));
    expect(wait).toBeLessThanOrEqual(await crowded.longestWait('account'));
    // Fifteen a second are asked at most.
    expect(2_000 / (wait / 1_000)).toBeLessThanOrEqual(15 / 2 + 0.01);
    const ending = { ...running, resultSeconds: 5, startedAt: clock.ms - 25_000 };
    expect(await crowded.pollDelay(operation, ending)).toBeLessThan(60_000);
  });
});
