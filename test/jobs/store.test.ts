import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canMove, isFinal, type Job, type JobStatus, jobStatuses } from '../../src/core/job.ts';
import type { ClaimedJob } from '../../src/jobs/rows.ts';
import type { JobStore } from '../../src/jobs/store.ts';
import { engines } from './engines.ts';
import { newJob, openStore, TestClock } from './harness.ts';

const rule = { account: 'account', lane: 'ivh-video-no-training', size: 3, spacingMs: 0, growMs: 60_000 };
const leaseMs = 90_000;

/** What may happen to jobs: two processes send, ask, crash and come late, a user cancels and settles, time passes. */
type Event =
  | { readonly kind: 'submit' | 'send' | 'ask' | 'abandon'; readonly process: 0 | 1 }
  | { readonly kind: 'write'; readonly pick: number; readonly to: JobStatus }
  | { readonly kind: 'user'; readonly pick: number; readonly to: JobStatus }
  | { readonly kind: 'pass'; readonly ms: number };

const process = fc.constantFrom<0 | 1>(0, 1);
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('submit', 'send', 'ask', 'abandon'), process }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('write'),
      pick: fc.nat(20),
      to: fc.constantFrom(...jobStatuses),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('user'),
      pick: fc.nat(20),
      to: fc.constantFrom<JobStatus>('cancelled', 'pending'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('pass'), ms: fc.integer({ min: -200_000, max: 200_000 }) }),
  },
) as fc.Arbitrary<Event>;

