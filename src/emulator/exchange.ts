import type { IncomingMessage, ServerResponse } from 'node:http';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Wire } from '../core/operation.ts';
import type { CloudError } from './cloud-error.ts';

/** What a request asks for; requests are counted and faults are scripted by this. */
export type CallKind = 'submit' | 'query' | 'result' | 'cancel' | 'list' | 'policy' | 'upload';

/** A whole request, read. */
export interface Message {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  /** The body as JSON; undefined when it is not JSON. */
  readonly json: unknown;
  /** The body went past `maxBodyBytes`; what is here is not all of it. */
  readonly tooLarge: boolean;
}

export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text, or a stretch of a file (both ends included). */
  readonly body: string | { readonly file: string; readonly start: number; readonly end: number };
}

/** A request that a dialect recognised. */
export interface Visit {
  readonly call?: CallKind;
  readonly wire?: Wire;
  /** The clock of this exchange in epoch milliseconds: real time, or shifted by a fault. */
  readonly now: number;
  /** Status word that a query must answer instead of the true one. */
  readonly statusWord?: string;
}

/** One cloud's protocol. */
export interface Dialect {
  /** Undefined when the request is not for this cloud. */
  classify(message: Message): Pick<Visit, 'call' | 'wire'> | undefined;
  /** @throws CloudError to refuse the call */
  answer(message: Message, visit: Visit): Promise<Reply>;
  /** How this cloud says no. */
  refusal(error: CloudError): Reply;
  /** How it says that it broke. */
  readonly internalError: { readonly code: string; readonly message: string };
}

/** Tencent documents 10 MB for signed POST bodies; the same bound serves every dialect here. */
export const maxBodyBytes = 10 * 1024 * 1024;

export function jsonReply(status: number, value: unknown): Reply {
  return { status, type: 'application/json', body: JSON.stringify(value) };
}

/** Reads a request. A body past the bound is read on, so that its sender hears the refusal, but not kept. */
export async function readMessage(request: IncomingMessage): Promise<Message> {
  const url = new URL(request.url ?? '/', 'http://emulator');
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= maxBodyBytes) chunks.push(chunk);
    else if (bytes > 8 * maxBodyBytes) throw new Error('The request body never seems to end.');
  }
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(request.headers))
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  const body = Buffer.concat(chunks);
  return {
    method: request.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers,
    body,
    json: parse(body),
    tooLarge: bytes > maxBodyBytes,
  };
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** How a scripted fault spoils the way back. */
export interface Spoiling {
  /** `unanswered`: nothing at all is sent. */
  readonly cut?: 'unanswered' | 'before_body' | 'mid_body';
}

/** Sends a reply with its Date header, spoiled as asked. */
export async function sendReply(
  response: ServerResponse,
  reply: Reply,
  now: number,
  spoiling: Spoiling = {},
): Promise<void> {
  const socket = response.socket;
  if (spoiling.cut === 'unanswered') return void socket?.destroy();
  const { body } = reply;
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.end - body.start + 1;
  response.writeHead(reply.status, {
    'content-type': reply.type,
    'content-length': length,
    date: new Date(now).toUTCString(),
    ...reply.headers,
  });
  if (response.req.method === 'HEAD') return void response.end();
  if (spoiling.cut) {
    response.flushHeaders();
    const half = spoiling.cut === 'mid_body' ? Math.floor(length / 2) : 0;
    if (half > 0) await writePart(response, body, half);
    // One turn of the loop lets the kernel take what was written before the socket goes.
    setImmediate(() => socket?.destroy());
    return;
  }
  if (typeof body === 'string') response.end(body);
  else await pipeline(createReadStream(body.file, { start: body.start, end: body.end }), response);
}

async function writePart(response: ServerResponse, body: Reply['body'], bytes: number): Promise<void> {
  const write = (part: Buffer) => new Promise<void>((done) => response.write(part, () => done()));
  if (typeof body === 'string') return write(Buffer.from(body).subarray(0, bytes));
  const part = createReadStream(body.file, { start: body.start, end: body.start + bytes - 1 });
  for await (const chunk of part as AsyncIterable<Buffer>) await write(chunk);
}
