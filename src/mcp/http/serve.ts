import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getOAuthProtectedResourceMetadataUrl } from '@modelcontextprotocol/server';
import { Failure, foreignText } from '../../core/failure.ts';
import { within } from '../../core/within.ts';
import { type HttpConfig, isLoopback } from '../../http-settings.ts';
import type { Application } from '../application.ts';
import { openAuthentication } from './authentication.ts';
import { Endpoint } from './endpoint.ts';
import { Guard } from './guard.ts';
import { Metrics } from './metrics.ts';
import { Routes } from './routes.ts';

/** A reader that takes nothing of what it is sent is cut off after this; streams are written to every 15 s. */
const stalledMs = 120_000;
/** Behind a balancer that keeps connections for a minute, the side that closes first must not be this one. */
const keepAliveMs = 65_000;
/** Time for the last bytes of ended streams to leave. */
const flushMs = 2_000;

export interface RunningHttp {
  readonly url: string;
  /** Tells everybody that the end has come, waits for what is under way, and closes. */
  drain(): Promise<void>;
}

function refuseOpenDoor(config: HttpConfig): void {
  if (isLoopback(config.host) || config.insecure) return;
  throw new Failure({
    kind: 'invalid_input',
    message: `Listening on ${foreignText(config.host, 60)} without authentication would let anybody spend money here.`,
    advice:
      'Set DIGITAL_HUMAN_HTTP_TOKENS_FILE or the DIGITAL_HUMAN_JWT_ settings; or say DIGITAL_HUMAN_HTTP_INSECURE=on as well, where something else keeps strangers out.',
  });
}

async function listen(server: Server, { host, port }: HttpConfig): Promise<string> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    throw new Failure({
      kind: 'network',
      message: `Cannot listen on ${foreignText(host, 60)} port ${port} (${foreignText((error as NodeJS.ErrnoException).code)}).`,
      advice:
        'Set DIGITAL_HUMAN_HTTP_HOST and DIGITAL_HUMAN_HTTP_PORT to an address of this machine and a free port.',
      cause: error,
    });
  }
  const { address, family, port: taken } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`;
}

/** Serves MCP over HTTP. Throws `invalid_input` where it would listen to strangers without authentication. */
export async function startHttp(application: Application): Promise<RunningHttp> {
  const config = application.config.http;
  let routes: Routes | undefined;
  const server = createServer({
    headersTimeout: Math.min(config.requestMs, 10_000),
    requestTimeout: config.requestMs,
    connectionsCheckingInterval: Math.min(1_000, config.requestMs / 2),
    keepAliveTimeout: keepAliveMs,
    maxHeaderSize: 16 * 1024,
  });
  server.timeout = stalledMs;
  server.on('request', (request, response) => void routes?.serve(request, response));

  const metadata = (base: string) => getOAuthProtectedResourceMetadataUrl(new URL(`${base}/mcp`));
  const known = config.publicUrl;
  const authentication = await openAuthentication(config, application.log);
  if (!authentication.required) refuseOpenDoor(config);
  const metrics = await Metrics.open({
    census: async () => (await application.engine()).census(),
    openStreams: () => routes?.openStreams() ?? { legacy: 0, modern: 0 },
    sessions: () => endpoint.sessions.size,
  });
  application.observe = (connections, operations) => metrics.observe(connections, operations);
  const endpoint = new Endpoint(application, authentication);
  const url = await listen(server, config);
  const base = known ?? url;
  if (config.jwt) authentication.advertise(metadata(base));
  const guard = new Guard(config);
  routes = new Routes({ application, authentication, endpoint, guard, metrics, resource: `${base}/mcp` });
  // Jobs of an earlier run go on at once; where the store cannot be opened, /readyz says so.
  application
    .engine()
    .catch((error: unknown) => application.log.error('jobs could not be resumed', { error }));
  return {
    url,
    async drain() {
      const closed = new Promise((resolve) => server.close(resolve));
      application.leave();
      await within(config.drainMs, routes.quiet());
      await endpoint.close();
      server.closeIdleConnections();
      await within(flushMs, closed);
      server.closeAllConnections();
      await closed;
    },
  };
}
