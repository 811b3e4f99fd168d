import type { CatalogEntry } from '../catalog.ts';
import type { Scope } from '../caller.ts';

/** What a JSON-RPC message says about itself, as far as anything here depends on it. */
export interface Asked {
  readonly method: string;
  readonly tool?: string;
  readonly arguments?: unknown;
}

const record = (value: unknown): Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};

/** The requests and notifications of a body, whether single or a batch. */
export function messagesIn(body: unknown): Asked[] {
  return (Array.isArray(body) ? body : [body]).map((message) => {
    const { method, params } = record(message);
    const { name, arguments: given } = record(params);
    return {
      method: typeof method === 'string' ? method : '',
      ...(method === 'tools/call' && { tool: typeof name === 'string' ? name : '', arguments: given }),
    };
  });
}

/** Tools that only look. All others, and any that may be added, need `jobs:write`. */
const readingTools = new Set(['get_progress', 'list_jobs', 'list_assets', 'check_media']);

/**
 * The scope that a call needs: to submit, cancel, adopt or fetch is to write. Whatever is not a call of a
 * tool only reads.
 */
export function requiredScope({ method, tool, arguments: given }: Asked): Scope {
  if (method !== 'tools/call') return 'jobs:read';
  const adopts = tool === 'get_progress' && record(given).cloud_task_id !== undefined;
  return readingTools.has(tool ?? '') && !adopts ? 'jobs:read' : 'jobs:write';
}

/** The methods that are served here. */
const methods = new Set([
  'initialize',
  'notifications/initialized',
  'notifications/cancelled',
  'ping',
  'server/discover',
  'tools/list',
  'tools/call',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'subscriptions/listen',
  'prompts/list',
  'prompts/get',
  'completion/complete',
]);

/** The method if it is one of the protocol's, for the log. */
export function knownMethod(asked: Asked | undefined): string | undefined {
  return asked && (methods.has(asked.method) ? asked.method : 'other');
}

/** The tool's name if there is such a tool: what strangers made up does not become a log field. */
export function knownTool(asked: Asked | undefined, tools: readonly CatalogEntry[]): string | undefined {
  return tools.find(({ definition }) => definition.name === asked?.tool)?.definition.name;
}
