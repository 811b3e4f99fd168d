import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Connections } from '../clouds/accounts.ts';
import { missingKeys } from '../clouds/credentials.ts';
import type { CloudConnection } from '../clouds/exchange.ts';
import { Failure, foreignText, quoted } from '../core/failure.ts';
import { isFinal, type Job, type JobOutput } from '../core/job.ts';
import { type Cloud, clouds, type Operation } from '../core/operation.ts';
import type { Log } from '../log.ts';
import { ChangeFeed } from './changes.ts';
import type { JobFilter } from './rows.ts';
import { confirmTask, digestOf, newJobId } from './identity.ts';
import { Runner } from './runner.ts';
import { Scheduler } from './scheduler.ts';
import { JobStore } from './store.ts';

export interface EngineOptions {
  /** The SQLite file. */
  readonly path: string;
  readonly connections: Connections;
  readonly operations: readonly Operation[];
  readonly laneSizes: Readonly<Record<string, number>>;
  readonly sandbox: boolean;
  readonly speed: number;
  readonly now: () => number;
  readonly log: Log;
}

export interface Submission {
  readonly input: Readonly<Record<string, unknown>>;
  readonly warnings: readonly string[];
  readonly idempotencyKey?: string;
}

/** A submit call answers within this time, with or without the cloud's receipt. */
const receiptPatienceMs = 20_000;

/** The jobs of this machine: submitted, watched, resumed. What the tools and resources stand on. */
export class JobEngine {
  readonly #store: JobStore;
  readonly #changes: ChangeFeed;
  readonly #scheduler: Scheduler;
  readonly #options: EngineOptions;

  private constructor(store: JobStore, changes: ChangeFeed, scheduler: Scheduler, options: EngineOptions) {
    this.#store = store;
    this.#changes = changes;
    this.#scheduler = scheduler;
    this.#options = options;
  }

  /** Opens the job file and takes up every unfinished job in it. */
  static async open(options: EngineOptions): Promise<JobEngine> {
    const owner = randomUUID();
    let store: JobStore;
    try {
      await mkdir(dirname(options.path), { recursive: true, mode: 0o700 });
      store = await JobStore.open(options.path, owner, options.now);
    } catch (error) {
      if (error instanceof Failure) throw error;
      throw new Failure({
        kind: 'storage',
        message: `The job file cannot be opened: ${foreignText(error instanceof Error ? error.message : error)}.`,
        advice:
          'Make the directory DIGITAL_HUMAN_DATA_DIR writable, or set it to another one. Nothing was submitted.',
        cause: error,
      });
    }
    const changes = await ChangeFeed.open(store);
    const runner = new Runner({ ...options, store });
    const scheduler = new Scheduler({ ...options, store, runner, changed: () => void changes.pump() });
    void scheduler.wake();
    return new JobEngine(store, changes, scheduler, options);
  }

