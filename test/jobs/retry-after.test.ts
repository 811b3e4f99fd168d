import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bareReply } from '../../src/clouds/exchange.ts';
import { Failure } from '../../src/core/failure.ts';
import { longestPollMs } from '../../src/jobs/poll-schedule.ts';
import { engines } from './engines.ts';
import { connectionsOf, fakeConnection, newJob, pollerParts, scratchFile, TestClock } from './harness.ts';

const hour = 3_600_000;
const scope = { cloud: 'ivh', account: 'account', perSecond: 15 } as const;

function throttled(retryAfterMs?: number): Failure {
  return new Failure({ kind: 'throttled', message: 'slow', advice: 'wait', stage: 'refused', retryAfterMs });
}

/** What the cloud does with the next question: works on, answers nothing, or wants to be left alone for so long. */
type Answer = 'working' | 'silence' | number;

/** Two processes on one store, and every question that they put. */
async function processes(jobs: number, path = scratchFile()) {
  const clock = new TestClock();
  const asked: Array<{ readonly task: string; readonly at: number }> = [];
  const state: { answer: Answer } = { answer: 'working' };
  const connection = fakeConnection({
    query: async (_wire, task) => {
      asked.push({ task, at: clock.ms });
      if (state.answer === 'working') return { Status: 'MAKING' };
      throw state.answer === 'silence' ? unanswered() : throttled(state.answer);
    },
  });
  const open = () => pollerParts(connectionsOf(connection), clock, 1, path);
  const both = [await open(), await open()] as const;
  for (let n = 0; n < jobs; n++) await both[0].store.insert(newJob({ cloudTaskId: `task ${n}` }));
  /** One process puts all the questions that it may. */
  const look = async (process: 0 | 1) => {
    const { store, poller, budget } = both[process];
    const room = budget.available();
    if (room === 0) return;
    const claimed = await store.claims.polls({ ...scope, underway: [] }, room, 90_000);
    budget.spend(claimed.length);
    for (const job of claimed) await poller.poll(job);
  };
  return { clock, state, asked, both, look };
}

const unanswered = () => new Failure({ kind: 'network', message: 'gone', advice: 'wait', stage: 'no_reply' });

describe('Retry-After', () => {
  const after = (value?: string, date?: string) =>
    bareReply('ivh', {
      status: 429,
      headers: { ...(value !== undefined && { 'retry-after': value }), ...(date && { date }) },
      body: '',
    }).retryAfterMs;

  it('is read as seconds and as a date, by the cloud’s own clock, an hour at most', () => {
    const date = 'Sun, 08 Mar 2026 06:59:30 GMT';
    expect(after('90')).toBe(90_000);
    expect(after('86400')).toBe(hour);
    expect(after('Sun, 08 Mar 2026 07:01:30 GMT', date)).toBe(120_000);
    expect(after('Sun, 08 Mar 2027 07:01:30 GMT', date)).toBe(hour);
    for (const nothing of [undefined, '', '0', '-5', 'soon', '1e9', '0x10', 'Sun, 08 Mar 2026 06:59:29 GMT'])
      expect(after(nothing, date), nothing).toBeUndefined();
    expect(after('Sun, 08 Mar 2026 07:01:30 GMT')).toBeUndefined();
  });

  it('postpones the more the longer it is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 61, max: 7_200 }),
        fc.integer({ min: 0, max: 7_200 }),
        async (s, more) => {
          const next = async (seconds: number) => {
            const { clock, state, look, both } = await processes(1);
            state.answer = Math.min(seconds, 3_600) * 1_000;
            await look(0);
            return ((await both[0].store.claims.nextDueAt(scope)) ?? 0) - clock.ms;
          };
          expect(await next(s + more)).toBeGreaterThanOrEqual(await next(s));
        },
      ),
      { numRuns: 10, seed: 2 },
    );
  });
});

describe.each(engines)('Retry-After on $engine', ({ place }) => {
  it('binds every process on the store, and a clock that is set back ends it', async () => {
    const { clock, state, asked, both, look } = await processes(40, await place());
    state.answer = 600_000;
    await look(0);
    const told = asked.length;
    expect(told).toBeGreaterThan(0);
    state.answer = 'working';
    for (let waited = 0; waited < 600_000; waited += 60_000) {
      await look(0);
      await look(1);
      expect(asked).toHaveLength(told);
      expect(await both[1].store.claims.nextDueAt(scope)).toBe(clock.ms + 600_000 - waited);
      clock.ms += 60_000;
    }
    await look(1);
    expect(asked.length).toBeGreaterThan(told);
    await both[0].store.claims.hold('account', hour);
    await both[0].store.claims.hold('account', 1);
    expect(await both[1].store.claims.polls({ ...scope, underway: [] }, 1, 90_000)).toEqual([]);
    clock.ms -= 365 * 24 * hour;
    await both[1].store.claims.repairTimes(600_000);
    expect(await both[1].store.claims.polls({ ...scope, underway: [] }, 1, 90_000)).toHaveLength(1);
  });
});

describe('questions of two processes', () => {
  it('are never too early, too many or too late, whatever the cloud answers and whenever they look', async () => {
    const answer = fc.oneof(
      { weight: 4, arbitrary: fc.constant<Answer>('working') },
      { weight: 1, arbitrary: fc.constant<Answer>('silence') },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 3_600 }).map((seconds): Answer => seconds * 1_000) },
    );
    const step = fc.record({
      answer,
      process: fc.constantFrom<0 | 1>(0, 1),
      passes: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 200_000 })),
    });
    let [questions, held] = [0, 0];
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 20, maxLength: 60 }),
        fc.integer({ min: 1, max: 30 }),
        async (steps, jobs) => {
          const { clock, state, asked, both, look } = await processes(jobs);
          let heldUntil = 0;
          for (const { answer: next, process, passes } of steps) {
            const before = asked.length;
            state.answer = next;
            await look(process);
            if (asked.length > before) {
              expect(clock.ms).toBeGreaterThanOrEqual(heldUntil);
              if (typeof next === 'number') heldUntil = clock.ms + next;
            } else if (clock.ms < heldUntil) held++;
            for (const { dueAt } of await both[0].store.list({ limit: 100 }))
              expect(dueAt).toBeLessThanOrEqual(clock.ms + longestPollMs);
            clock.ms += passes;
          }
          questions += asked.length;
          const lastOf = new Map<string, number>();
          for (const { task, at } of asked) {
            expect(at - (lastOf.get(task) ?? 0)).toBeGreaterThanOrEqual(500);
            lastOf.set(task, at);
            expect(asked.filter((each) => each.at >= at && each.at < at + 1_000).length).toBeLessThanOrEqual(
              20,
            );
          }
        },
      ),
      { numRuns: 30, seed: 4 },
    );
    expect(questions).toBeGreaterThan(250);
    expect(held).toBeGreaterThan(50);
  }, 120_000);
});
