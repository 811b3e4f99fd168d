import { rm } from 'node:fs/promises';
import { Failure, foreignText } from '../core/failure.ts';
import type { Job, JobOutput } from '../core/job.ts';
import type { Operation } from '../core/operation.ts';
import type { Connections } from '../clouds/accounts.ts';
import type { Log } from '../log.ts';
import { download, type ResultLink } from '../media/download.ts';
import type { StoredFile } from '../media/partial-file.ts';
import type { JobEngine } from './engine.ts';
import { afterExpiry, freshLinks, taskEndsAt } from './fresh-links.ts';
import { fileName, isOnDisk } from './result-files.ts';
import { Turns } from './turns.ts';

export interface DownloadsOptions {
  readonly directory: string;
  /** Used when `directory` cannot be written. */
  readonly fallbackDirectory: string;
  readonly allowPrivateAddresses: boolean;
  readonly engine: JobEngine;
  readonly connections: Connections;
  readonly operations: readonly Operation[];
  readonly now: () => number;
  readonly log: Log;
}

/** How the download of a job's results stands in this process. */
export interface DownloadStatus {
  readonly state: 'waiting' | 'underway' | 'failed';
  /** Of the file that is being fetched. */
  readonly bytes: number;
  readonly totalBytes?: number;
  /** Why the last attempt failed; with `underway`, another one follows by itself. */
  readonly failure?: Failure;
}

export interface FetchOptions {
  readonly signal?: AbortSignal;
  /** Called now and then while the call waits. */
  readonly heartbeat?: (elapsedMs: number, patienceMs: number, status: DownloadStatus) => Promise<void>;
}

/** One call waits at most this long; the download itself goes on behind it. */
const patienceMs = 40_000;
const heartbeatMs = 5_000;
const filesAtOnce = 2;
/** No cloud keeps results longer: jobs older than this are not looked at for links that may live. */
const oldestMs = 30 * 24 * 3_600_000;
const pageSize = 100;

/** Results on this machine's disk. A job is downloaded once at a time, however many calls ask for it. */
export class Downloads {
  readonly #options: DownloadsOptions;
  readonly #turns = new Turns(filesAtOnce);
  readonly #underway = new Map<string, Promise<Job>>();
  readonly #statuses = new Map<string, DownloadStatus>();
  readonly #stop = new AbortController();
  #unlisten: (() => void) | undefined;

  constructor(options: DownloadsOptions) {
    this.#options = options;
  }

  /** Undefined for a job whose results nobody has asked for, or whose results are here. */
  status(jobId: string): DownloadStatus | undefined {
    const status = this.#statuses.get(jobId);
    return status?.state === 'underway' && this.#turns.isWaiting(jobId)
      ? { ...status, state: 'waiting' }
      : status;
  }

  /**
   * Downloads every result as soon as there is one, and with `earlier` those of jobs that ended while nobody
   * watched. A download that fails is logged and told by `status`; it never touches the job's own state.
   */
  async watch(earlier: boolean): Promise<void> {
    const { engine } = this.#options;
    this.#unlisten ??= engine.listen((job) => this.#consider(job));
    if (!earlier) return;
    let before: { createdAt: number; id: string } | undefined;
    for (let page = pageSize; page === pageSize && !this.#stop.signal.aborted; ) {
      const jobs = await engine.list({ status: 'succeeded', limit: pageSize, before });
      for (const job of jobs) this.#consider(job);
      before = jobs.at(-1);
      page = before && before.createdAt > this.#options.now() - oldestMs ? jobs.length : 0;
    }
  }

  #consider(job: Job): void {
    const { now } = this.#options;
    if (job.status !== 'succeeded' || this.#stop.signal.aborted || this.#statuses.has(job.id)) return;
    // A file that was stored and is gone was taken away by its owner: only a call brings it back.
    if (job.outputs.some(({ localPath, expiresAt }) => localPath === undefined && expiresAt > now()))
      this.#start(job).catch(() => undefined);
  }

  /**
   * The job with `localPath` on every output, or as far as it has come after 40 s.
   * @throws what the download threw, when it failed for good within that time
   */
  async fetch(job: Job, options: FetchOptions = {}): Promise<Job> {
    const present = await Promise.all(job.outputs.map(isOnDisk));
    if (present.every(Boolean)) return job;
    const ending = this.#underway.get(job.id) ?? this.#start(job);
    this.#turns.callForward(job.id);
    const started = Date.now();
    for (let elapsed = 0; elapsed < patienceMs && !options.signal?.aborted; elapsed = Date.now() - started) {
      const status = this.status(job.id);
      if (status) await options.heartbeat?.(elapsed, patienceMs, status);
      const slice = Math.min(options.heartbeat ? heartbeatMs : patienceMs, patienceMs - elapsed);
      const done = await this.#within(ending, slice, options.signal);
      if (done) return done;
    }
    return this.#options.engine.get(job.id);
  }

