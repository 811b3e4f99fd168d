import { ProtocolErrorCode, ProtocolError, Server, type ServerContext } from '@modelcontextprotocol/server';
import { Failure, foreignText } from '../core/failure.ts';
import type { JobEngine } from '../jobs/engine.ts';
import type { Application } from './application.ts';
import type { CallContext, ToolAnswer } from './tool.ts';
import { collectionUris, isKnownUri, jobUri } from './resource-uris.ts';
import type { CatalogEntry } from './catalog.ts';
import { version } from '../version.ts';

const instructions =
  'Makes digital-human media on Tencent and Alibaba clouds. A submit tool returns a job at once; follow it with get_progress (wait_seconds 45) until it has ended, then call download_result before the links expire. Jobs cost money: give every submission an idempotency_key, use dry_run when unsure, and never submit again while a job is under way. Limits, errors and examples of each tool: resource digital-human://operations/{tool}.';

function callContext(context: ServerContext): CallContext {
  const token = context.mcpReq._meta?.progressToken;
  return {
    signal: context.mcpReq.signal,
    progress:
      token === undefined
        ? undefined
        : (progress, total, message) =>
            context.mcpReq.notify({
              method: 'notifications/progress',
              params: { progressToken: token, progress, total, message },
            }),
  };
}

async function callTool(
  application: Application,
  { definition }: CatalogEntry,
  args: unknown,
  context: ServerContext,
): Promise<ToolAnswer> {
  const { name, inputSchema } = definition;
  const operation = (await application.operations()).find((candidate) => candidate.name === name);
  if (operation) {
    const { submit } = await import('./submit.ts');
    return submit(operation, inputSchema, args, application, callContext(context));
  }
  const [{ standingTools }, { readArguments }] = await Promise.all([
    import('./tools.ts'),
    import('./arguments.ts'),
  ]);
  const tool = standingTools.find((candidate) => candidate.name === name);
  if (!tool) throw new Error(`the tool ${name} is listed but not there`);
  return tool.run(readArguments(name, tool.input, inputSchema, args), application, callContext(context));
}

/** THE error boundary: whatever is thrown below becomes a tool result that says what to do. */
async function errorResult(application: Application, tool: string, error: unknown) {
  if (!(error instanceof Failure)) {
    application.log.error('a tool failed', { tool, error });
    const text =
      'internal: This server failed. Nothing is known to have been submitted by this call; see list_jobs.';
    return { isError: true, content: [{ type: 'text' as const, text }] };
  }
  const { problemLines } = await import('./arguments.ts');
  const lines = [
    `${error.kind}: ${error.message}`,
    ...problemLines(error.problems).map((line) => `- ${line}`),
    error.advice,
    ...(error.requestId ? [`Request id: ${foreignText(error.requestId, 80)}`] : []),
  ];
  return { isError: true, content: [{ type: 'text' as const, text: lines.join('\n') }] };
}

/**
 * One MCP server over the application, for one connection. The low-level server is used because the
 * tool list is prepared at build time: nothing has to be converted, or even loaded, to list it.
 */
export function createServer(application: Application, era: 'legacy' | 'modern'): Server {
  const server = new Server(
    { name: 'digital-human-mcp', title: 'Digital Human', version },
    {
      capabilities: { tools: {}, resources: { subscribe: true } },
      instructions,
      cacheHints: { 'tools/list': { ttlMs: 300_000, cacheScope: 'private' } },
    },
  );
  const entries = application.tools();

  server.setRequestHandler('tools/list', () => ({
    tools: entries.map(({ definition }) => definition) as never,
  }));

  server.setRequestHandler('tools/call', async ({ params }, context) => {
    const entry = entries.find(({ definition }) => definition.name === params.name);
    if (!entry)
      throw new ProtocolError(
        ProtocolErrorCode.InvalidParams,
        `Unknown tool ${foreignText(params.name, 60)}`,
      );
    try {
      const { structured, text } = await callTool(application, entry, params.arguments, context);
      return { content: [{ type: 'text', text }], structuredContent: structured };
    } catch (error) {
      return errorResult(application, params.name, error);
    }
  });

  serveResources(server, application, entries, era);
  return server;
}

function serveResources(
  server: Server,
  application: Application,
  entries: readonly CatalogEntry[],
  era: 'legacy' | 'modern',
): void {
  const load = () => import('./resources.ts');
  server.setRequestHandler('resources/list', async () => (await load()).listResources(entries));
  server.setRequestHandler('resources/templates/list', async () => (await load()).listTemplates());
  server.setRequestHandler('resources/read', async ({ params }) =>
    (await load()).readResource(application, params.uri),
  );

  const subscribed = new Set<string>();
  let unlisten: (() => void) | undefined;
  const listen = (engine: JobEngine) => {
    unlisten ??= engine.listen((job) => {
      // In the modern era the entry holds the subscriptions and lets through what was asked for.
      for (const uri of [jobUri(job.id), collectionUris.jobs])
        if (era === 'modern' || subscribed.has(uri))
          server.sendResourceUpdated({ uri }).catch((error: unknown) => {
            application.log.debug('a change could not be pushed', { error });
          });
    });
  };
  server.onclose = () => unlisten?.();

  if (era === 'modern') {
    // subscriptions/listen never reaches this instance, so it listens as soon as there are jobs.
    application.whenEngineOpens(listen);
    return;
  }
  server.setRequestHandler('resources/subscribe', async ({ params }) => {
    if (!isKnownUri(params.uri))
      throw new ProtocolError(
        ProtocolErrorCode.InvalidParams,
        `Unknown resource ${foreignText(params.uri, 120)}`,
      );
    subscribed.add(params.uri);
    listen(await application.engine());
    return {};
  });
  server.setRequestHandler('resources/unsubscribe', ({ params }) => {
    subscribed.delete(params.uri);
    return {};
  });
}