describe.each(engines)('the store on $engine', ({ place, share }) => {
  it('moves jobs only as the table says, whatever happens in whatever order', async () => {
    let [moves, tooLate] = [0, 0];
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 20, maxLength: 60 }), async (events) => {
        const clock = new TestClock();
        const path = await place();
        const stores = [
          await openStore(path, 'one', clock.now),
          await openStore(path, 'two', clock.now),
        ] as const;
        const ids: string[] = [];
        /** Jobs as they were read or claimed, however long ago. */
        const held: Array<[JobStore, Job | ClaimedJob]> = [];
        const states = new Map<string, JobStatus>();
        const [watcher] = stores;
        const check = async () => {
          for (const id of ids) {
            const job = await watcher.get(id);
            const before = states.get(id);
            if (!job) throw new Error(`${id} was forgotten`);
            if (before !== undefined && before !== job.status) {
              expect(canMove(before, job.status), `${before} -> ${job.status}`).toBe(true);
              moves++;
            }
            if (job.status === 'pending') expect(job.cloudTaskId).toBeDefined();
            states.set(id, job.status);
          }
        };
        for (const each of events) {
          if (each.kind === 'pass') clock.ms += each.ms;
          else if (each.kind === 'write' || each.kind === 'user') {
            const [store, job] = held[each.pick % Math.max(held.length, 1)] ?? [];
            if (!store || !job || !canMove(job.status, each.to) || each.to === 'submitting') continue;
            const { fence: _, ...read } = job as ClaimedJob;
            const change = each.to === 'pending' ? { cloudTaskId: `task of ${job.id}` } : {};
            const wrote = await store.move(each.kind === 'user' ? read : job, each.to, change);
            if (!wrote) tooLate++;
          } else {
            const store = stores[each.process];
            if (each.kind === 'submit') {
              const { job } = await store.insert(newJob());
              ids.push(job.id);
              held.push([store, job]);
            } else if (each.kind === 'send') {
              const { job } = await store.lanes.claim(rule, leaseMs);
              if (job) {
                held.push([store, job]);
                // Sent again only after somebody wrote that it was proved refused.
                expect(states.get(job.id)).toBe('queued');
              }
            } else if (each.kind === 'ask') {
              const scope = { cloud: 'ivh', account: 'account', underway: [] } as const;
              for (const job of await store.claims.polls(scope, 3, leaseMs)) held.push([store, job]);
            } else for (const job of await store.claims.abandonedSubmits(leaseMs)) held.push([store, job]);
          }
          await check();
        }
        for (const store of stores) await store.close();
      }),
      { numRuns: 100 * share, seed: 5 },
    );
    expect(moves).toBeGreaterThan(200 * share);
    expect(tooLate).toBeGreaterThan(50 * share);
  });

  it('voids what a process writes after another has taken its job over', async () => {
    const clock = new TestClock();
    const path = await place();
    const [one, two] = [await openStore(path, 'one', clock.now), await openStore(path, 'two', clock.now)];
    await one.insert(newJob({ cloudTaskId: 'task' }));
    const scope = { cloud: 'ivh', account: 'account', underway: [] } as const;
    const [stale] = await one.claims.polls(scope, 1, leaseMs);
    expect(await two.claims.polls(scope, 1, leaseMs)).toEqual([]);
    clock.ms += leaseMs + 1;
    const [fresh] = await two.claims.polls(scope, 1, leaseMs);
    if (!stale || !fresh) throw new Error('nothing was claimed');
    // The new owner has written and given the job back: its lease is over, and still the old one is too late.
    await two.postpone(fresh, { dueAt: clock.ms + 5_000, polledAt: clock.ms });
    expect(await one.move(stale, 'failed', {})).toBeUndefined();
    await one.postpone(stale, { dueAt: null });
    expect(await one.get(stale.id)).toMatchObject({ status: 'pending', dueAt: clock.ms + 5_000 });
  });

  it('lets a user’s word stand against a question that is under way', async () => {
    const clock = new TestClock();
    const store = await openStore(await place(), 'one', clock.now);
    const { job } = await store.insert(newJob({ cloudTaskId: 'task' }));
    const [asked] = await store.claims.polls({ cloud: 'ivh', account: 'account', underway: [] }, 1, leaseMs);
    expect((await store.move(job, 'cancelled', { dueAt: null }))?.status).toBe('cancelled');
    if (!asked) throw new Error('nothing was claimed');
    expect(await store.move(asked, 'running', {})).toBeUndefined();
    expect(isFinal((await store.get(job.id))?.status ?? 'queued')).toBe(true);
  });

  it('takes a dead owner’s submission over once, and not our own', async () => {
    const clock = new TestClock();
    const path = await place();
    const [one, two] = [await openStore(path, 'one', clock.now), await openStore(path, 'two', clock.now)];
    await one.insert(newJob());
    const { job } = await one.lanes.claim(rule, leaseMs);
    expect(await two.claims.abandonedSubmits(leaseMs)).toEqual([]);
    clock.ms += leaseMs + 1;
    expect(await one.claims.abandonedSubmits(leaseMs)).toEqual([]);
    const [left] = await two.claims.abandonedSubmits(leaseMs);
    expect(left?.id).toBe(job?.id);
    if (!left || !job) throw new Error('nothing was claimed');
    expect((await two.move(left, 'unknown', {}))?.status).toBe('unknown');
    expect(await one.move(job, 'pending', { cloudTaskId: 'late' })).toBeUndefined();
  });

  it('makes no job younger because a writer waited, and believes a clock that was set back', async () => {
    const clock = new TestClock();
    const store = await openStore(await place(), 'one', clock.now);
    const { job } = await store.insert(newJob({ cloudTaskId: 'task' }));
    clock.ms += 1_000;
    expect((await store.amend(job, { progress: 10 }))?.updatedAt).toBe(clock.ms);
    clock.ms -= 65;
    expect((await store.amend(job, { progress: 20 }))?.updatedAt).toBe(clock.ms + 65);
    clock.ms -= 3_600_000;
    expect((await store.amend(job, { progress: 30 }))?.updatedAt).toBe(clock.ms);
  });

  it('keeps one job for a key and a principal, and one for a task', async () => {
    const store = await openStore(await place(), 'one', new TestClock().now);
    const first = await store.insert(newJob({ idempotencyKey: 'key' }));
    const again = await store.insert(newJob({ idempotencyKey: 'key' }));
    const other = await store.insert(newJob({ idempotencyKey: 'key', principal: 'ann' }));
    expect([first.created, again.created, other.created]).toEqual([true, false, true]);
    expect(again.job.id).toBe(first.job.id);
    const task = await store.insert(newJob({ cloudTaskId: 'task' }));
    const same = await store.insert(newJob({ cloudTaskId: 'task', principal: 'ann' }));
    expect([task.created, same.created, same.job.id]).toEqual([true, false, task.job.id]);
    expect((await store.insert(newJob({ cloudTaskId: 'task', cloud: 'vclm' }))).created).toBe(true);
  });

  it('drops large values once a job was sent, and never loads inputs for lists', async () => {
    const clock = new TestClock();
    const store = await openStore(await place(), 'one', clock.now);
    const image = 'A'.repeat(3_000_000);
    const { job: stored } = await store.insert(newJob({ input: { image: [image], text: 'short' } }));
    const { job } = await store.lanes.claim(rule, leaseMs);
    expect(job?.input).toEqual({ image: [image], text: 'short' });
    if (!job) throw new Error('nothing was claimed');
    const back = await store.lanes.putBack(job, rule, { full: false, speed: 1 }, {});
    expect(back?.status).toBe('queued');
    expect((await store.get(stored.id))?.input).toEqual({ image: [image], text: 'short' });
    clock.ms += 60_000;
    const { job: second } = await store.lanes.claim(rule, leaseMs);
    if (!second) throw new Error('nothing was claimed');
    await store.move(second, 'pending', { cloudTaskId: 'task' });
    const { input } = (await store.get(stored.id)) ?? {};
    expect(input).toEqual({
      image: [expect.stringMatching(/^sha256:[0-9a-f]{64} \(3000000 characters\)$/)],
      text: 'short',
    });
    const listed = [...(await store.list({ limit: 10 })), ...(await store.changesSince(0))];
    expect(listed).toHaveLength(2);
    for (const each of listed) expect([each.input, each.sentences]).toEqual([undefined, undefined]);
  });
});
