export interface PollPlan {
  /** Milliseconds since the cloud accepted the job. */
  readonly elapsedMs: number;
  /** How long such a job is expected to take, in milliseconds. */
  readonly expectedMs: number;
  /** Shrinks every interval when the clock of the cloud runs faster, as in the sandbox. */
  readonly speed: number;
}

const shortestMs = 1_000;
const longestMs = 30_000;

/**
 * Milliseconds until the next question. At first at intervals that grow with the job's age, since the
 * expectation may be far too long; around the expected end often; past it at growing intervals again.
 */
export function pollDelay({ elapsedMs, expectedMs, speed }: PollPlan): number {
  const elapsed = elapsedMs * speed;
  const early = elapsed < expectedMs * 0.8;
  const wanted = early
    ? Math.min(expectedMs * 0.8 - elapsed, elapsed * 0.4)
    : Math.max(expectedMs / 20, (elapsed - expectedMs) / 5);
  const delay = Math.min(Math.max(wanted, shortestMs), longestMs) / speed;
  return Math.max(delay, 200);
}

/** Milliseconds to wait after `attempts` refusals or failures in a row, with jitter so that jobs do not return in step. */
export function backoff(attempts: number, random: () => number = Math.random): number {
  const ceiling = Math.min(1_000 * 2 ** Math.min(attempts, 10), 60_000);
  return Math.round(ceiling * (0.5 + random() / 2));
}
