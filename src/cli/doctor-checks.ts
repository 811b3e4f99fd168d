import { Failure, foreignText } from '../core/failure.ts';
import { within } from '../core/within.ts';

/** `ok` and `warning` are no reason to worry; `skipped` says that there was nothing to look at. */
export type Verdict = 'ok' | 'warning' | 'failed' | 'skipped';

/** One line of what was found. */
export interface Finding {
  readonly check: string;
  readonly verdict: Verdict;
  readonly detail: string;
  /** What to do about it. */
  readonly mend?: string;
}

/** One thing to look at. It may find several things, and is given up when the signal fires. */
export interface Check {
  readonly name: string;
  readonly look: (signal: AbortSignal) => Promise<readonly Finding[]>;
}

const patienceMs = 10_000;

function broken(check: string, error: unknown): Finding {
  if (error instanceof Failure)
    return { check, verdict: 'failed', detail: error.message, mend: error.advice };
  const detail = foreignText(error instanceof Error ? error.message : error);
  return { check, verdict: 'failed', detail, mend: 'Report this fault of the doctor itself.' };
}

/** Looks at everything at once, at each thing for 10 s at most. In the order of the checks. */
export async function runChecks(checks: readonly Check[]): Promise<Finding[]> {
  const found = await Promise.all(
    checks.map(async ({ name, look }): Promise<readonly Finding[]> => {
      const giveUp = new AbortController();
      const looked = look(giveUp.signal).catch((error: unknown) => [broken(name, error)]);
      const findings = await within(patienceMs, looked);
      if (findings) return findings;
      giveUp.abort();
      return [
        {
          check: name,
          verdict: 'failed',
          detail: `no answer within ${patienceMs / 1000} s`,
          mend: 'Check the network, a proxy, or the disk that this is about, and try again.',
        },
      ];
    }),
  );
  return found.flat();
}