  async #within(ending: Promise<Job>, ms: number, signal?: AbortSignal): Promise<Job | undefined> {
    let end = () => {};
    const over = new Promise<undefined>((resolve) => {
      end = () => resolve(undefined);
    });
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
    return Promise.race([ending, over]).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
    });
  }

  #start(job: Job): Promise<Job> {
    const { log } = this.#options;
    this.#statuses.set(job.id, { state: 'underway', bytes: 0 });
    const work = this.#store(job)
      .then((stored) => {
        this.#statuses.delete(job.id);
        return stored;
      })
      .catch((error: unknown) => {
        const failure = error instanceof Failure ? error : undefined;
        if (!this.#stop.signal.aborted) log.warn('a download failed', { job: job.id, error });
        this.#statuses.set(job.id, { state: 'failed', bytes: 0, failure });
        throw error;
      })
      .finally(() => this.#underway.delete(job.id));
    this.#underway.set(job.id, work);
    work.catch(() => undefined);
    return work;
  }

  async #store(job: Job): Promise<Job> {
    const { engine, log } = this.#options;
    let current = await engine.get(job.id);
    for (const index of current.outputs.keys()) {
      const output = current.outputs[index];
      if (!output || (await isOnDisk(output))) continue;
      const { path, sizeBytes, sha256, note } = await this.#bring(current, output, index);
      log.info('downloaded', { job: job.id, path, bytes: sizeBytes });
      current = await engine.get(job.id);
      const recorded = current.outputs[index];
      if (recorded && (await isOnDisk(recorded))) {
        // Another process was quicker, and into another directory: its path is the one that was told.
        if (recorded.localPath !== path) await rm(path, { force: true });
        continue;
      }
      const amended = current.outputs.map((each, at) =>
        at === index ? { ...each, localPath: path, sizeBytes, sha256 } : each,
      );
      current = await engine.recordOutputs(current, amended, note === undefined ? [] : [note]);
    }
    return current;
  }

  /** One output, in the directory that was set or else in the other one. */
  async #bring(job: Job, output: JobOutput, index: number): Promise<StoredFile & { note?: string }> {
    const { directory, fallbackDirectory, log } = this.#options;
    try {
      return await this.#download(job, output, index, directory);
    } catch (error) {
      if (!(error instanceof Failure) || error.kind !== 'storage') throw error;
      log.warn('the output directory cannot be written', { job: job.id, error });
      const stored = await this.#download(job, output, index, fallbackDirectory);
      const note = `Stored in ${foreignText(fallbackDirectory, 200)}, because ${error.message} ${error.advice}`;
      return { ...stored, note };
    }
  }

  async #download(job: Job, output: JobOutput, index: number, directory: string): Promise<StoredFile> {
    const { allowPrivateAddresses, log, now, operations } = this.#options;
    let last: Failure | undefined;
    const tell = (bytes: number, totalBytes?: number) =>
      this.#statuses.set(job.id, { state: 'underway', bytes, totalBytes, failure: last });
    try {
      return await download({
        url: output.url,
        expiresAt: output.expiresAt,
        directory,
        fileName: fileName(job, output, index),
        allowPrivateAddresses,
        signal: this.#stop.signal,
        renew: () => this.#renew(job, index),
        turn: (attempt) => this.#turns.take(job.id, attempt),
        report(bytes, totalBytes) {
          last = undefined;
          tell(bytes, totalBytes);
        },
        failed: (failure) => {
          // One warning for an outage, however long it lasts.
          log[last ? 'debug' : 'warn']('a download is tried again', { job: job.id, error: failure });
          last = failure;
          const { bytes = 0, totalBytes } = this.#statuses.get(job.id) ?? {};
          tell(bytes, totalBytes);
        },
      });
    } catch (error) {
      if (!(error instanceof Failure) || error.kind !== 'expired') throw error;
      const advice = afterExpiry(job, taskEndsAt(job, operations), now());
      throw new Failure({ kind: 'expired', message: error.message, advice, cause: error });
    }
  }

  /** A fresh link where the cloud still gives one; it is recorded, since readers see links too. */
  async #renew(job: Job, index: number): Promise<ResultLink | undefined> {
    const { engine, log } = this.#options;
    try {
      const fresh = await freshLinks(await engine.get(job.id), this.#options);
      if (!fresh) return undefined;
      const current = await engine.get(job.id);
      const outputs = current.outputs.map((output, at) => {
        const { url, expiresAt } = fresh[at] ?? output;
        return { ...output, url, expiresAt };
      });
      if (outputs.some(({ url }, at) => url !== current.outputs[at]?.url))
        await engine.recordOutputs(current, outputs);
      return outputs[index];
    } catch (error) {
      log.warn('no fresh link could be had', { job: job.id, error });
      return undefined;
    }
  }

  /** Ends every download. What was on its way is fetched at the next start. */
  async close(): Promise<void> {
    this.#unlisten?.();
    this.#stop.abort();
    await Promise.allSettled(this.#underway.values());
  }
}
