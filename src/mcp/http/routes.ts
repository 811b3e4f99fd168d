import type { IncomingMessage, ServerResponse } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { foreignText } from '../../core/failure.ts';
import type { Application } from '../application.ts';
import { scopeNames } from '../caller.ts';
import { requestIdFrom, traceIdFrom } from '../trace.ts';
import type { Authentication } from './authentication.ts';
import { isSecret, taskOf } from './callback.ts';
import type { Endpoint, Visit } from './endpoint.ts';
import { allowPage, type Guard, preflight } from './guard.ts';
import type { Metrics } from './metrics.ts';
import { reasonsNotReady } from './readiness.ts';
import { refusal } from './refusal.ts';
import { knownMethod, knownTool } from './required-scope.ts';

export interface Parts {
  readonly application: Application;
  readonly authentication: Authentication;
  readonly endpoint: Endpoint;
  readonly guard: Guard;
  readonly metrics: Metrics;
  /** The address by which callers know `/mcp`. */
  readonly resource: string;
}

/** Where the OAuth metadata of `/mcp` are (RFC 9728): with the path appended, and without for older clients. */
const metadataPaths = new Set([
  '/.well-known/oauth-protected-resource',
  '/.well-known/oauth-protected-resource/mcp',
]);
const callbackPath = '/callbacks/ivh/';

async function send(response: ServerResponse, answer: Response): Promise<void> {
  const body = Buffer.from(await answer.arrayBuffer());
  response.writeHead(answer.status, { ...Object.fromEntries(answer.headers), 'content-length': body.length });
  response.end(body);
}

const absent = () => refusal(404, 'There is nothing here. MCP is at /mcp.');

/** Every request that comes in, and what is under way. */
export class Routes {
  readonly #parts: Parts;
  readonly #visits = new Set<Visit>();
  #onQuiet: (() => void) | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  openStreams(): Record<'legacy' | 'modern', number> {
    const lasting = [...this.#visits].filter((visit) => visit.lasting);
    const modern = lasting.filter(({ era }) => era === 'modern').length;
    return { legacy: lasting.length - modern, modern };
  }

  /** Resolves when nothing is under way but streams that last. */
  async quiet(): Promise<void> {
    while ([...this.#visits].some((visit) => !visit.lasting))
      await new Promise<void>((resolve) => {
        this.#onQuiet = resolve;
      });
  }

  /** Answers one request. Never rejects. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = requestIdFrom(request.headers['x-request-id']);
    // Handlers below find it where they find every header.
    request.headers['x-request-id'] = id;
    response.setHeader('x-request-id', id);
    response.setHeader('cache-control', 'no-store');
    response.setHeader('x-content-type-options', 'nosniff');
    try {
      const answer = await this.#answer(request, response);
      if (!answer) return;
      // What was not read of a refused body is not waited for.
      if (!request.complete) response.setHeader('connection', 'close');
      await send(response, answer);
    } catch (error) {
      this.#parts.application.log.error('a request failed', { request_id: id, error });
      if (response.headersSent) response.destroy();
      else await send(response, refusal(500, 'This server failed.', { code: -32603 }));
    }
  }

  /** @returns undefined when the response has been taken over */
  async #answer(request: IncomingMessage, response: ServerResponse): Promise<Response | undefined> {
    const { url = '' } = request;
    if (!url.startsWith('/') || !URL.canParse(url, 'http://here'))
      return refusal(400, 'The address of the request is not understood.');
    const { pathname } = new URL(url, 'http://here');
    // Probes come by address and without a key, and learn nothing of anybody's jobs.
    if (pathname === '/healthz') return Response.json({ status: 'ok' });
    if (pathname === '/readyz') return this.#readiness();
    const refused = this.#parts.guard.refuse(request);
    if (refused) return refused;
    if (pathname.startsWith(callbackPath))
      return this.#callback(request, pathname.slice(callbackPath.length));
    if (pathname === '/metrics') return this.#metrics();
    if (metadataPaths.has(pathname)) return this.#metadata();
    if (pathname !== '/mcp') return absent();
    allowPage(request, response);
    if (request.method === 'OPTIONS') return preflight(request);
    return this.#mcp(request, response);
  }

  async #readiness(): Promise<Response> {
    const reasons = await reasonsNotReady(this.#parts.application);
    return Response.json(
      { ready: reasons.length === 0, reasons },
      { status: reasons.length === 0 ? 200 : 503 },
    );
  }

  async #metrics(): Promise<Response> {
    const { metrics } = this.#parts;
    return new Response(await metrics.text(), { headers: { 'content-type': metrics.contentType } });
  }

  #metadata(): Response {
    const { application, resource } = this.#parts;
    const { jwt } = application.config.http;
    if (!jwt) return absent();
    return Response.json(
      {
        resource,
        authorization_servers: [jwt.issuer],
        scopes_supported: scopeNames,
        bearer_methods_supported: ['header'],
        resource_name: 'Digital Human',
      },
      { headers: { 'access-control-allow-origin': '*' } },
    );
  }

  /** A hint to ask the cloud now, and nothing more: callbacks are unsigned. */
  async #callback(request: IncomingMessage, presented: string): Promise<Response> {
    const { application } = this.#parts;
    if (request.method !== 'POST' || !isSecret(application.config.http.callbackSecret, presented))
      return absent();
    const task = await taskOf(request);
    const known = await application
      .engine()
      .then((engine) => task !== undefined && engine.hint(task))
      .catch((error: unknown) => {
        application.log.error('a callback could not be heeded', { error });
        return false;
      });
    application.log.info('callback', { task: foreignText(task, 128), known });
    return Response.json({ status: 'ok' });
  }

  async #mcp(request: IncomingMessage, response: ServerResponse): Promise<Response | undefined> {
    const { application, authentication, endpoint } = this.#parts;
    const caller = await authentication.identify(request.headers.authorization);
    if (caller instanceof Response) return caller;
    if (application.leaving.aborted) {
      response.setHeader('connection', 'close');
      return refusal(503, 'This server is about to stop. Try again.', { retryAfterSeconds: 1 });
    }
    const visit: Visit = { caller };
    const started = performance.now();
    this.#visits.add(visit);
    response.once('close', () => {
      this.#visits.delete(visit);
      this.#tell(request, response, visit, performance.now() - started);
      this.#onQuiet?.();
    });
    const handle = toNodeHandler(
      { fetch: (web) => endpoint.fetch(web, visit) },
      {
        maxRequestBodySize: application.config.http.maxBodyBytes,
        onerror: (error) => application.log.error('a request failed', { error }),
      },
    );
    await handle(request, response);
    return undefined;
  }

  #tell(request: IncomingMessage, response: ServerResponse, visit: Visit, duration: number): void {
    const { application } = this.#parts;
    const { headers } = request;
    application.log.info('request', {
      request_id: headers['x-request-id'],
      trace_id: traceIdFrom(headers.traceparent),
      principal: visit.caller.principal || 'local',
      verb: request.method,
      era: visit.era,
      method: knownMethod(visit.asked),
      tool: knownTool(visit.asked, application.tools()),
      status: response.statusCode,
      duration_ms: Math.round(duration),
    });
  }
}
