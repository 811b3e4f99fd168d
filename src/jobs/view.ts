import type { Connections } from '../clouds/accounts.ts';
import { missingKeys } from '../clouds/credentials.ts';
import type { CloudConnection } from '../clouds/exchange.ts';
import { Failure, foreignText, quoted } from '../core/failure.ts';
import { isFinal, type Job, type JobOutput } from '../core/job.ts';
import { type Cloud, clouds, type Operation } from '../core/operation.ts';
import { within } from '../core/within.ts';
import type { ChangeFeed } from './changes.ts';
import type { Expectations } from './expectations.ts';
import { confirmTask, digestOf, newJobId, unknownTask } from './identity.ts';
import type { Expectation, Jobs, Submission } from './jobs.ts';
import type { JobFilter } from './rows.ts';
import type { Scheduler } from './scheduler.ts';
import type { JobStore } from './store.ts';

/** What all views of one engine share. */
export interface ViewParts {
  readonly store: JobStore;
  readonly changes: ChangeFeed;
  readonly scheduler: Scheduler;
  readonly expectations: Expectations;
  readonly connections: Connections;
  readonly operations: readonly Operation[];
  readonly sandbox: boolean;
  readonly now: () => number;
}

/** A submit call answers within this time, with or without the cloud's receipt. */
const receiptPatienceMs = 20_000;

/** The jobs of one principal. */
export class JobView implements Jobs {
  readonly #parts: ViewParts;
  readonly #principal: string;

  constructor(parts: ViewParts, principal: string) {
    this.#parts = parts;
    this.#principal = principal;
  }

