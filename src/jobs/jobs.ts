import type { Job, JobOutput } from '../core/job.ts';
import type { Operation } from '../core/operation.ts';
import type { JobFilter } from './rows.ts';

export interface Submission {
  readonly input: Readonly<Record<string, unknown>>;
  /** What makes two submissions the same, where it is not `input`: local files by their hash. */
  readonly identity?: Readonly<Record<string, unknown>>;
  readonly warnings: readonly string[];
  readonly idempotencyKey?: string;
  /** Estimated seconds of result, where they are known before the cloud says. */
  readonly resultSeconds?: number;
}

/** How long a job is expected to take in its cloud. */
export interface Expectation {
  readonly milliseconds: number;
  /** From jobs that have finished here, from the cloud's pages, or from neither. */
  readonly basis: 'learned' | 'documented' | 'assumed';
  /** Finished jobs that it was learned from. */
  readonly samples: number;
}

/** One principal's jobs. Another's job is answered exactly as one that does not exist. */
export interface Jobs {
  /**
   * Commits the intent, then sends it when its lane has room. Answers with the cloud's receipt stored, or
   * after 20 s with whatever is known. Throws `conflict` when the idempotency key belongs to another input.
   */
  submit(operation: Operation, submission: Submission): Promise<Job>;
  /**
   * The job that already has this idempotency key, so that nothing is probed or uploaded for a repeat.
   * `identity` is what `submit` would be given, or `input` without it. Throws `conflict` when they differ.
   */
  find(
    operation: Operation,
    sought: { readonly identity: Readonly<Record<string, unknown>>; readonly idempotencyKey: string },
  ): Promise<Job | undefined>;
  /** Throws `not_found`. */
  get(id: string): Promise<Job>;
  /**
   * Follows a task that was submitted elsewhere. The cloud is asked first, so that a wrong id is not
   * stored. Throws `not_found` when the cloud does not know the task.
   */
  adopt(tool: string, cloudTaskId: string): Promise<Job>;
  /** Tells a job of unknown outcome which task it became. */
  settle(job: Job, cloudTaskId: string): Promise<Job>;
  /**
   * Cancels what can be cancelled: a held job here, a job of unknown outcome by letting it go, a job in a
   * cloud by asking that cloud. Throws `unsupported` where the cloud documents no such call.
   */
  cancel(job: Job): Promise<Job>;
  /** Newest first, without inputs and sentences. */
  list(filter: Omit<JobFilter, 'principal'>): Promise<Job[]>;
  /** Jobs held here that go before this one, whoever they belong to. */
  aheadOf(job: Job): Promise<number>;
  /** The job once it differs in a way that readers see, or as it is when `ms` have passed or `signal` fires. */
  waitForChange(job: Job, ms: number, signal?: AbortSignal): Promise<Job>;
  /** Calls the listener with every job that changes, here or in another process on the same store. */
  listen(listener: (job: Job) => void): () => void;
  /** Records where outputs were stored, and what is to be said about that. */
  recordOutputs(job: Job, outputs: readonly JobOutput[], notes?: readonly string[]): Promise<Job>;
  expectation(operation: Operation, resultSeconds?: number): Promise<Expectation>;
  /** Seconds until a job's expected end; undefined when it has ended or no estimate holds any longer. */
  etaSeconds(job: Job): Promise<number | undefined>;
}
