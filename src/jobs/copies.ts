import { rm } from 'node:fs/promises';
import { Failure, foreignText } from '../core/failure.ts';
import type { Job, JobOutput } from '../core/job.ts';
import type { Log } from '../log.ts';
import type { Bucket } from '../media/bucket.ts';
import { download, type ResultLink } from '../media/download.ts';
import { openLocalFile } from '../media/local-file.ts';
import type { ChangeFeed } from './changes.ts';
import { type FreshLinksOptions, freshLinks, taskEndsAt } from './fresh-links.ts';
import { extensionOf, fileName } from './result-files.ts';
import type { ClaimedJob } from './rows.ts';
import type { JobStore } from './store.ts';

/** Where results are copied to, and on which way. */
export interface CopyPlace {
  readonly bucket: Bucket;
  /** Holds each file while it is on its way. */
  readonly directory: string;
  readonly allowPrivateAddresses: boolean;
}

export interface CopiesOptions extends CopyPlace, FreshLinksOptions {
  readonly store: JobStore;
  readonly changes: ChangeFeed;
  readonly log: Log;
}

const filesAtOnce = 2;
/** A copy that takes longer is begun again; one whose process died is taken over then. */
const leaseMs = 3_600_000;
const attemptMs = leaseMs - 5 * 60_000;
/** How often to look for copies that other processes have left undone. */
const lookMs = 30_000;
const firstPauseMs = 60_000;
const longestPauseMs = 30 * 60_000;

/** What no further attempt would mend. */
const isFinalFailure = (error: unknown) =>
  error instanceof Failure && ['expired', 'permission', 'media'].includes(error.kind) && !error.retryable;

/**
 * Copies results into the bucket, where they outlive the clouds' links. A succeeded job is due until that is done,
 * so a copy that one process leaves undone is made by another; two that make the same one store the same object.
 */
export class Copies {
  readonly #options: CopiesOptions;
  readonly #stop = new AbortController();
  readonly #underway = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #again = false;

  constructor(options: CopiesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.wake(), lookMs).unref();
    this.#options.changes.listen((job) => {
      if (job.status === 'succeeded' && job.dueAt !== undefined) this.wake();
    });
    this.wake();
  }

  /** Looks for results that have not been copied. */
  wake(): void {
    this.#again = true;
    this.#looking ??= this.#look()
      .catch((error: unknown) => this.#options.log.warn('results to copy could not be found', { error }))
      .finally(() => {
        this.#looking = undefined;
      });
  }

  async #look(): Promise<void> {
    while (this.#again && !this.#stop.signal.aborted) {
      this.#again = false;
      const room = filesAtOnce - this.#underway.size;
      if (room === 0) return;
      for (const job of await this.#options.store.claims.copies(room, leaseMs)) {
        const work = this.#copy(job)
          .catch((error: unknown) =>
            this.#options.log.warn('a copy was not recorded', { job: job.id, error }),
          )
          .finally(() => {
            this.#underway.delete(work);
            this.wake();
          });
        this.#underway.add(work);
      }
    }
  }

  async #copy(job: ClaimedJob): Promise<void> {
    const { store, changes, operations, log, now } = this.#options;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(attemptMs)]);
    try {
      const outputs: JobOutput[] = [];
      for (const [index, output] of job.outputs.entries())
        outputs.push(output.bucketKey ? output : await this.#store(job, output, index, signal));
      await store.amend(job, { outputs, dueAt: null, attempts: 0 });
      log.info('copied to the bucket', { job: job.id, files: outputs.length });
    } catch (error) {
      if (this.#stop.signal.aborted) {
        await store.postpone(job, { dueAt: now() });
        return;
      }
      log.warn('a result could not be copied to the bucket', { job: job.id, error });
      const over = Math.max(
        taskEndsAt(job, operations) ?? 0,
        ...job.outputs.map(({ expiresAt }) => expiresAt),
      );
      if (!isFinalFailure(error) && now() < over) {
        const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(job.attempts, 10));
        await store.postpone(job, { dueAt: now() + pause, attempts: job.attempts + 1 });
        return;
      }
      const reason = error instanceof Failure ? error.message : 'This server failed.';
      const warnings = [...job.warnings, `Not copied to the bucket: ${foreignText(reason, 300)}`];
      await store.amend(job, { warnings, dueAt: null, attempts: 0 });
    }
    await changes.pump();
  }

  /** One output, by way of this machine's disk: a transfer that is cut goes on where it was. */
  async #store(job: Job, output: JobOutput, index: number, signal: AbortSignal): Promise<JobOutput> {
    const { bucket, directory, allowPrivateAddresses } = this.#options;
    const { path, sizeBytes, sha256 } = await download({
      url: output.url,
      expiresAt: output.expiresAt,
      directory,
      fileName: fileName(job, output, index),
      allowPrivateAddresses,
      signal,
      renew: () => this.#renew(job, index),
    });
    try {
      const file = await openLocalFile(path, [directory]);
      try {
        const { key } = await bucket.store(file, {
          contentType: output.mimeType,
          extension: extensionOf(output),
          signal,
        });
        return { ...output, sizeBytes, sha256, bucketKey: key };
      } finally {
        await file.close();
      }
    } finally {
      await rm(path, { force: true });
    }
  }

  async #renew(job: Job, index: number): Promise<ResultLink | undefined> {
    try {
      return (await freshLinks(job, this.#options))?.[index];
    } catch (error) {
      this.#options.log.warn('no fresh link could be had', { job: job.id, error });
      return undefined;
    }
  }

  /** Ends every copy; another process, or the next start, makes it. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await this.#looking;
    await Promise.allSettled(this.#underway);
  }
}
