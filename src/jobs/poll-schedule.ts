import type { Forecast } from './forecast.ts';

export interface PollPlan {
  /** Milliseconds since the cloud took the job up. */
  readonly elapsedMs: number;
  /** How long such a job is expected to take there, in milliseconds of the cloud's time. */
  readonly expectedMs: number;
  /** Shrinks every interval when the clock of the cloud runs faster, as in the sandbox. */
  readonly speed: number;
  /**
   * Where an account has thousands of jobs: milliseconds of the cloud's time between two questions about one of
   * them, on average, that its budget has room for. Jobs that need long are asked after no oftener.
   */
  readonly crowdMs?: number;
}

/** In the cloud's time. */
const shortestMs = 1_000;
export const longestPollMs = 120_000;
/** What a busy local machine can do however fast the cloud's clock runs. */
const floorMs = 200;
/** Between questions around the likely end: a poller that asks every 5 s learns of it 2.5 s late. */
const aroundEndMs = 4_000;
/**
 * Until four of five jobs have ended, one question at most for so many expected milliseconds. While little has been
 * learned, twice as many: such jobs are few, and somebody waits for them.
 */
const perQuestionMs = 16_000;
const perFirstQuestionMs = 8_000;

/** Questions until then that a crowd leaves to every job. */
const leftByCrowd = 12;

/** Of a long job one early question is worth its price: its reader learns that the work has begun. */
const longJobMs = 150_000;
const earlyShare = 0.1;

/**
 * Milliseconds until the next question. Questions lie dense where the job is likely to end and thin
 * elsewhere; where the end is so uncertain that they would be many, all intervals stretch.
 */
export function pollDelay(
  { elapsedMs, expectedMs, speed, crowdMs = 0 }: PollPlan,
  forecast: Forecast,
): number {
  const expected = Math.max(expectedMs, shortestMs);
  const at = Math.max(elapsedMs * speed, 0) / expected;
  const wanted = forecast.peak * (aroundEndMs / expected);
  const perQuestion = forecast.learned ? perQuestionMs : perFirstQuestionMs;
  const many = Math.max(expected / perQuestion, 1);
  const questions = Math.min(many, Math.max(expected / Math.max(crowdMs, 1), leftByCrowd));
  const least = forecast.densityAt(forecast.quantile(0.2)) / questions;
  const early = expected >= longJobMs && at < earlyShare / 2 ? earlyShare : Number.POSITIVE_INFINITY;
  const next = Math.min(early, forecast.whereDensity(forecast.densityAt(at) + Math.max(wanted, least)));
  const wait = Math.min(Math.max((next - at) * expected, shortestMs), Math.max(longestPollMs, crowdMs));
  return Math.max(wait / speed, floorMs);
}

/** Milliseconds to wait after `attempts` refusals or failures in a row, with jitter so that jobs do not return in step. */
export function backoff(attempts: number, random: () => number = Math.random): number {
  const ceiling = Math.min(1_000 * 2 ** Math.min(attempts, 10), 60_000);
  return Math.round(ceiling * (0.5 + random() / 2));
}
