import { randomUUID } from 'node:crypto';
import {
  isInitializeRequest,
  type Server,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import type { Application } from '../application.ts';
import type { Caller } from '../caller.ts';
import { createServer } from '../server.ts';
import { EventLog } from './event-log.ts';
import { refusal } from './refusal.ts';
import { whenDone } from './streams.ts';

interface Session {
  readonly principal: string;
  readonly server: Server;
  readonly transport: WebStandardStreamableHTTPServerTransport;
  /** Answers under way: a session with one is not idle. */
  open: number;
  lastUsed: number;
}

const sweepsPerLife = 4;

/** The 2025 protocol: a session for each host, so that its subscriptions and its resumption have a place. */
export class Sessions {
  readonly #application: Application;
  readonly #sessions = new Map<string, Session>();
  readonly #sweep: NodeJS.Timeout;

  constructor(application: Application) {
    this.#application = application;
    const period = Math.min(60_000, application.config.http.sessionMs / sweepsPerLife);
    this.#sweep = setInterval(() => this.#endIdle(), period).unref();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Serves one request. Another principal's session is answered exactly as one that does not exist. */
  async fetch(request: Request, caller: Caller, body: unknown): Promise<Response> {
    const id = request.headers.get('mcp-session-id');
    if (id === null && isInitializeRequest(body)) return this.#begin(request, caller, body);
    if (id === null) return refusal(400, 'The header Mcp-Session-Id is missing: send initialize first.');
    const session = this.#sessions.get(id);
    if (session?.principal !== caller.principal)
      return refusal(404, 'There is no such session. Send initialize to begin one.', { code: -32001 });
    return this.#serve(session, request, body);
  }

  async #begin(request: Request, caller: Caller, body: unknown): Promise<Response> {
    if (!this.#makeRoom(caller.principal))
      return refusal(503, 'There is no room for another session now.', { retryAfterSeconds: 10 });
    const { log, config } = this.#application;
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      eventStore: new EventLog(),
      maxRequestBodySize: config.http.maxBodyBytes,
      onsessioninitialized: (id) => void this.#sessions.set(id, session),
    });
    const server = createServer(this.#application, 'legacy', caller);
    const session: Session = {
      principal: caller.principal,
      server,
      transport,
      open: 0,
      lastUsed: Date.now(),
    };
    const ended = server.onclose;
    server.onclose = () => {
      ended?.();
      this.#sessions.delete(transport.sessionId ?? '');
    };
    server.onerror = (error) => log.debug('protocol error', { error });
    await server.connect(transport);
    const response = await this.#serve(session, request, body);
    // Refused before it began: nobody will ever name it.
    if (transport.sessionId === undefined) await server.close();
    return response;
  }

  async #serve(session: Session, request: Request, body: unknown): Promise<Response> {
    session.lastUsed = Date.now();
    session.open += 1;
    const response = await session.transport.handleRequest(request, { parsedBody: body });
    return whenDone(response, request.signal, () => {
      session.open -= 1;
      session.lastUsed = Date.now();
    });
  }

  /** One principal gets half of the places at most. At the limit its own longest idle session makes room. */
  #makeRoom(principal: string): boolean {
    const { maxSessions } = this.#application.config.http;
    const own = [...this.#sessions.values()].filter((session) => session.principal === principal);
    if (this.#sessions.size < maxSessions && own.length < Math.ceil(maxSessions / 2)) return true;
    const [oldest] = own.filter(({ open }) => open === 0).toSorted((a, b) => a.lastUsed - b.lastUsed);
    void oldest?.server.close();
    return oldest !== undefined;
  }

  #endIdle(): void {
    const limit = Date.now() - this.#application.config.http.sessionMs;
    for (const { server, open, lastUsed } of this.#sessions.values())
      if (open === 0 && lastUsed < limit) void server.close();
  }

  /** Ends every session and its streams. */
  async close(): Promise<void> {
    clearInterval(this.#sweep);
    await Promise.all([...this.#sessions.values()].map(({ server }) => server.close()));
  }
}
