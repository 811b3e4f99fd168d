import {
  ProtocolErrorCode,
  ProtocolError,
  ResourceNotFoundError,
  Server,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { Failure, foreignText } from '../core/failure.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { holds } from './allowance.ts';
import type { Application } from './application.ts';
import { type Caller, localCaller } from './caller.ts';
import type { CallContext, ToolAnswer } from './tool.ts';
import { collectionUris, isKnownUri, itemOf, jobUri } from './resource-uris.ts';
import type { CatalogEntry } from './catalog.ts';
import { once } from './once.ts';
import { traceIdFrom } from './trace.ts';
import { version } from '../version.ts';

/** Resources that one session may follow. */
const maxSubscribed = 1_000;

const instructions =
  'Makes digital-human media on Tencent and Alibaba clouds. A submit tool returns a job at once; follow it with get_progress (wait_seconds 45) until it has ended, then call download_result before the links expire. Jobs cost money: give every submission an idempotency_key, use dry_run when unsure, and never submit again while a job is under way. Limits, errors and examples of each tool: resource digital-human://operations/{tool}.';

/** Fires when the caller gives up or this process is about to end. `AbortSignal.any` would keep a trace of every call. */
function endOf(call: AbortSignal, leaving: AbortSignal): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const end = () => controller.abort();
  if (call.aborted || leaving.aborted) end();
  call.addEventListener('abort', end, { once: true });
  leaving.addEventListener('abort', end, { once: true });
  return { signal: controller.signal, release: () => leaving.removeEventListener('abort', end) };
}

function callContext(caller: Caller, context: ServerContext, signal: AbortSignal): CallContext {
  const token = context.mcpReq._meta?.progressToken;
  return {
    caller,
    signal,
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

// An import is asked for once: asking again for what is loaded takes as long as reading a job.
const submitting = once(() => import('./submit.ts'));
const standing = once(() => Promise.all([import('./tools.ts'), import('./arguments.ts')]));

async function callTool(
  application: Application,
  { definition }: CatalogEntry,
  args: unknown,
  call: CallContext,
): Promise<ToolAnswer> {
  const { name, inputSchema } = definition;
  const operation = (await application.operations()).find((candidate) => candidate.name === name);
  if (operation) {
    const { submit } = await submitting();
    return submit(operation, inputSchema, args, application, call);
  }
  const [{ standingTools }, { readArguments }] = await standing();
  const tool = standingTools.find((candidate) => candidate.name === name);
  if (!tool) throw new Error(`the tool ${name} is listed but not there`);
  return tool.run(readArguments(name, tool.input, inputSchema, args), application, call);
}

/** Says in the log what a call was, and at its end what came of it: which request, which job, which cloud request. */
function tellCall(application: Application, caller: Caller, tool: string, context: ServerContext) {
  const started = performance.now();
  const headers = context.http?.req?.headers;
  return (outcome: Record<string, unknown>): void => {
    application.log[application.reach === 'network' ? 'info' : 'debug']('tool call', {
      request_id: headers?.get('x-request-id') ?? undefined,
      trace_id: traceIdFrom(context.mcpReq._meta?.traceparent, headers?.get('traceparent')),
      principal: caller.principal || 'local',
      tool,
      ...outcome,
      duration_ms: Math.round(performance.now() - started),
    });
  };
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
export function createServer(
  application: Application,
  era: 'legacy' | 'modern',
  caller: Caller = localCaller,
): Server {
  const server = new Server(
    { name: 'digital-human-mcp', title: 'Digital Human', version },
    {
      capabilities: { tools: {}, resources: { subscribe: true }, prompts: {}, completions: {} },
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
    const told = tellCall(application, caller, params.name, context);
    const end = endOf(context.mcpReq.signal, application.leaving);
    try {
      const call = callContext(caller, context, end.signal);
      const { structured, text } = await callTool(application, entry, params.arguments, call);
      told({ job: structured.job_id });
      return { content: [{ type: 'text', text }], structuredContent: structured };
    } catch (error) {
      told(
        error instanceof Failure
          ? { failure: error.kind, cloud_request: error.requestId }
          : { failure: 'internal' },
      );
      return errorResult(application, params.name, error);
    } finally {
      end.release();
    }
  });

  serveResources(server, application, entries, era, caller);
  servePrompts(server, entries);
  return server;
}

function servePrompts(server: Server, entries: readonly CatalogEntry[]): void {
  const load = () => import('./prompts.ts');
  server.setRequestHandler('prompts/list', async () => (await load()).listPrompts(entries));
  server.setRequestHandler('prompts/get', async ({ params }) =>
    (await load()).getPrompt(entries, params.name, params.arguments),
  );
  server.setRequestHandler('completion/complete', async ({ params }) =>
    (await load()).complete(entries, params),
  );
}

function serveResources(
  server: Server,
  application: Application,
  entries: readonly CatalogEntry[],
  era: 'legacy' | 'modern',
  caller: Caller,
): void {
  const load = () => import('./resources.ts');
  server.setRequestHandler('resources/list', async () => (await load()).listResources(entries));
  server.setRequestHandler('resources/templates/list', async () => (await load()).listTemplates());
  server.setRequestHandler('resources/read', async ({ params }) =>
    (await load()).readResource(application, params.uri, caller),
  );

  const subscribed = new Set<string>();
  let unlisten: (() => void) | undefined;
  let closed = false;
  const listen = (jobs: Jobs) => {
    if (closed) return;
    unlisten ??= jobs.listen((job) => {
      // In the modern era the entry holds the subscriptions and lets through what was asked for.
      for (const uri of [jobUri(job.id), collectionUris.jobs])
        if (era === 'modern' || subscribed.has(uri))
          server.sendResourceUpdated({ uri }).catch((error: unknown) => {
            application.log.debug('a change could not be pushed', { error });
          });
    });
  };
  server.onclose = () => {
    closed = true;
    unlisten?.();
  };

  if (era === 'modern') {
    // subscriptions/listen never reaches this instance: on a pipe it listens as soon as there are jobs,
    // over a network it lives for one request and the endpoint listens.
    if (application.reach === 'local')
      application.whenEngineOpens((engine) => listen(engine.scoped(caller.principal)));
    return;
  }
  server.setRequestHandler('resources/subscribe', async ({ params }) => {
    if (!isKnownUri(params.uri))
      throw new ProtocolError(
        ProtocolErrorCode.InvalidParams,
        `Unknown resource ${foreignText(params.uri, 120)}`,
      );
    if (subscribed.size >= maxSubscribed)
      throw new ProtocolError(
        ProtocolErrorCode.InvalidParams,
        `This session has ${maxSubscribed} subscriptions, which is the limit. Unsubscribe from some.`,
      );
    const jobs = await application.jobs(caller);
    const id = itemOf('jobs', params.uri);
    if (id !== undefined && !(await holds(jobs, id)))
      throw new ResourceNotFoundError(foreignText(params.uri, 200));
    subscribed.add(params.uri);
    listen(jobs);
    return {};
  });
  server.setRequestHandler('resources/unsubscribe', ({ params }) => {
    subscribed.delete(params.uri);
    return {};
  });
}
