import type { Connections } from '../clouds/accounts.ts';
import { acceptedAt, Failure, foreignText, quoted, ruleFor } from '../core/failure.ts';
import type { Job, JobFailure } from '../core/job.ts';
import { clouds, type Operation, type TaskState } from '../core/operation.ts';
import type { Log } from '../log.ts';
import { backoff, pollDelay } from './poll-schedule.ts';
import type { JobChange } from './rows.ts';
import type { JobStore } from './store.ts';

export interface RunnerOptions {
  readonly store: JobStore;
  readonly connections: Connections;
  readonly operations: readonly Operation[];
  readonly now: () => number;
  /** How much faster than real time the clouds run; 1 but in the sandbox. */
  readonly speed: number;
  readonly log: Log;
}

/** A task that a cloud does not know so soon after accepting it may not have reached its records yet. */
const settlingMs = 60_000;
/** A cloud that loses sight of a task may find it again; after this long without a known state it is lost. */
const missingMs = 10 * 60_000;
/** Held jobs give up on an unreachable cloud after this long, and on a full account after a day. */
const unreachableMs = 10 * 60_000;
const fullMs = 24 * 3_600_000;
const idleMs = 30_000;

function toJobFailure(failure: Failure): JobFailure {
  const { kind, code, message, advice, retryable } = failure;
  return { kind, code, message, advice, retryable };
}

