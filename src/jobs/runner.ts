import { setTimeout as pause } from 'node:timers/promises';
import type { Connections } from '../clouds/accounts.ts';
import { acceptedAt, Failure } from '../core/failure.ts';
import type { JobFailure } from '../core/job.ts';
import type { Operation } from '../core/operation.ts';
import type { Log } from '../log.ts';
import type { Expectations } from './expectations.ts';
import type { LaneRules } from './lane-rules.ts';
import { searchDelay } from './lookup.ts';
import type { ClaimedJob, JobChange } from './rows.ts';
import type { JobStore } from './store.ts';
import { unknownOutcome } from './unknown.ts';

export interface RunnerOptions {
  readonly store: JobStore;
  readonly lanes: LaneRules;
  readonly expectations: Expectations;
  readonly connections: Connections;
  readonly operations: readonly Operation[];
  readonly now: () => number;
  /** How much faster than real time the clouds run; 1 but in the sandbox. */
  readonly speed: number;
  readonly log: Log;
  /** Fires when this process ends its work. */
  readonly stopping: AbortSignal;
}

/** Held jobs give up on an unreachable cloud after this long, and on a full account after a day. */
const unreachableMs = 10 * 60_000;
const fullMs = 24 * 3_600_000;

const searching =
  'Its own list of tasks is searched for this one over the next minutes: wait for that with get_progress first.';

export function toJobFailure(failure: Failure): JobFailure {
  const { kind, code, message, advice, retryable } = failure;
  return { kind, code, message, advice, retryable };
}

/** Sends one job and records what came of it. The scheduler decides which and when. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #operations: ReadonlyMap<string, Operation>;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#operations = new Map(options.operations.map((operation) => [operation.name, operation]));
  }

  /** A submission whose process ended before it learned the answer. */
  async abandoned(job: ClaimedJob): Promise<void> {
    await this.#unknown(job, 'A server process ended between sending and learning the answer.');
  }

  /** The job may be running and billed: it is reported and never sent again. */
  async #unknown(job: ClaimedJob, reason: string, code?: string): Promise<void> {
    const { store, connections, lanes, now } = this.#options;
    const rule = lanes.of(job);
    if (rule) await store.lanes.answered(job, rule, false).catch(() => {});
    const findable = connections[job.cloud]?.findRecent !== undefined;
    await this.#stored(job, () =>
      store.move(job, 'unknown', {
        failure: unknownOutcome(job, reason, code, findable ? searching : ''),
        dueAt: findable ? now() + (searchDelay(0) ?? 0) : null,
        attempts: 0,
      }),
    );
  }

  /** Sends a job that was claimed into `submitting`. Exactly one request; what follows depends on its proof. */
  async submit(job: ClaimedJob): Promise<void> {
    const { connections, expectations, lanes, store, log, now } = this.#options;
    const operation = this.#operations.get(job.tool);
    const connection = connections[job.cloud];
    if (!operation || !connection || !job.input)
      throw new Error(`claimed a job of ${job.cloud} that cannot be sent from here`);
    let cloudTaskId: string;
    try {
      const reply = await connection.submit(operation.wire, operation.encode(job.input));
      cloudTaskId = String(operation.taskId(reply));
    } catch (error) {
      await this.#submitFailed(job, error);
      return;
    }
    log.info('submitted', { job: job.id, cloud: job.cloud, task: cloudTaskId });
    const rule = lanes.of(job);
    const delay = await expectations.pollDelay(operation, job).catch(() => 0);
    await this.#receipt(job, { cloudTaskId, dueAt: Math.round(now() + delay), attempts: 0, failure: null });
    if (rule) await store.lanes.answered(job, rule, true);
  }

  /** Stores the receipt, even if another process took this one for dead meanwhile and marked the job unknown. */
  async #receipt(job: ClaimedJob, receipt: JobChange & { readonly cloudTaskId: string }): Promise<void> {
    const { store, log } = this.#options;
    let [stored, taken] = [false, false];
    await this.#stored(job, async () => {
      try {
        stored = (await store.move(job, 'pending', receipt)) !== undefined;
        if (stored) return;
        const current = await store.get(job.id);
        stored =
          current?.status === 'unknown' && (await store.move(current, 'pending', receipt)) !== undefined;
      } catch (error) {
        // One task is one job: with the task of another, the cloud has not said what became of this one.
        const holder = await store.byTask(job.cloud, receipt.cloudTaskId);
        taken = holder !== undefined && holder.id !== job.id;
        if (!taken) throw error;
      }
    });
    if (taken) await this.#unknown(job, 'The cloud answered with a task that another job follows.');
    else if (!stored)
      log.warn('a receipt came after its job was settled', { job: job.id, task: receipt.cloudTaskId });
  }

  /**
   * Repeats a write until the store takes it, or this process ends: what a cloud has answered to a
   * submission is told once and must not be lost to a disk that is full for a minute.
   */
  async #stored(job: ClaimedJob, write: () => Promise<unknown>): Promise<void> {
    const { log, stopping } = this.#options;
    for (let tries = 0; ; tries++) {
      try {
        await write();
        return;
      } catch (error) {
        if (!(error instanceof Failure) || error.kind !== 'storage' || stopping.aborted) throw error;
        log.error('what came of a submission cannot be stored yet', { job: job.id, error });
        await pause(Math.min(500 * 2 ** tries, 15_000), undefined, { signal: stopping }).catch(
          () => undefined,
        );
      }
    }
  }

  async #submitFailed(job: ClaimedJob, error: unknown): Promise<void> {
    const { log, lanes, now, speed, store } = this.#options;
    if (!(error instanceof Failure) || !error.stage) {
      log.error('submit failed in this server', { job: job.id, error });
      await this.#unknown(job, 'This server failed while submitting.');
      return;
    }
    const { stage, code, kind, retryAfterMs, requestId } = error;
    log.warn('submit refused or broken off', { job: job.id, stage, code, kind, cloud_request: requestId });
    if (acceptedAt[stage] === 'unknown') {
      await this.#unknown(job, error.message, code);
      return;
    }
    const held = kind === 'capacity' || kind === 'throttled';
    const patience = held ? fullMs : stage === 'not_sent' && kind === 'network' ? unreachableMs : 0;
    const failure = toJobFailure(error);
    const rule = lanes.of(job);
    if (!rule || now() - job.createdAt >= patience) {
      await this.#stored(job, () => this.#refused(job, failure));
      return;
    }
    const refusal = { full: kind === 'capacity', retryAfterMs, speed };
    await this.#stored(job, async () => {
      const back = await store.lanes.putBack(job, rule, refusal, { attempts: job.attempts + 1, failure });
      if (!back) await this.#refused(job, failure);
    });
  }

  /** Ends a job that was refused, also one that was marked unknown while the refusal was on its way. */
  async #refused(job: ClaimedJob, failure: JobFailure): Promise<void> {
    const { store } = this.#options;
    const change = { failure, dueAt: null };
    if (await store.move(job, 'failed', change)) return;
    const current = await store.get(job.id);
    if (current?.status === 'unknown') await store.move(current, 'failed', change);
  }
}
