import type { Readable } from 'node:stream';
import { Agent, type Dispatcher, request as call } from 'undici';
import { Failure, foreignText, type ExchangeStage } from '../core/failure.ts';

/** Milliseconds since the epoch, from whoever keeps the time: the machine, or a test. */
export type Clock = () => number;

export interface HttpTimeouts {
  readonly connectMs: number;
  readonly headersMs: number;
  readonly bodyMs: number;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** A body that is read as it is sent; its length belongs in the headers. Bounded by `deadlineMs` in all. */
  readonly stream?: Readable;
  readonly signal?: AbortSignal;
  /** Longest time for the whole exchange, where the common one is too short. */
  readonly deadlineMs?: number;
  /**
   * Opens a connection for this request alone. A kept-alive connection may be closed by the
   * other side just as a submit leaves, and then nobody can tell whether it arrived.
   */
  readonly ownConnection?: boolean;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface Http {
  /** Sends one request. Never retries. Throws a `Failure` whose `stage` says how far it came. */
  send(request: HttpRequest): Promise<HttpReply>;
  close(): Promise<void>;
}

const maxReplyBytes = 4 * 1024 * 1024;

/** Codes that prove the request never left: no connection was made, or none that anything may be sent over. */
const neverConnected = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/** The same, if they come from the attempt to connect: an open connection can also end with some of them. */
const refusedConnection = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ETIMEDOUT',
]);

/** True only for proof that nothing of the request was sent. */
function nothingSent(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // Several addresses were tried, one after the other: all of them must have failed so.
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.every(nothingSent);
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (typeof code !== 'string') return nothingSent(error.cause);
  return neverConnected.has(code) || (refusedConnection.has(code) && syscall === 'connect');
}

function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if (error instanceof AggregateError && error.errors.length > 0) {
    const codes = new Set(error.errors.map(errorCode));
    return [...codes].join(', ');
  }
  const code = (error as NodeJS.ErrnoException).code;
  return typeof code === 'string' ? code : errorCode(error.cause);
}

function broken(stage: ExchangeStage, host: string, error: unknown): Failure {
  const code = errorCode(error) || undefined;
  const reason = code ?? (error instanceof Error ? error.name : 'unknown reason');
  return stage === 'not_sent'
    ? new Failure({
        kind: 'network',
        message: `No connection to ${foreignText(host, 120)} (${reason}). Nothing was sent.`,
        advice: 'Check the network, a proxy, and the configured address of this cloud.',
        retryable: true,
        stage,
        code,
        cause: error,
      })
    : new Failure({
        kind: 'network',
        message: `The exchange with ${foreignText(host, 120)} broke off (${reason}).`,
        advice: 'Try again later.',
        retryable: true,
        stage,
        code,
        cause: error,
      });
}

async function readBody(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxReplyBytes) throw new Error(`reply above ${maxReplyBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * HTTP to the clouds: bounded in time (connect, headers, body) and in size. Redirects are not followed: no documented call answers with one.
 */
export function createHttp(
  timeouts: HttpTimeouts = { connectMs: 5_000, headersMs: 20_000, bodyMs: 10_000 },
): Http {
  const options = {
    connect: { timeout: timeouts.connectMs },
    headersTimeout: timeouts.headersMs,
    bodyTimeout: timeouts.bodyMs,
  };
  const shared = new Agent(options);
  const single = new Agent({ ...options, pipelining: 0 });

  return {
    async send(request) {
      const host = new URL(request.url).host;
      const { connectMs, headersMs, bodyMs } = timeouts;
      const deadline = AbortSignal.timeout(request.deadlineMs ?? connectMs + headersMs + bodyMs);
      let reply: Dispatcher.ResponseData;
      try {
        reply = await call(request.url, {
          dispatcher: request.ownConnection ? single : shared,
          method: request.method,
          headers: request.headers,
          body: request.stream ?? request.body,
          signal: request.signal ? AbortSignal.any([request.signal, deadline]) : deadline,
        });
      } catch (error) {
        // What was to be sent could not be read: its own failure says why.
        if (error instanceof Failure) throw error;
        throw broken(nothingSent(error) ? 'not_sent' : 'no_reply', host, error);
      }
      try {
        return { status: reply.statusCode, headers: reply.headers, body: await readBody(reply.body) };
      } catch (error) {
        throw broken('reply_cut', host, error);
      }
    },
    async close() {
      await Promise.all([shared.destroy(), single.destroy()]);
    },
  };
}