/** Sends one job, or asks after one, and records what came of it. The scheduler decides which and when. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #operations: Map<string, Operation>;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#operations = new Map(options.operations.map((operation) => [operation.name, operation]));
  }

  /** A submission whose process ended before it learned the answer. */
  async abandoned(job: Job): Promise<void> {
    await this.#unknown(job, 'A server process ended between sending and learning the answer.');
  }

  /** The job may be running and billed: it is reported and never sent again. */
  async #unknown(job: Job, message: string, code?: string): Promise<void> {
    await this.#options.store.move(job, 'unknown', {
      failure: {
        kind: 'unknown_outcome',
        code,
        message: `${message} Whether ${clouds[job.cloud]} accepted the job is not known.`,
        advice: `Look for the task in the cloud's console before submitting again. It is not sent again from here.`,
        retryable: false,
      },
    });
  }

  /** Sends a job that was claimed into `submitting`. Exactly one request; what follows depends on its proof. */
  async submit(job: Job): Promise<void> {
    const { connections, log } = this.#options;
    const operation = this.#operations.get(job.tool);
    const connection = connections[job.cloud];
    if (!operation || !connection) throw new Error(`claimed a job of ${job.cloud} without keys for it`);
    try {
      const reply = await connection.submit(operation.wire, operation.encode(job.input));
      const cloudTaskId = String(operation.taskId(reply));
      const dueAt = this.#options.now() + this.#delay(operation, 0);
      await this.#receipt(job, { cloudTaskId, dueAt, failure: null });
      log.info('submitted', { job: job.id, cloud: job.cloud, task: cloudTaskId });
    } catch (error) {
      await this.#submitFailed(job, error);
    }
  }

  /** Stores the receipt, even if another process took this one for dead meanwhile and marked the job unknown. */
  async #receipt(job: Job, receipt: JobChange): Promise<void> {
    const { store } = this.#options;
    if (await store.move(job, 'pending', receipt)) return;
    const current = await store.get(job.id);
    if (current?.status === 'unknown') await store.move(current, 'pending', receipt);
  }

  async #submitFailed(job: Job, error: unknown): Promise<void> {
    const { store, now, log } = this.#options;
    if (!(error instanceof Failure) || !error.stage) {
      log.error('submit failed in this server', { job: job.id, error });
      await this.#unknown(job, 'This server failed while submitting.');
      return;
    }
    log.warn('submit refused or broken off', {
      job: job.id,
      stage: error.stage,
      code: error.code,
      kind: error.kind,
    });
    if (acceptedAt[error.stage] === 'unknown') {
      await this.#unknown(job, error.message, error.code);
      return;
    }
    const held = error.kind === 'capacity' || error.kind === 'throttled';
    const patience = held
      ? fullMs
      : error.stage === 'not_sent' && error.kind === 'network'
        ? unreachableMs
        : 0;
    if (now() - job.createdAt >= patience) {
      await store.move(job, 'failed', { failure: toJobFailure(error) });
      return;
    }
    const attempts = job.attempts + 1;
    const wait = Math.max(error.retryAfterMs ?? 0, backoff(attempts) / this.#options.speed);
    await store.move(job, 'queued', { attempts, dueAt: now() + wait, failure: toJobFailure(error) });
  }

  /** Asks the cloud how a claimed job stands. */
  async poll(job: Job): Promise<void> {
    const { store, connections, now, log } = this.#options;
    const operation = this.#operations.get(job.tool);
    const connection = connections[job.cloud];
    if (!operation || !connection || !job.cloudTaskId) {
      await store.postpone(job, { dueAt: now() + idleMs });
      return;
    }
    let state: TaskState;
    try {
      state = operation.decode(await connection.query(operation.wire, job.cloudTaskId));
    } catch (error) {
      await this.#pollFailed(job, operation, error);
      return;
    }
    if (state.state === 'pending' && state.unrecognised !== undefined) {
      log.warn('unknown task status', { job: job.id, status: quoted(state.unrecognised, 40) });
      if (now() - (job.submittedAt ?? job.createdAt) > operation.wire.taskLifetimeSeconds * 1000) {
        await this.#lost(job, operation);
        return;
      }
    }
    await this.#record(job, operation, state);
  }

  async #record(job: Job, operation: Operation, state: TaskState): Promise<void> {
    const { store, now } = this.#options;
    const age = now() - (job.submittedAt ?? job.createdAt);
    const next = { polledAt: now(), dueAt: now() + this.#delay(operation, age), attempts: 0 };
    const ended = { polledAt: now(), dueAt: null, queuePosition: null };
    switch (state.state) {
      case 'pending':
        if (job.status !== 'pending' || state.queuePosition === job.queuePosition)
          await store.postpone(job, next);
        else await store.amend(job, { ...next, queuePosition: state.queuePosition ?? null });
        return;
      case 'running': {
        const seen: JobChange = { ...next, progress: state.progress ?? null, queuePosition: null };
        if (job.status === 'pending') await store.move(job, 'running', seen);
        else if (state.progress !== job.progress) await store.amend(job, seen);
        else await store.postpone(job, next);
        return;
      }
      case 'done': {
        // The link's life began when the task ended, at the earliest when it was last seen unfinished.
        const expiresAt =
          (job.polledAt ?? job.submittedAt ?? now()) + operation.wire.resultLifetimeSeconds * 1000;
        const outputs = state.outputs.map((output) => ({ ...output, expiresAt }));
        await store.move(job, 'succeeded', { ...ended, outputs, sentences: state.sentences, progress: 100 });
        return;
      }
      case 'failed': {
        const { task, unlisted } = operation.wire.errors;
        const { kind, retry: retryable, advice } = ruleFor(task, state.code, unlisted);
        const message = `${clouds[job.cloud]} reported ${quoted(state.code, 80)}: ${quoted(state.message)}.`;
        await store.move(job, 'failed', {
          ...ended,
          failure: { kind, code: foreignText(state.code, 80), message, advice, retryable },
        });
        return;
      }
      case 'cancelled':
        await store.move(job, 'cancelled', ended);
        return;
      case 'missing': {
        const lastSeen = job.polledAt ?? job.submittedAt ?? job.createdAt;
        if (this.#isOurs(job) && now() - lastSeen > missingMs / this.#options.speed)
          await this.#lost(job, operation);
        else await store.postpone(job, { dueAt: next.dueAt });
        return;
      }
    }
  }

  /** A question that failed says nothing about the job, save when the cloud denies that the task exists. */
  async #pollFailed(job: Job, operation: Operation, error: unknown): Promise<void> {
    const { store, now, log } = this.#options;
    const failure = error instanceof Failure ? error : undefined;
    const age = now() - (job.submittedAt ?? job.createdAt);
    log.warn('progress could not be learned', {
      job: job.id,
      kind: failure?.kind,
      code: failure?.code,
      error,
    });
    const denied = failure?.kind === 'not_found' && failure.stage === 'refused';
    if (denied && this.#isOurs(job) && age > settlingMs / this.#options.speed) {
      await this.#lost(job, operation);
      return;
    }
    const attempts = job.attempts + 1;
    const wait = Math.max(failure?.retryAfterMs ?? 0, backoff(attempts) / this.#options.speed, 200);
    await store.postpone(job, { dueAt: now() + wait, attempts });
  }

  /** Another account's keys prove nothing about a task that they cannot see. */
  #isOurs(job: Job): boolean {
    return this.#options.connections[job.cloud]?.account === job.account;
  }

  async #lost(job: Job, operation: Operation): Promise<void> {
    const hours = Math.round(operation.wire.taskLifetimeSeconds / 3600);
    await this.#options.store.move(job, 'failed', {
      dueAt: null,
      failure: {
        kind: 'not_found',
        message: `${clouds[job.cloud]} no longer knows task ${quoted(job.cloudTaskId, 80)}.`,
        advice: `The cloud keeps tasks for ${hours} h. If it was finished, look for the result in the console.`,
        retryable: false,
      },
    });
  }

  #delay(operation: Operation, elapsedMs: number): number {
    const expectedMs = (operation.wire.renderSecondsPerSecond ?? 6) * 10_000;
    return pollDelay({ elapsedMs, expectedMs, speed: this.#options.speed });
  }
}
