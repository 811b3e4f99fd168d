import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type * as z from 'zod';
import { type ErrorRule, Failure, quoted } from '../core/failure.ts';
import type { Cloud, Wire } from '../core/operation.ts';
import { clouds } from '../core/operation.ts';
import type { Clock, Http, HttpReply, HttpRequest } from './http.ts';

/** What an upload needs of a file. */
export interface UploadFile {
  /** With its ending: a stranger's text, of which only a plain ending is passed on. */
  readonly name: string;
  readonly bytes: number;
  stream(): Readable;
}

export interface UploadOptions {
  readonly signal?: AbortSignal;
  /** Called with the bytes of the file sent so far. */
  readonly progress?: (sentBytes: number) => void;
}

/** An address that this cloud alone can read, for a time. */
export interface Uploaded {
  readonly url: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** A task that a cloud lists. */
export interface RecentTask {
  readonly taskId: string;
  /** Milliseconds since the epoch, by this machine's clock. */
  readonly submittedAt: number;
}

/** A configured account, reachable. Replies are checked against the wire's own schemas. */
export interface CloudConnection {
  /** Fingerprint of the account: tells two accounts apart in the job file without naming a key. */
  readonly account: string;
  /** Sends a submission exactly once. Throws a `Failure` whose `stage` tells whether it may have been accepted. */
  submit(wire: Wire, request: unknown): Promise<unknown>;
  /** Asks how a task stands. Safe to repeat. */
  query(wire: Wire, taskId: string): Promise<unknown>;
  /** Asks to cancel a task; absent where the cloud documents no such call. */
  readonly cancel?: (taskId: string) => Promise<void>;
  /** Lists tasks by the time of their submission, both ends included; absent where the cloud has no such list. */
  readonly findRecent?: (
    wire: Wire,
    submitted: { readonly from: number; readonly to: number },
  ) => Promise<readonly RecentTask[]>;
  /** Reads something that is no task, such as a list of assets. */
  readonly ask?: (address: string, payload: unknown) => Promise<unknown>;
  /** Stores a file with the cloud for one of its models; absent where the cloud has no such store. */
  readonly upload?: (model: string, file: UploadFile, options?: UploadOptions) => Promise<Uploaded>;
}

/** A stable mark for an account, from its address and the public half of its keys. */
export function accountFingerprint(url: string, keyId: string): string {
  return createHash('sha256')
    .update(`${new URL(url).host}\n${keyId}`)
    .digest('hex')
    .slice(0, 16);
}

/** Beyond this difference a signature is at risk: the clouds allow five minutes. */
const dangerousSkewMs = 4 * 60_000;

/** The cloud's time as far as known: the local clock, corrected by the `Date` header of replies. */
export class CloudClock {
  #skewMs = 0;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock() + this.#skewMs;
  }

  /**
   * Takes over the cloud's time. True when `signedAt` was dangerously far from it: of several requests under
   * way at once, the first reply corrects the clock, but all were signed with the wrong one.
   */
  learn(reply: HttpReply, signedAt: number): boolean {
    const date = Date.parse(String(reply.headers.date ?? ''));
    if (Number.isNaN(date)) return false;
    const off = date - this.now();
    if (Math.abs(off) >= dangerousSkewMs) this.#skewMs += off;
    return Math.abs(date - signedAt) >= dangerousSkewMs;
  }
}

const mostTries = 3;

/**
 * One signed exchange. A refusal while the clock was off is followed by another try with the cloud's own
 * time: a refusal is a definite answer, so nothing can have been accepted. One such try is enough, but when
 * a clock is set right in the middle of it.
 */
export async function signedExchange<T>(
  http: Http,
  clock: CloudClock,
  build: (now: number) => HttpRequest,
  read: (reply: HttpReply) => T,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const signedAt = clock.now();
    const reply = await http.send(build(signedAt));
    const wasOff = clock.learn(reply, signedAt);
    try {
      return read(reply);
    } catch (error) {
      const refused = error instanceof Failure && error.stage === 'refused';
      if (!wasOff || !refused || tries === mostTries) throw error;
    }
  }
}

const longestRetryAfterMs = 3_600_000;

/** What Retry-After asks for, in seconds or as a date (RFC 9110), which counts from the cloud's own Date; an hour at most. */
function retryAfterMs({ headers }: HttpReply): number | undefined {
  const text = String(headers['retry-after'] ?? '');
  const ms = /^\d+$/.test(text)
    ? Number(text) * 1000
    : Date.parse(text) - Date.parse(String(headers.date ?? ''));
  return ms > 0 ? Math.min(ms, longestRetryAfterMs) : undefined;
}

/** A reply's JSON object, or undefined when it holds none. */
export function jsonObject(reply: HttpReply): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(reply.body);
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** A definite refusal in the vendor's own words: certain not to have been accepted. */
export function refusal(
  cloud: Cloud,
  reply: HttpReply,
  rule: ErrorRule,
  details: { code: string; message?: unknown; requestId?: unknown },
): Failure {
  return new Failure({
    kind: rule.kind,
    message: `${clouds[cloud]} refused with ${quoted(details.code, 80)}: ${quoted(details.message)}.`,
    advice: rule.advice,
    retryable: rule.retry,
    code: details.code,
    requestId: typeof details.requestId === 'string' ? details.requestId : undefined,
    stage: 'refused',
    retryAfterMs: retryAfterMs(reply),
  });
}

/** What a reply without the vendor's own error body means, by HTTP status. */
export function bareReply(cloud: Cloud, reply: HttpReply): Failure {
  const { status } = reply;
  const answer = `${clouds[cloud]} answered HTTP ${status} without a readable body`;
  if (status === 429)
    return new Failure({
      kind: 'throttled',
      message: `${answer}.`,
      advice: 'Too many calls; the server slows down by itself.',
      retryable: true,
      stage: 'refused',
      retryAfterMs: retryAfterMs(reply),
    });
  // 408 may come from something that has passed half of the request on: it proves nothing.
  if (status >= 300 && status < 500 && status !== 408)
    return new Failure({
      kind: status === 401 || status === 403 ? 'permission' : 'cloud',
      message: `${answer}: ${quoted(reply.body, 120)}.`,
      advice: 'Check the configured address of this cloud, and any proxy on the way.',
      stage: 'refused',
    });
  return new Failure({
    kind: 'cloud',
    message: `${answer}.`,
    advice: 'The cloud failed on its side; try again later.',
    retryable: true,
    stage: status >= 400 ? 'server_error' : 'reply_unreadable',
    retryAfterMs: retryAfterMs(reply),
  });
}

/** Checks a successful reply against the wire; a reply that lacks what we need proves nothing. */
export function conforming<S extends z.ZodType>(cloud: Cloud, schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const missing = parsed.error.issues.map((issue) => issue.path.join('.')).join(', ');
  throw new Failure({
    kind: 'cloud',
    message: `${clouds[cloud]} sent a reply without a usable ${missing}.`,
    advice: 'The cloud answered in a form that its documentation does not know; try again later.',
    retryable: true,
    stage: 'reply_unreadable',
  });
}
