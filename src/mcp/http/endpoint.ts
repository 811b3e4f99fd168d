import { isJsonContentType, isLegacyRequest } from '@modelcontextprotocol/server';
import type { Application } from '../application.ts';
import type { Caller } from '../caller.ts';
import type { Authentication } from './authentication.ts';
import { Exchanges } from './exchanges.ts';
import { RateLimit } from './rate.ts';
import { refusal } from './refusal.ts';
import { type Asked, messagesIn, requiredScope } from './required-scope.ts';
import { Sessions } from './sessions.ts';
import { isStream } from './streams.ts';

/** What is learned of a request on its way, for the log and for those who wait until it has ended. */
export interface Visit {
  readonly caller: Caller;
  era?: 'legacy' | 'modern';
  asked?: Asked;
  /** It stays open until one side ends it. */
  lasting?: boolean;
}

/** `/mcp`, in both protocol eras. Whoever comes here has been identified. */
export class Endpoint {
  readonly sessions: Sessions;
  readonly #application: Application;
  readonly #authentication: Authentication;
  readonly #exchanges: Exchanges;
  readonly #rate: RateLimit;

  constructor(application: Application, authentication: Authentication) {
    const { ratePerSecond, burst } = application.config.http;
    this.#application = application;
    this.#authentication = authentication;
    this.#rate = new RateLimit(ratePerSecond, burst);
    this.sessions = new Sessions(application);
    this.#exchanges = new Exchanges(application);
  }

  async fetch(request: Request, visit: Visit): Promise<Response> {
    const { caller } = visit;
    let body: unknown;
    if (request.method === 'POST') {
      if (!isJsonContentType(request.headers.get('content-type')))
        return refusal(415, 'Send the body as application/json.');
      try {
        body = JSON.parse(await request.text());
      } catch {
        return refusal(400, 'The body is not JSON.', { code: -32700 });
      }
    }
    const messages = messagesIn(body);
    const [first] = messages;
    visit.asked = first;
    const wait = this.#rate.take(caller.principal, messages.length);
    if (wait > 0) {
      const { ratePerSecond, burst } = this.#application.config.http;
      const limit = `${ratePerSecond} requests a second, ${burst} at one moment`;
      return refusal(429, `Too many requests: ${limit}. Nothing was done. Try again in ${wait} s.`, {
        retryAfterSeconds: wait,
      });
    }
    for (const scope of new Set(messages.map(requiredScope)))
      if (!caller.scopes.has(scope)) return this.#authentication.lacking(scope);
    const legacy = await isLegacyRequest(request, body);
    visit.era = legacy ? 'legacy' : 'modern';
    const listens = !legacy && first?.method === 'subscriptions/listen';
    const response = legacy
      ? await this.sessions.fetch(request, caller, body)
      : await this.#exchanges.fetch(request, caller, body, listens);
    visit.lasting = isStream(response) && (listens || request.method === 'GET');
    return response;
  }

  /** Ends every stream and session as their protocols end them. */
  async close(): Promise<void> {
    await Promise.all([this.#exchanges.close(), this.sessions.close()]);
  }
}
