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

/** Codes that prove the request never left: no connection was made. */
const neverConnected = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if (error instanceof AggregateError && error.errors.length > 0) {
    const codes = new Set(error.errors.map(errorCode));
    // Several addresses were tried; only when all failed alike is the common code a proof.
    return codes.size === 1
      ? ([...codes][0] ?? '')
      : [...codes].every((code) => neverConnected.has(code))
        ? 'ECONNREFUSED'
        : '';
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
      const deadline = AbortSignal.timeout(timeouts.connectMs + timeouts.headersMs + timeouts.bodyMs);
      let reply: Dispatcher.ResponseData;
      try {
        reply = await call(request.url, {
          dispatcher: request.ownConnection ? single : shared,
          method: request.method,
          headers: request.headers,
          body: request.body,
          signal: deadline,
        });
      } catch (error) {
        throw broken(neverConnected.has(errorCode(error)) ? 'not_sent' : 'no_reply', host, error);
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
