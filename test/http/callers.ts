import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { answer, type Era, firstText, type Session, type ToolReply } from '../harness/sessions.ts';

export interface HttpCaller extends Omit<Session, 'pid' | 'errors' | 'listPrompts' | 'prompt' | 'complete'> {
  /** Of the 2025 protocol. */
  sessionId(): string | undefined;
  /** Resolves when the server ends the stream that `subscribe` opened; 2026 protocol only. */
  streamEnded(): Promise<string>;
  /** What the server agreed to tell of; 2026 protocol only. */
  honored(): readonly string[];
}

export interface CallerOptions {
  readonly token?: string;
  readonly headers?: Record<string, string>;
}

/** Connects a real client of the given protocol era to a server's `/mcp`. */
export async function connect(era: Era, url: string, options: CallerOptions = {}): Promise<HttpCaller> {
  const headers = {
    ...options.headers,
    ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }),
  };
  const address = new URL('/mcp', url);
  return era === 'legacy' ? connectLegacy(address, headers) : connectModern(address, headers);
}

async function connectLegacy(address: URL, headers: Record<string, string>): Promise<HttpCaller> {
  const client = new LegacyClient({ name: 'legacy-test', version: '1.0.0' });
  const transport = new LegacyTransport(address, { requestInit: { headers } });
  let changed: (uri: string) => void = () => {};
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => changed(params.uri));
  await client.connect(transport);
  return {
    listTools: async () => (await client.listTools()).tools,
    call: async (name, input, onprogress) =>
      answer((await client.callTool({ name, arguments: input }, undefined, { onprogress })) as ToolReply),
    read: async (uri) => firstText((await client.readResource({ uri })).contents),
    listResources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
    async subscribe(uris, listener) {
      changed = listener;
      for (const uri of uris) await client.subscribeResource({ uri });
    },
    sessionId: () => transport.sessionId,
    streamEnded: () => Promise.reject(new Error('the 2025 protocol has no such thing')),
    honored: () => [],
    close: () => client.close(),
  };
}

async function connectModern(address: URL, headers: Record<string, string>): Promise<HttpCaller> {
  const client = new ModernClient(
    { name: 'modern-test', version: '1.0.0' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  );
  let changed: (uri: string) => void = () => {};
  let ended: Promise<string> | undefined;
  let honored: readonly string[] = [];
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => changed(params.uri));
  await client.connect(new ModernTransport(address, { requestInit: { headers } }));
  return {
    listTools: async () => (await client.listTools()).tools,
    call: async (name, input, onprogress) =>
      answer(await client.callTool({ name, arguments: input }, { onprogress })),
    read: async (uri) => firstText((await client.readResource({ uri })).contents),
    listResources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
    async subscribe(uris, listener) {
      changed = listener;
      const subscription = await client.listen({ resourceSubscriptions: [...uris] });
      ended = subscription.closed;
      honored = subscription.honoredFilter.resourceSubscriptions ?? [];
    },
    sessionId: () => undefined,
    streamEnded: () => ended ?? Promise.reject(new Error('no stream was opened')),
    honored: () => honored,
    close: () => client.close(),
  };
}
