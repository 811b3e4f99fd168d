import { setTimeout as pause } from 'node:timers/promises';
import { Failure, foreignText } from '../core/failure.ts';
import { isFinal, type Job } from '../core/job.ts';
import { clouds } from '../core/operation.ts';
import type { Application } from '../mcp/application.ts';
import { jobLines } from './jobs-lines.ts';
import { usageFailure } from './arguments.ts';
import { writeLine } from './terminal.ts';

async function showLines(application: Application, job: Job): Promise<void> {
  for (const line of await jobLines(job, await application.engine(), application.now()))
    await writeLine(line);
}

/**
 * Follows a task that was submitted elsewhere, or with `jobId` says which task a job of unknown outcome became.
 * @throws what the cloud says, and `not_found` when it does not know the task: nothing is stored then
 */
export async function adopt(
  application: Application,
  tool: string,
  taskId: string,
  jobId: string | undefined,
): Promise<void> {
  const engine = await application.engine();
  if (jobId === undefined) return showLines(application, await engine.adopt(tool, taskId));
  const job = await engine.ledger.get(jobId);
  if (job.tool !== tool)
    throw usageFailure(
      `${job.id} is of the tool ${job.tool}, not ${foreignText(tool, 60)}.`,
      `Write: digital-human-mcp jobs adopt ${job.tool} TASK_ID --job ${job.id}`,
    );
  return showLines(application, await engine.scoped(job.principal).settle(job, taskId));
}

/** Cancels what can be cancelled, and says plainly what cannot. */
export async function cancel(application: Application, id: string): Promise<void> {
  const engine = await application.engine();
  const job = await engine.ledger.get(id);
  await showLines(application, await engine.scoped(job.principal).cancel(job));
}

/** What forgetting leaves behind, for each state in which something may still happen. */
function consequence(job: Job): string {
  const cloud = clouds[job.cloud];
  switch (job.status) {
    case 'queued':
      return `${job.id} is held here and has not been sent: forgotten, it never will be. "jobs cancel" does the same and keeps the record.`;
    case 'submitting':
      return `${job.id} is being sent to ${cloud} at this moment. Forgetting it does not stop that: the cloud will work on it and bill it, and nobody here will know its result.`;
    case 'pending':
    case 'running':
      return `${job.id} is ${job.status} at ${cloud} (task ${foreignText(job.cloudTaskId, 100)}). Forgetting it does not end it: the cloud goes on and will bill it, and nobody here will fetch the result.`;
    case 'unknown':
      return `Whether ${cloud} took ${job.id} is not known. Forgetting it does not end it: if the cloud has it, it goes on and will bill it, and nobody here will look for it.`;
    case 'succeeded':
    case 'failed':
    case 'cancelled':
      return '';
  }
}

/** Removes a job's record; of one that has not ended only with `yes`, after saying what that means. */
export async function forget(application: Application, id: string, yes: boolean): Promise<void> {
  const { ledger } = await application.engine();
  const job = await ledger.get(id);
  const meaning = consequence(job);
  if (meaning && !yes)
    throw new Failure({
      kind: 'unsupported',
      message: meaning,
      advice: 'Nothing was changed. If that is what you want, repeat the command with --yes.',
    });
  if (!(await ledger.forget(job, yes)))
    throw new Failure({
      kind: 'conflict',
      message: `${job.id} was forgotten or moved on at the same moment.`,
      advice: 'Look with "digital-human-mcp jobs show" and try again.',
    });
  if (meaning) await writeLine(meaning);
  await writeLine(`Forgot ${job.id}. Files that were downloaded are left alone.`);
  if (job.idempotencyKey !== undefined)
    await writeLine(
      `Its idempotency key ${JSON.stringify(foreignText(job.idempotencyKey, 128))} is free again: a submission with it would be made, and paid for, anew.`,
    );
}

/** Brings the results of a job to this machine's disk. */
export async function download(application: Application, id: string): Promise<void> {
  const engine = await application.engine();
  let job = await engine.ledger.get(id);
  if (job.status !== 'succeeded')
    throw new Failure({
      kind: 'unsupported',
      message: `${job.id} is ${job.status}; only a job that succeeded has results.`,
      advice: isFinal(job.status) ? 'There is nothing to download.' : 'Wait for its end: jobs watch.',
    });
  if (job.principal !== '')
    throw new Failure({
      kind: 'unsupported',
      message: `${job.id} belongs to ${foreignText(job.principal, 100)}, whose results are not stored on this machine.`,
      advice: 'Its links are in "digital-human-mcp jobs show".',
    });
  const downloads = await application.downloads();
  job = await downloads.fetch(job);
  // One call waits 40 s for a download that goes on behind it.
  while (downloads.status(id)) {
    job = await downloads.fetch(job);
    await pause(100);
  }
  await showLines(application, job);
}
