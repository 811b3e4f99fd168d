import { Failure, foreignText, quoted, ruleFor } from '../core/failure.ts';
import type { Job } from '../core/job.ts';
import { clouds, type Operation, type TaskState } from '../core/operation.ts';
import type { Budget } from './budget.ts';
import type { CopyPlace } from './copies.ts';
import { findLost } from './lookup.ts';
import { backoff, longestPollMs } from './poll-schedule.ts';
import type { ClaimedJob, JobChange } from './rows.ts';
import type { RunnerOptions } from './runner.ts';

export interface PollerOptions extends RunnerOptions {
  /** The budget of a cloud's account here. */
  readonly budget: (cloud: Job['cloud']) => Budget | undefined;
  /** Where results are copied to, if anywhere. */
  readonly copies?: CopyPlace;
}

/** A task that a cloud does not know so soon after accepting it may not have reached its records yet. */
const settlingMs = 60_000;
/** A cloud that loses sight of a task may find it again; lost is what it has denied so long and so often. */
const missingMs = 10 * 60_000;
const missingTimes = 4;
const idleMs = 30_000;
/** Without a Retry-After, a cloud that is asked too often is left alone for so long. */
const throttledMs = 1_000;
/** Closer than this share of the whole, two looks tell when a job ended. */
const closeShare = 0.2;

const clamp = (value: number, low: number, high: number) => Math.max(low, Math.min(value, high));

/** Asks after one job and records what came of it. The scheduler decides which and when. */
export class Poller {
  readonly #options: PollerOptions;
  readonly #operations: ReadonlyMap<string, Operation>;

  constructor(options: PollerOptions) {
    this.#options = options;
    this.#operations = new Map(options.operations.map((operation) => [operation.name, operation]));
  }

  /** Asks the cloud how a claimed job stands. */
  async poll(job: ClaimedJob): Promise<void> {
    const { store, connections, now, log } = this.#options;
    const operation = this.#operations.get(job.tool);
    const connection = connections[job.cloud];
    if (job.status === 'unknown' && operation && connection) {
      await findLost(job, operation, connection, this.#options);
      return;
    }
    if (!operation || !connection || !job.cloudTaskId) {
      await store.postpone(job, { dueAt: now() + idleMs });
      return;
    }
    let state: TaskState;
    try {
      state = operation.decode(await connection.query(operation.wire, job.cloudTaskId));
    } catch (error) {
      await this.#failed(job, operation, error);
      return;
    }
    if (state.state === 'pending' && state.unrecognised !== undefined) {
      log.warn('unknown task status', { job: job.id, status: quoted(state.unrecognised, 40) });
      if (this.#age(job) > operation.wire.taskLifetimeSeconds * 1000) {
        await this.#lost(job, operation);
        return;
      }
    }
    await this.#record(job, operation, state);
  }

  #age(job: Job): number {
    return this.#options.now() - (job.submittedAt ?? job.createdAt);
  }

