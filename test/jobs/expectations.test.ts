import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/core/failure.ts';
import { Budget } from '../../src/jobs/budget.ts';
import {
  ask,
  connectionsOf,
  fakeConnection,
  newJob,
  operationOf,
  photo,
  pollerParts,
  send,
  TestClock,
} from './harness.ts';

const operation = operationOf('photo_to_video');

describe('what a job is expected to take', () => {
  it('is assumed, then documented, then learned by the second of result', async () => {
    const clock = new TestClock();
    let endsAt = 0;
    const query = async () =>
      clock.ms >= endsAt
        ? { Status: 'SUCCESS', MediaUrl: 'https://example.com/v.mp4' }
        : { Status: 'MAKING' };
    const parts = await pollerParts(connectionsOf(fakeConnection({ query })), clock);
    expect((await parts.expectations.of(operation)).basis).toBe('assumed');
    const documented = await parts.expectations.of(operation, 7);
    expect(documented).toMatchObject({
      basis: operation.wire.renderSecondsPerSecond ? 'documented' : 'assumed',
      samples: 0,
    });
    let questions = 0;
    const spent: number[] = [];
    for (let jobs = 0; jobs < 12; jobs++) {
      const resultSeconds = 5 + (jobs % 4) * 10;
      await parts.store.insert(newJob({ input: photo(), resultSeconds }));
      const job = await send(parts);
      endsAt = clock.ms + resultSeconds * 9_000;
      const before = questions;
      for (let status = job?.status; status !== 'succeeded'; questions++) {
        const due = (await parts.store.get(job?.id ?? ''))?.dueAt ?? 0;
        expect(due).toBeGreaterThan(clock.ms);
        clock.ms = due;
        status = (await ask(parts))?.status;
      }
      spent.push(questions - before);
    }
    const learned = await parts.expectations.of(operation, 20);
    expect(learned).toMatchObject({ basis: 'learned', samples: 12 });
    expect(learned.milliseconds).toBeGreaterThan(20 * 9_000 * 0.85);
    expect(learned.milliseconds).toBeLessThan(20 * 9_000 * 1.15);
    // Alike jobs, once known, cost fewer questions than the same ones at first.
    const sum = (numbers: number[]) => numbers.reduce((total, each) => total + each, 0);
    expect(sum(spent.slice(8))).toBeLessThan(sum(spent.slice(0, 4)));
  });

  it('is told as seconds that are left, of held jobs by their place', async () => {
    const clock = new TestClock();
    const parts = await pollerParts(connectionsOf(fakeConnection()), clock);
    const { milliseconds } = await parts.expectations.of(operation);
    const ids = [];
    for (let jobs = 0; jobs < 12; jobs++) {
      clock.ms++;
      ids.push((await parts.store.insert(newJob({ input: photo() }))).job.id);
    }
    for (let jobs = 0; jobs < 5; jobs++) expect((await send(parts))?.status).toBe('pending');
    expect(await send(parts)).toBeUndefined();
    const eta = async (id = '') => {
      const job = await parts.store.get(id);
      return job && parts.expectations.etaSeconds(operation, job);
    };
    const [running = 0, sixth = 0, last = 0] = [await eta(ids[0]), await eta(ids[5]), await eta(ids[11])];
    expect(running).toBeGreaterThan(0);
    expect(running).toBeLessThanOrEqual((milliseconds / 1000) * 1.5);
    expect(sixth).toBe(Math.ceil((2 * milliseconds) / 1000));
    expect(last).toBe(Math.ceil((3 * milliseconds) / 1000));
    await parts.store.insert(newJob({ cloudTaskId: 'elsewhere' }));
    const adopted = await parts.store.byTask('ivh', 'elsewhere');
    expect(adopted && (await parts.expectations.etaSeconds(operation, adopted))).toBeUndefined();
  });
});

describe('a budget', () => {
  it('lets no second have more than the documented twenty questions', () => {
    let now = 0;
    const budget = new Budget(1, () => now);
    const asked: number[] = [];
    for (now = 0; now < 60_000; now += 7) {
      const room = budget.available();
      budget.spend(room);
      for (let each = 0; each < room; each++) asked.push(now);
    }
    const inSecond = (from: number) => asked.filter((at) => at >= from && at < from + 1_000).length;
    expect(Math.max(...asked.map(inSecond))).toBeLessThanOrEqual(20);
    expect(asked.length).toBeGreaterThan(60 * 14);
  });

  it('is divided among processes, and holds when the cloud says so', () => {
    let now = 0;
    const budget = new Budget(1, () => now);
    budget.spend(budget.available());
    budget.share(3);
    let asked = 0;
    for (now = 0; now < 30_000; now += 10) {
      asked += budget.available();
      budget.spend(budget.available());
    }
    expect(asked).toBeLessThanOrEqual((20 * 30) / 3);
    now += 5_000;
    expect(budget.available()).toBeGreaterThan(0);
    budget.hold(30_000);
    expect([budget.available(), budget.waitMs()]).toEqual([0, 30_000]);
    now += 30_000;
    expect(budget.available()).toBeGreaterThan(0);
  });

  it('is held by a Retry-After that a question met', async () => {
    const clock = new TestClock();
    const throttled = new Failure({
      kind: 'throttled',
      message: 'slow',
      advice: 'wait',
      stage: 'refused',
      retryAfterMs: 45_000,
    });
    const query = async () => {
      throw throttled;
    };
    const parts = await pollerParts(connectionsOf(fakeConnection({ query })), clock);
    await parts.store.insert(newJob({ cloudTaskId: 'task' }));
    const job = await ask(parts);
    expect(job).toMatchObject({ status: 'pending', attempts: 1 });
    expect(job?.dueAt).toBeGreaterThanOrEqual(clock.ms + 45_000);
    expect(parts.budget.waitMs()).toBe(45_000);
  });
});