  async submit(operation: Operation, submission: Submission): Promise<Job> {
    const connection = this.#connectionOf(operation.wire.cloud);
    const { identity, ...rest } = submission;
    const inputDigest = digestOf(operation.name, identity ?? submission.input);
    const { job, created, sent } = await this.#parts.scheduler.admit({
      ...rest,
      ...this.#newJob(operation, connection),
      inputDigest,
    });
    if (!created) return this.#sameInput(job, inputDigest);
    return this.#receipt(job, sent ?? this.#tell());
  }

  async find(
    operation: Operation,
    sought: { readonly identity: Readonly<Record<string, unknown>>; readonly idempotencyKey: string },
  ): Promise<Job | undefined> {
    const job = await this.#parts.store.byKey(this.#principal, sought.idempotencyKey);
    return job && this.#sameInput(job, digestOf(operation.name, sought.identity));
  }

  #newJob(operation: Operation, connection: CloudConnection) {
    return {
      id: newJobId(),
      principal: this.#principal,
      tool: operation.name,
      cloud: operation.wire.cloud,
      account: connection.account,
      lane: operation.wire.lane.name,
      sandbox: this.#parts.sandbox,
    };
  }

  #sameInput(job: Job, inputDigest: string): Job {
    if (job.inputDigest === inputDigest) return job;
    throw new Failure({
      kind: 'conflict',
      message: `The idempotency_key already belongs to ${job.id} (${job.tool}), which has another input. Nothing was submitted.`,
      advice: `Ask get_progress for ${job.id}, or use a new idempotency_key for the new input.`,
    });
  }

  /** The job with its receipt. It is committed: a fault of the store from here on must not look like its refusal. */
  async #receipt(committed: Job, sent: Promise<void>): Promise<Job> {
    const deadline = Date.now() + receiptPatienceMs;
    let job = committed;
    // A store that went away just now makes this wait as well.
    await within(receiptPatienceMs, sent);
    try {
      job = await this.get(job.id);
      while (job.status === 'submitting' && Date.now() < deadline)
        job = await this.waitForChange(job, deadline - Date.now());
    } catch (error) {
      if (!(error instanceof Failure) || error.kind !== 'storage') throw error;
    }
    return job;
  }

  async get(id: string): Promise<Job> {
    const job = await this.#parts.store.get(id);
    if (job?.principal === this.#principal) return job;
    throw new Failure({
      kind: 'not_found',
      message: `There is no job ${foreignText(id, 60)}.`,
      advice: 'Take a job_id from a submit result or from list_jobs.',
    });
  }

  async adopt(tool: string, cloudTaskId: string): Promise<Job> {
    const { operations, store } = this.#parts;
    const operation = this.#operation(tool);
    if (!operation)
      throw new Failure({
        kind: 'invalid_input',
        message: `There is no submit tool ${quoted(tool, 64)}.`,
        advice: `Use one of ${operations.map(({ name }) => name).join(', ')}.`,
      });
    const connection = this.#connectionOf(operation.wire.cloud);
    await confirmTask(connection, operation, cloudTaskId);
    const { job } = await store.insert({
      ...this.#newJob(operation, connection),
      input: {},
      inputDigest: '',
      warnings: [],
      cloudTaskId,
    });
    if (job.principal !== this.#principal) throw unknownTask(operation, cloudTaskId);
    await this.#tell();
    return job;
  }

  async settle(job: Job, cloudTaskId: string): Promise<Job> {
    if (job.cloudTaskId === cloudTaskId) return job;
    const { store, now } = this.#parts;
    const operation = this.#operation(job.tool);
    const holder = await store.byTask(job.cloud, cloudTaskId);
    const hidden = holder && holder.principal !== this.#principal;
    if (job.status !== 'unknown' || !operation || (holder && !hidden))
      throw new Failure({
        kind: 'invalid_input',
        message: holder
          ? `The task already belongs to ${holder.id}.`
          : `${job.id} is ${job.status}; only a job of unknown outcome can be given a task.`,
        advice:
          'Leave cloud_task_id out to ask after this job, or job_id to follow that task as a job of its own.',
      });
    await confirmTask(this.#connectionOf(job.cloud), operation, cloudTaskId);
    if (hidden) throw unknownTask(operation, cloudTaskId);
    const settled = await store.move(job, 'pending', {
      cloudTaskId,
      failure: null,
      dueAt: now(),
      attempts: 0,
    });
    await this.#tell();
    return settled ?? this.get(job.id);
  }

  #operation(tool: string): Operation | undefined {
    return this.#parts.operations.find(({ name }) => name === tool);
  }

  #connectionOf(cloud: Cloud): CloudConnection {
    const connection = this.#parts.connections[cloud];
    if (!connection) throw missingKeys(cloud);
    return connection;
  }

  async #tell(): Promise<void> {
    await this.#parts.changes.pump();
    await this.#parts.scheduler.wake();
  }

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
    const cancelled = await this.#parts.store.move(job, 'cancelled', { dueAt: null, queuePosition: null });
    await this.#tell();
    if (cancelled) return cancelled;
    // It moved on in the meantime: a held job may have left, or the cloud's own word came first.
    const current = await this.get(job.id);
    return job.status === 'queued' ? this.cancel(current) : current;
  }

  list(filter: Omit<JobFilter, 'principal'>): Promise<Job[]> {
    return this.#parts.store.list({ ...filter, principal: this.#principal });
  }

  aheadOf(job: Job): Promise<number> {
    return this.#parts.store.lanes.ahead(job);
  }

  async waitForChange(job: Job, ms: number, signal?: AbortSignal): Promise<Job> {
    if (isFinal(job.status) || ms <= 0 || signal?.aborted) return job;
    let stop = () => {};
    const changed = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      const unlisten = this.listen((other) => {
        if (other.id === job.id && other.revision > job.revision) resolve();
      });
      signal?.addEventListener('abort', () => resolve(), { once: true });
      stop = () => {
        clearTimeout(timer);
        unlisten();
      };
    });
    try {
      // The change may have been stored before anybody listened.
      const now = await this.get(job.id);
      if (now.revision === job.revision) await changed;
    } finally {
      stop();
    }
    return this.get(job.id);
  }

  listen(listener: (job: Job) => void): () => void {
    return this.#parts.changes.listen((job) => {
      if (job.principal === this.#principal) listener(job);
    });
  }

  async recordOutputs(job: Job, outputs: readonly JobOutput[], notes: readonly string[] = []): Promise<Job> {
    const warnings = [...new Set([...job.warnings, ...notes])];
    const amended = await this.#parts.store.amend(job, { outputs, warnings });
    await this.#parts.changes.pump();
    return amended ?? this.get(job.id);
  }

  expectation(operation: Operation, resultSeconds?: number): Promise<Expectation> {
    return this.#parts.expectations.of(operation, resultSeconds);
  }

  async etaSeconds(job: Job): Promise<number | undefined> {
    const operation = this.#operation(job.tool);
    return operation && this.#parts.expectations.etaSeconds(operation, job);
  }
}
