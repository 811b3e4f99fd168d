import { within } from '../../core/within.ts';
import type { Application } from '../application.ts';

const patienceMs = 2_000;

async function storeAnswers(application: Application): Promise<boolean> {
  const asked = application
    .engine()
    .then((engine) => engine.list({ limit: 1 }))
    .then(() => true)
    .catch((error: unknown) => {
      application.log.error('the job store does not answer', { error });
      return false;
    });
  return (await within(patienceMs, asked)) ?? false;
}

/** Why this process should not be sent requests now; empty when it should. */
export async function reasonsNotReady(application: Application): Promise<string[]> {
  const { config } = application;
  const reasons: string[] = [];
  if (application.leaving.aborted) reasons.push('about to stop');
  if (!(await storeAnswers(application))) reasons.push('the job store does not answer');
  if (!config.sandbox && Object.keys(config.accounts).length === 0) reasons.push('no cloud has keys');
  return reasons;
}
