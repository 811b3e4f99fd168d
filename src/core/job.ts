import type { FailureKind } from './failure.ts';
import type { Cloud, OutputKind, Sentence } from './operation.ts';

/** Every state and the states that may follow it. A job never moves any other way. */
export const transitions = {
  /** Held here until the account has room. */
  queued: ['submitting', 'failed', 'cancelled'],
  /** The intent is committed and the request may have left. Back to `queued` only on proof of refusal. */
  submitting: ['queued', 'pending', 'failed', 'unknown'],
  /** Accepted by the cloud. */
  pending: ['running', 'succeeded', 'failed', 'cancelled'],
  running: ['succeeded', 'failed', 'cancelled'],
  /** The outcome of the submit call could not be learned. Left only by adoption or release. */
  unknown: ['pending', 'running', 'succeeded', 'failed', 'cancelled'],
  succeeded: [],
  failed: [],
  cancelled: [],
} as const satisfies Record<string, readonly string[]>;

export type JobStatus = keyof typeof transitions;

export const jobStatuses = Object.keys(transitions) as readonly JobStatus[];

export function canMove(from: JobStatus, to: JobStatus): boolean {
  return (transitions[from] as readonly JobStatus[]).includes(to);
}

export function isFinal(status: JobStatus): boolean {
  return transitions[status].length === 0;
}

/** States in which a cloud holds the job, so that asking for its progress makes sense. */
export const pollable = ['pending', 'running'] as const satisfies readonly JobStatus[];

/** States that take up room in a lane. */
export const occupying = ['submitting', 'pending', 'running'] as const satisfies readonly JobStatus[];

export interface JobOutput {
  readonly kind: OutputKind;
  readonly url: string;
  readonly mimeType: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly durationMs?: number;
  readonly localPath?: string;
  readonly sizeBytes?: number;
  readonly sha256?: string;
  /** The name of its copy in the configured bucket. */
  readonly bucketKey?: string;
}

export interface JobFailure {
  readonly kind: FailureKind;
  readonly code?: string;
  readonly message: string;
  readonly advice: string;
  readonly retryable: boolean;
}

/** One job as stored. All times are milliseconds since the epoch. */
export interface Job {
  readonly id: string;
  /** Whose job it is: '' is the one user of this machine. Others neither see it nor learn that it exists. */
  readonly principal: string;
  readonly tool: string;
  readonly cloud: Cloud;
  /** Which of the cloud's accounts holds it: a fingerprint, never a key. */
  readonly account: string;
  readonly lane: string;
  readonly status: JobStatus;
  /** Loaded for single jobs only; once sent, long values are replaced by their hash and length. */
  readonly input?: Readonly<Record<string, unknown>>;
  readonly inputDigest: string;
  /** Estimated seconds of result, where they are known before the cloud says. */
  readonly resultSeconds?: number;
  readonly idempotencyKey?: string;
  readonly cloudTaskId?: string;
  readonly progress?: number;
  /** Jobs ahead of this one in the cloud's own queue. */
  readonly queuePosition?: number;
  readonly outputs: readonly JobOutput[];
  /** Of speech: what was said, with the time of every word. Loaded for single jobs only. */
  readonly sentences?: readonly Sentence[];
  readonly failure?: JobFailure;
  readonly warnings: readonly string[];
  readonly sandbox: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly submittedAt?: number;
  /** When the cloud began to work on it, where it says so. */
  readonly startedAt?: number;
  readonly polledAt?: number;
  /** When the runner should next act on it; absent for a job that needs nothing. */
  readonly dueAt?: number;
  /** Submissions proved refused, or questions without an answer in a row. */
  readonly attempts: number;
  /** Rises with every stored change, over all jobs: the change feed is "greater than the last one seen". */
  readonly revision: number;
}
