import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canMove, isFinal, type JobStatus, jobStatuses, transitions } from '../../src/core/job.ts';
import { Forecast, median } from '../../src/jobs/forecast.ts';
import { backoff, longestPollMs, pollDelay } from '../../src/jobs/poll-schedule.ts';

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

/** Numbers between 0 and 1, the same in every run. */
function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
}

/** Factors around one, spread like the durations of equal work in a cloud. */
function spreadAround(seed: number, spread: number): () => number {
  const chance = chances(seed);
  return () => Math.exp(spread * Math.sqrt(-2 * Math.log(chance())) * Math.cos(2 * Math.PI * chance()));
}

describe('the poll schedule', () => {
  const ratios = fc.array(fc.double({ min: 0.05, max: 20, noNaN: true }), { maxLength: 50 });
  const plan = fc.record({
    elapsedMs: fc.integer({ min: -3_600_000, max: 7 * 24 * 3_600_000 }),
    expectedMs: fc.integer({ min: 0, max: 6 * 3_600_000 }),
    speed: fc.double({ min: 0.1, max: 10_000, noNaN: true }),
    crowdMs: fc.constantFrom(0, 10_000, 1_000_000),
  });

  it('always waits, and never longer than two minutes of the cloud’s time, or than a crowd makes it', () => {
    fc.assert(
      fc.property(plan, ratios, (given, seen) => {
        const delay = pollDelay(given, new Forecast(seen));
        expect(delay).toBeGreaterThanOrEqual(200);
        expect(delay).toBeLessThanOrEqual(
          Math.max(200, Math.max(longestPollMs, given.crowdMs) / given.speed),
        );
      }),
      { numRuns: 1_000 },
    );
  });

  const questions = (duration: number, expectedMs: number, forecast: Forecast) => {
    let [elapsedMs, asked] = [0, 0];
    while (elapsedMs < duration) {
      elapsedMs += pollDelay({ elapsedMs, expectedMs, speed: 1 }, forecast);
      asked++;
    }
    return { asked, lag: elapsedMs - duration };
  };

  it('never asks much oftener than every four seconds, whatever was learned and however wrong', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10_000, max: 3_600_000 }),
        fc.double({ min: 0.2, max: 5, noNaN: true }),
        ratios,
        (expected, factor, seen) => {
          const duration = expected * factor;
          expect(questions(duration, expected, new Forecast(seen)).asked).toBeLessThanOrEqual(
            duration / 4_000 + 20,
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  it('asks after no job oftener in a crowd', () => {
    fc.assert(
      fc.property(plan, ratios, fc.integer({ min: 0, max: 3_600_000 }), (given, seen, crowdMs) => {
        const forecast = new Forecast(seen);
        const alone = pollDelay({ ...given, crowdMs: 0 }, forecast);
        expect(pollDelay({ ...given, crowdMs }, forecast)).toBeGreaterThanOrEqual(alone);
      }),
      { numRuns: 500 },
    );
  });

  it.each([60, 180, 600, 3600])(
    'asks a quarter as often as every five seconds and hears as soon, of jobs of about %i s',
    (seconds) => {
      const expectedMs = seconds * 1000;
      const factor = spreadAround(seconds, 0.08);
      const seen = Array.from({ length: 50 }, factor);
      const forecast = new Forecast(seen);
      const [lags, fixedLags]: [number[], number[]] = [[], []];
      let [asked, fixed] = [0, 0];
      for (let jobs = 0; jobs < 2_000; jobs++) {
        const duration = expectedMs * factor();
        const found = questions(duration, expectedMs, forecast);
        asked += found.asked;
        fixed += Math.ceil(duration / 5_000);
        lags.push(found.lag);
        fixedLags.push(Math.ceil(duration / 5_000) * 5_000 - duration);
      }
      expect(asked / fixed).toBeLessThanOrEqual(0.25);
      expect(median(lags)).toBeLessThanOrEqual(median(fixedLags));
    },
  );

  it('learns: fewer questions, sooner heard, the more alike the jobs were', () => {
    const cost = (spread: number) => {
      const factor = spreadAround(7, spread);
      const forecast = new Forecast(Array.from({ length: 50 }, factor));
      const found = Array.from({ length: 500 }, () => questions(300_000 * factor(), 300_000, forecast));
      return median(found.map(({ lag }) => lag)) * found.reduce((sum, { asked }) => sum + asked, 0);
    };
    expect(cost(0.02)).toBeLessThan(cost(0.1));
    expect(cost(0.1)).toBeLessThan(cost(0.3));
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