  /**
   * Commits the intent, then sends it when its lane has room. Answers with the cloud's receipt
   * stored, or after 20 s with whatever is known.
   */
  async submit(operation: Operation, submission: Submission): Promise<Job> {
    const connection = this.#connectionOf(operation.wire.cloud);
    const inputDigest = digestOf(operation.name, submission.input);
    const { job, created } = await this.#store.insert({
      ...submission,
      id: newJobId(),
      tool: operation.name,
      cloud: operation.wire.cloud,
      account: connection.account,
      lane: operation.wire.lane.name,
      inputDigest,
      sandbox: this.#options.sandbox,
    });
    if (!created && job.inputDigest !== inputDigest)
      throw new Failure({
        kind: 'conflict',
        message: `The idempotency_key already belongs to ${job.id} (${job.tool}), which has another input. Nothing was submitted.`,
        advice: `Ask get_progress for ${job.id}, or use a new idempotency_key for the new input.`,
      });
    if (!created) return job;
    await this.#tell();
    return this.#receipt(job.id);
  }

  async #receipt(id: string): Promise<Job> {
    const deadline = Date.now() + receiptPatienceMs;
    let job = await this.get(id);
    while (job.status === 'submitting' && Date.now() < deadline)
      job = await this.waitForChange(job, deadline - Date.now());
    return job;
  }

  /** Throws `not_found` for an id that this file does not hold. */
  async get(id: string): Promise<Job> {
    const job = await this.#store.get(id);
    if (job) return job;
    throw new Failure({
      kind: 'not_found',
      message: `There is no job ${foreignText(id, 60)}.`,
      advice: 'Take a job_id from a submit result or from list_jobs.',
    });
  }

  /**
   * Follows a task that was submitted elsewhere. The cloud is asked first, so that a wrong id is not stored.
   * Throws `not_found` when the cloud does not know the task.
   */
  async adopt(tool: string, cloudTaskId: string): Promise<Job> {
    const operation = this.#options.operations.find((candidate) => candidate.name === tool);
    if (!operation)
      throw new Failure({
        kind: 'invalid_input',
        message: `There is no submit tool ${quoted(tool, 64)}.`,
        advice: `Use one of ${this.#options.operations.map(({ name }) => name).join(', ')}.`,
      });
    const connection = this.#connectionOf(operation.wire.cloud);
    await confirmTask(connection, operation, cloudTaskId);
    const { job } = await this.#store.insert({
      id: newJobId(),
      tool,
      cloud: operation.wire.cloud,
      account: connection.account,
      lane: operation.wire.lane.name,
      input: {},
      inputDigest: '',
      warnings: [],
      sandbox: this.#options.sandbox,
      cloudTaskId,
    });
    await this.#tell();
    return job;
  }

  /** Tells a job of unknown outcome which task it became. */
  async settle(job: Job, cloudTaskId: string): Promise<Job> {
    if (job.cloudTaskId === cloudTaskId) return job;
    const operation = this.#options.operations.find(({ name }) => name === job.tool);
    const holder = await this.#store.byTask(job.cloud, cloudTaskId);
    if (job.status !== 'unknown' || !operation || holder)
      throw new Failure({
        kind: 'invalid_input',
        message: holder
          ? `The task already belongs to ${holder.id}.`
          : `${job.id} is ${job.status}; only a job of unknown outcome can be given a task.`,
        advice:
          'Leave cloud_task_id out to ask after this job, or job_id to follow that task as a job of its own.',
      });
    await confirmTask(this.#connectionOf(job.cloud), operation, cloudTaskId);
    const receipt = { cloudTaskId, failure: null, dueAt: this.#options.now() };
    const settled = await this.#store.move(job, 'pending', receipt);
    await this.#tell();
    return settled ?? this.get(job.id);
  }

  #connectionOf(cloud: Cloud): CloudConnection {
    const connection = this.#options.connections[cloud];
    if (!connection) throw missingKeys(cloud);
    return connection;
  }

  async #tell(): Promise<void> {
    await this.#changes.pump();
    await this.#scheduler.wake();
  }

  /**
   * Cancels what can be cancelled: a held job here, a job of unknown outcome by letting it go, a job in a
   * cloud by asking that cloud. Throws `unsupported` where the cloud documents no such call.
   */
  async cancel(job: Job): Promise<Job> {
    if (isFinal(job.status)) return job;
    if (job.status === 'pending' || job.status === 'running') {
      const { cancel } = this.#connectionOf(job.cloud);
      if (!cancel)
        throw new Failure({
          kind: 'unsupported',
          message: `${clouds[job.cloud]} offers no way to cancel a job. ${job.id} goes on and will be billed.`,
          advice: 'Let it finish; its result need not be downloaded.',
        });
      await cancel(job.cloudTaskId ?? '');
    }
    if (job.status === 'submitting')
      throw new Failure({
        kind: 'unsupported',
        message: `${job.id} is being sent at this moment.`,
        advice: 'Call cancel_job again in a few seconds.',
        retryable: true,
      });
    const cancelled = await this.#store.move(job, 'cancelled', { dueAt: null });
    await this.#tell();
    return cancelled ?? this.get(job.id);
  }

  list(filter: JobFilter): Promise<Job[]> {
    return this.#store.list(filter);
  }

  /** Jobs held here that go before this one. */
  aheadOf(job: Job): Promise<number> {
    return this.#store.aheadInLane(job);
  }

  /** The job once it differs in a way that readers see, or as it is when `ms` have passed or `signal` fires. */
  async waitForChange(job: Job, ms: number, signal?: AbortSignal): Promise<Job> {
    if (isFinal(job.status) || ms <= 0 || signal?.aborted) return job;
    let stop = () => {};
    const changed = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      const unlisten = this.#changes.listen((other) => {
        if (other.id === job.id && other.revision > job.revision) resolve();
      });
      signal?.addEventListener('abort', () => resolve(), { once: true });
      stop = () => {
        clearTimeout(timer);
        unlisten();
      };
    });
    // The change may have been stored before anybody listened.
    const now = await this.get(job.id);
    if (now.revision === job.revision) await changed;
    stop();
    return this.get(job.id);
  }

  /** Calls the listener with every job that changes, here or in another process on the same file. */
  listen(listener: (job: Job) => void): () => void {
    return this.#changes.listen(listener);
  }

  /** Records where outputs were stored. */
  async recordOutputs(job: Job, outputs: readonly JobOutput[]): Promise<Job> {
    const amended = await this.#store.amend(job, { outputs });
    await this.#changes.pump();
    return amended ?? this.get(job.id);
  }

  /** Ends the work of this process. Unfinished jobs go on at the next start. */
  async close(): Promise<void> {
    this.#changes.close();
    await this.#scheduler.stop();
    await this.#store.close();
  }
}
