import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canMove, isFinal, type JobStatus, jobStatuses, transitions } from '../../src/core/job.ts';
import { backoff, pollDelay } from '../../src/jobs/poll-schedule.ts';

const status = fc.constantFrom(...jobStatuses);
/** How far along a state is; only the way back to the queue, on proof of refusal, goes down. */
const order: Readonly<Record<JobStatus, number>> = {
  queued: 0,
  submitting: 1,
  unknown: 2,
  pending: 3,
  running: 4,
  succeeded: 5,
  failed: 5,
  cancelled: 5,
};

describe('the state table', () => {
  it('has eight states, three of them final', () => {
    expect(jobStatuses).toHaveLength(8);
    expect(jobStatuses.filter(isFinal)).toEqual(['succeeded', 'failed', 'cancelled']);
  });

  it('never moves backward but from submitting to the queue', () => {
    fc.assert(
      fc.property(status, status, (from, to) => {
        if (!canMove(from, to)) return;
        if (from === 'submitting' && to === 'queued') return;
        expect(order[to]).toBeGreaterThan(order[from]);
      }),
      { numRuns: 500 },
    );
  });

  it('reaches an end from everywhere', () => {
    const reaches = (from: JobStatus, seen = new Set<JobStatus>()): boolean =>
      isFinal(from) || transitions[from].some((to) => !seen.has(to) && reaches(to, new Set([...seen, from])));
    expect(jobStatuses.filter((from) => reaches(from))).toHaveLength(8);
  });

  it('sends once: submitting is entered from the queue alone', () => {
    expect(jobStatuses.filter((from) => canMove(from, 'submitting'))).toEqual(['queued']);
  });
});

describe('the poll schedule', () => {
  const plan = fc.record({
    elapsedMs: fc.integer({ min: 0, max: 7 * 24 * 3_600_000 }),
    expectedMs: fc.integer({ min: 1_000, max: 6 * 3_600_000 }),
    speed: fc.double({ min: 0.1, max: 10_000, noNaN: true }),
  });

  it('always waits, and never longer than half a minute of the cloud’s time', () => {
    fc.assert(
      fc.property(plan, (given) => {
        const delay = pollDelay(given);
        expect(delay).toBeGreaterThanOrEqual(200);
        expect(delay).toBeLessThanOrEqual(Math.max(200, 30_000 / given.speed));
      }),
      { numRuns: 2_000 },
    );
  });

  it('asks less than half as often as a fixed five seconds would', () => {
    fc.assert(
      fc.property(fc.integer({ min: 120_000, max: 3_600_000 }), (duration) => {
        let elapsed = 0;
        let polls = 0;
        while (elapsed < duration) {
          elapsed += pollDelay({ elapsedMs: elapsed, expectedMs: duration, speed: 1 });
          polls++;
        }
        expect(polls).toBeLessThanOrEqual(duration / 5_000 / 2 + 12);
      }),
    );
  });
});

describe('backing off', () => {
  it('grows to a minute at most and is never nothing', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempts, chance) => {
          const wait = backoff(attempts, () => chance);
          expect(wait).toBeGreaterThanOrEqual(500);
          expect(wait).toBeLessThanOrEqual(60_000);
        },
      ),
    );
  });
});