  async #record(job: ClaimedJob, operation: Operation, state: TaskState): Promise<void> {
    const { store, now, expectations, speed } = this.#options;
    const seenAs = async (seen: Partial<Job>): Promise<JobChange> => {
      const delay = await expectations.pollDelay(operation, { ...job, ...seen });
      return { polledAt: now(), dueAt: Math.round(now() + delay), attempts: 0 };
    };
    const ended = { polledAt: now(), dueAt: null, queuePosition: null };
    switch (state.state) {
      case 'pending': {
        const next = await seenAs({});
        if (job.status !== 'pending' || state.queuePosition === job.queuePosition)
          await store.postpone(job, next);
        else await store.amend(job, { ...next, queuePosition: state.queuePosition ?? null });
        return;
      }
      case 'running': {
        const startedAt = state.startedAt && clamp(state.startedAt, job.submittedAt ?? 0, now());
        const next = { ...(await seenAs({ status: 'running', startedAt })), startedAt };
        const seen: JobChange = { ...next, progress: state.progress ?? null, queuePosition: null };
        if (job.status === 'pending') await store.move(job, 'running', seen);
        else if (state.progress !== job.progress) await store.amend(job, seen);
        else await store.postpone(job, next);
        return;
      }
      case 'done':
        await this.#succeeded(job, operation, state);
        return;
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
        const denied = job.attempts + 1 >= missingTimes && now() - lastSeen > missingMs / speed;
        const outlived = this.#age(job) > operation.wire.taskLifetimeSeconds * 1000;
        if (this.#isOurs(job) && (denied || outlived)) await this.#lost(job, operation);
        else await store.postpone(job, { dueAt: this.#later(job.attempts + 1), attempts: job.attempts + 1 });
        return;
      }
    }
  }

  async #succeeded(
    job: ClaimedJob,
    operation: Operation,
    state: Extract<TaskState, { state: 'done' }>,
  ): Promise<void> {
    const { store, now, expectations } = this.#options;
    // It ended after it was last seen unfinished, and before now: what the cloud's clock says is
    // believed between the two, whatever our own clock says.
    const earliest = Math.min(job.polledAt ?? job.submittedAt ?? now(), now());
    const endedAt = clamp(state.endedAt ?? earliest, earliest, now());
    const expiresAt = endedAt + operation.wire.resultLifetimeSeconds * 1000;
    const outputs = state.outputs.map((output) => ({ ...output, expiresAt }));
    const length = state.outputs.find(({ durationMs }) => durationMs)?.durationMs;
    const moved = await store.move(job, 'succeeded', {
      outputs,
      sentences: state.sentences,
      progress: 100,
      polledAt: now(),
      // Where results are copied, the job is due until that is done.
      dueAt: this.#options.copies ? now() : null,
      queuePosition: null,
      cloudMs: await this.#cloudTime(job, operation, state),
      ...(job.resultSeconds === undefined && length && { resultSeconds: length / 1000 }),
    });
    if (moved) expectations.forget(job.tool);
  }

  /**
   * How long the cloud took, in its own time: by its own words, else from the looks before and after the
   * end. Where these lie far apart they only bound it, and the expectation stands as far as they allow.
   */
  async #cloudTime(
    job: ClaimedJob,
    operation: Operation,
    { startedAt, endedAt }: { readonly startedAt?: number; readonly endedAt?: number },
  ): Promise<number | undefined> {
    const { now, speed, expectations } = this.#options;
    if (startedAt !== undefined && endedAt !== undefined && endedAt > startedAt)
      return (endedAt - startedAt) * speed;
    const began = job.startedAt ?? job.submittedAt;
    if (began === undefined) return undefined;
    const upper = (now() - began) * speed;
    const lower = ((job.polledAt ?? began) - began) * speed;
    if (upper <= 0 || lower < 0 || lower > upper) return undefined;
    if (upper - lower <= closeShare * upper) return (lower + upper) / 2;
    return clamp(await expectations.cloudTime(operation, job), lower, upper);
  }

  /** A question that failed says nothing about the job, save when the cloud denies that the task exists. */
  async #failed(job: ClaimedJob, operation: Operation, error: unknown): Promise<void> {
    const { store, log, speed, budget, connections } = this.#options;
    const failure = error instanceof Failure ? error : undefined;
    const { kind, code, stage, retryAfterMs } = failure ?? {};
    log.warn('progress could not be learned', {
      job: job.id,
      kind,
      code,
      cloud_request: failure?.requestId,
      error,
    });
    if (kind === 'not_found' && stage === 'refused' && this.#isOurs(job)) {
      if (this.#age(job) > settlingMs / speed) {
        await this.#lost(job, operation);
        return;
      }
    }
    if (retryAfterMs !== undefined || kind === 'throttled') {
      const ms = retryAfterMs ?? throttledMs / speed;
      // Ours at once and by the machine's uptime, the other processes' by the store.
      budget(job.cloud)?.hold(ms);
      await store.claims.hold(connections[job.cloud]?.account ?? job.account, ms);
    }
    const attempts = job.attempts + 1;
    await store.postpone(job, { dueAt: this.#later(attempts, retryAfterMs), attempts });
  }

  #later(attempts: number, retryAfterMs = 0): number {
    const { now, speed } = this.#options;
    const wait = Math.max(Math.min(retryAfterMs, longestPollMs), backoff(attempts) / speed, 200);
    return Math.round(now() + wait);
  }

  /** Another account's keys prove nothing about a task that they cannot see. */
  #isOurs(job: Job): boolean {
    return this.#options.connections[job.cloud]?.account === job.account;
  }

  async #lost(job: ClaimedJob, operation: Operation): Promise<void> {
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
}
