import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canMove, occupying } from '../../src/core/job.ts';
import type { LaneRule } from '../../src/jobs/lane-room.ts';
import type { ClaimedJob } from '../../src/jobs/rows.ts';
import { engines } from './engines.ts';
import { newJob, openStore, TestClock } from './harness.ts';

const lane = { account: 'account', lane: 'ivh-video-no-training' };
const rule: LaneRule = { ...lane, size: 3, spacingMs: 0, growMs: 60_000 };
const leaseMs = 90_000;

const event = fc.oneof(
  fc.record({
    kind: fc.constantFrom('submit', 'admit', 'admit', 'claim', 'claim', 'claim'),
    by: fc.constantFrom(0, 1),
  }),
  fc.record({ kind: fc.constantFrom('accept', 'accept', 'full', 'throttle', 'finish'), by: fc.nat(10) }),
  fc.record({ kind: fc.constant('pass'), by: fc.integer({ min: 1, max: 120_000 }) }),
);

describe.each(engines)('a lane on $engine', ({ place, share }) => {
  it('never holds more than its room, and lets nobody pass', async () => {
    let [admissions, claims, refused] = [0, 0, 0];
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { minLength: 30, maxLength: 80 }),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(0, 1_000),
        async (events, size, spacingMs) => {
          const own = { ...rule, size, spacingMs };
          const clock = new TestClock();
          const path = await place();
          const stores = [
            await openStore(path, 'a', clock.now),
            await openStore(path, 'b', clock.now),
          ] as const;
          const waiting: string[] = [];
          const sending: ClaimedJob[] = [];
          const accepted: ClaimedJob[] = [];
          let lastSent = Number.NEGATIVE_INFINITY;
          for (const { kind, by } of events) {
            const store = stores[by === 1 ? 1 : 0];
            const pick = <T>(list: T[]) => list.splice(by % Math.max(list.length, 1), 1)[0];
            if (kind === 'pass') clock.ms += by;
            if (kind === 'submit') {
              clock.ms++;
              waiting.push((await store.insert(newJob())).job.id);
            }
            if (kind === 'admit') {
              clock.ms++;
              const job = newJob();
              const admitted = await store.lanes.admit(job, own, leaseMs);
              if (!admitted) waiting.push((await store.insert(job)).job.id);
              else {
                admissions++;
                expect(waiting).toEqual([]);
                expect(clock.ms - lastSent).toBeGreaterThanOrEqual(spacingMs);
                lastSent = clock.ms;
                sending.push(admitted);
              }
            }
            if (kind === 'claim') {
              const { job } = await store.lanes.claim(own, leaseMs);
              if (job) {
                claims++;
                // The oldest of those that wait, also when it was put back.
                expect(job.id).toBe(waiting.shift());
                expect(clock.ms - lastSent).toBeGreaterThanOrEqual(spacingMs);
                lastSent = clock.ms;
                sending.push(job);
              }
            }
            if (kind === 'accept') {
              const job = pick(sending);
              const moved = job && (await store.move(job, 'pending', { cloudTaskId: job.id }));
              if (job && moved) {
                await store.lanes.answered(job, own, true);
                accepted.push({ ...job, status: 'pending', fence: job.fence + 1 });
              }
            }
            if (kind === 'full' || kind === 'throttle') {
              const job = pick(sending);
              if (job) {
                refused++;
                await store.lanes.putBack(job, own, { full: kind === 'full', speed: 1 }, { attempts: 1 });
                waiting.push(job.id);
                waiting.sort();
              }
            }
            if (kind === 'finish') {
              const job = pick(accepted);
              if (job && canMove('pending', 'succeeded')) await store.move(job, 'succeeded', {});
            }
            expect(sending.length + accepted.length).toBeLessThanOrEqual(size);
          }
          const listed = await stores[0].list({ limit: 1_000 });
          const held = listed.filter(({ status }) => (occupying as readonly string[]).includes(status));
          expect(held).toHaveLength(sending.length + accepted.length);
          for (const store of stores) await store.close();
        },
      ),
      { numRuns: 50 * share, seed: 3 },
    );
    expect(admissions).toBeGreaterThan(40 * share);
    expect(claims).toBeGreaterThan(120 * share);
    expect(refused).toBeGreaterThan(30 * share);
  });

  const full = async (store: Awaited<ReturnType<typeof openStore>>) => {
    const { job } = await store.lanes.claim(rule, leaseMs);
    if (!job) throw new Error('the lane has no room');
    return store.lanes.putBack(job, rule, { full: true, speed: 1 }, {});
  };

  it('shrinks to what is in flight when the account is full, and grows back by one a minute', async () => {
    const clock = new TestClock();
    const store = await openStore(await place(), 'one', clock.now);
    const inserted = [];
    for (let n = 0; n < 6; n++) {
      clock.ms++;
      inserted.push((await store.insert(newJob())).job.id);
    }
    const { job: first } = await store.lanes.claim(rule, leaseMs);
    if (!first) throw new Error('the lane has no room');
    await store.move(first, 'pending', { cloudTaskId: 'task' });
    await full(store);
    const held = await store.lanes.claim(rule, leaseMs);
    expect(held.job).toBeUndefined();
    expect(held.waitMs).toBeGreaterThan(0);
    clock.ms += 59_000;
    // The hold is over, but the one that is in flight fills what room is left.
    expect(await store.lanes.claim(rule, leaseMs)).toEqual({ waitMs: expect.any(Number) });
    clock.ms += 1_500;
    const { job: second } = await store.lanes.claim(rule, leaseMs);
    expect(second?.id).toBe(inserted[1]);
    // Until it is known how this one fared, nobody else tries.
    clock.ms += 120_000;
    expect((await store.lanes.claim(rule, leaseMs)).job).toBeUndefined();
    if (second) {
      await store.move(second, 'pending', { cloudTaskId: 'other' });
      await store.lanes.answered(second, rule, true);
    }
    expect((await store.lanes.claim(rule, leaseMs)).job?.id).toBe(inserted[2]);
    expect((await store.lanes.claim(rule, leaseMs)).job).toBeUndefined();
  });

  it('keeps a place for adopted tasks', async () => {
    const clock = new TestClock();
    const store = await openStore(await place(), 'one', clock.now);
    for (const task of ['a', 'b', 'c']) await store.insert(newJob({ cloudTaskId: task }));
    await store.insert(newJob());
    expect(await store.lanes.claim(rule, leaseMs)).toEqual({});
  });

  it('keeps its pace over processes, from answer to answer, and over a clock that was set back', async () => {
    const clock = new TestClock();
    const path = await place();
    const [one, two] = [await openStore(path, 'one', clock.now), await openStore(path, 'two', clock.now)];
    for (let n = 0; n < 3; n++) await one.insert(newJob());
    const paced = { ...rule, spacingMs: 1_000 };
    const sendOne = async (store: typeof one) => {
      const { job } = await store.lanes.claim(paced, leaseMs);
      if (!job) throw new Error('the lane is held');
      return async () => {
        await store.move(job, 'pending', { cloudTaskId: job.id });
        await store.lanes.answered(job, paced, true);
      };
    };
    const answer = await sendOne(one);
    clock.ms += 5_000;
    // It may be anywhere between here and the cloud.
    expect((await two.lanes.claim(paced, leaseMs)).job).toBeUndefined();
    await answer();
    expect(await two.lanes.claim(paced, leaseMs)).toEqual({ waitMs: 1_000 });
    clock.ms += 999;
    expect(await two.lanes.claim(paced, leaseMs)).toEqual({ waitMs: 1 });
    clock.ms += 1;
    await (await sendOne(two))();
    clock.ms -= 86_400_000;
    await (await sendOne(one))();
  });

  it('does not strand a refused job when the clock is set back', async () => {
    const clock = new TestClock();
    const store = await openStore(await place(), 'one', clock.now);
    await store.insert(newJob());
    await full(store);
    clock.ms -= 30 * 86_400_000;
    expect((await store.lanes.claim(rule, leaseMs)).job).toBeDefined();
  });

  it('honours Retry-After, an hour at most', async () => {
    const clock = new TestClock();
    const store = await openStore(await place(), 'one', clock.now);
    await store.insert(newJob());
    const { job } = await store.lanes.claim(rule, leaseMs);
    if (!job) throw new Error('the lane has no room');
    await store.lanes.putBack(job, rule, { full: false, retryAfterMs: 600_000, speed: 1 }, {});
    expect(await store.lanes.claim(rule, leaseMs)).toEqual({ waitMs: 600_000 });
  });
});
