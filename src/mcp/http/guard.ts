import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  validateHostHeader,
  validateOriginHeader,
} from '@modelcontextprotocol/server';
import { foreignText, quoted } from '../../core/failure.ts';
import { type HttpConfig, isLoopback } from '../../http-settings.ts';
import { refusal } from './refusal.ts';

const bracketed = (address: string) => (address.includes(':') ? `[${address}]` : address);

/** Against web pages that reach this port by a name of their own (DNS rebinding), or from a site of their own. */
export class Guard {
  readonly #hosts: readonly string[];
  readonly #origins: string[];

  constructor(config: HttpConfig) {
    const local = isLoopback(config.host);
    const own = config.publicUrl === undefined ? [] : [new URL(config.publicUrl).hostname];
    this.#hosts = [...(local ? localhostAllowedHostnames() : []), ...own, ...config.allowedHosts];
    this.#origins = [...(local ? localhostAllowedOrigins() : []), ...own, ...config.allowedOrigins];
  }

  /** What to answer a request that asks for another host or comes from another site; undefined lets it pass. */
  refuse({ headers, socket }: IncomingMessage): Response | undefined {
    // The very address that was connected to is no name, so no page can have rebound it.
    const reached = bracketed((socket.localAddress ?? '').replace(/^::ffff:/, ''));
    const host = validateHostHeader(headers.host, [...this.#hosts, reached]);
    if (!host.ok)
      return refusal(
        403,
        `The host ${quoted(headers.host, 100)} is not served here. Add it to DIGITAL_HUMAN_HTTP_ALLOWED_HOSTS.`,
      );
    const origin = validateOriginHeader(headers.origin, this.#origins);
    if (!origin.ok)
      return refusal(
        403,
        `Pages of ${foreignText(headers.origin, 100)} may not call. Add its host to DIGITAL_HUMAN_HTTP_ALLOWED_ORIGINS.`,
      );
    return undefined;
  }
}

/** Lets a page that passed the guard read the answer, headers that it needs included. */
export function allowPage(request: IncomingMessage, response: ServerResponse): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('vary', 'origin');
  response.setHeader(
    'access-control-expose-headers',
    'mcp-session-id, www-authenticate, retry-after, x-request-id',
  );
}

/** Answers a browser that asks whether it may call. */
export function preflight(request: IncomingMessage): Response {
  const wanted = request.headers['access-control-request-headers'];
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-methods': 'GET, POST, DELETE',
      ...(typeof wanted === 'string' && { 'access-control-allow-headers': wanted }),
      'access-control-max-age': '600',
    },
  });
}
