import { Client as ModernClient } from '@modelcontextprotocol/client';
import { StdioClientTransport as ModernTransport } from '@modelcontextprotocol/client/stdio';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import type { JobResult } from '../../src/mcp/job-result.ts';
import { entry } from './processes.ts';

export const eras = ['legacy', 'modern'] as const;
export type Era = (typeof eras)[number];

export interface Answer {
  readonly isError: boolean;
  readonly text: string;
  readonly structured?: JobResult & Record<string, unknown>;
}

export interface ProgressSeen {
  readonly progress: number;
  readonly total?: number;
  readonly message?: string;
}

export interface Session {
  readonly pid: number;
  /** Standard error so far. */
  readonly errors: () => string;
  listTools(): Promise<Array<{ name: string; [field: string]: unknown }>>;
  call(
    name: string,
    input: Record<string, unknown>,
    progress?: (seen: ProgressSeen) => void,
  ): Promise<Answer>;
  read(uri: string): Promise<string>;
  listResources(): Promise<string[]>;
  listPrompts(): Promise<Array<{ name: string; arguments?: Array<{ name: string; required?: boolean }> }>>;
  /** The text of a prompt's one message. */
  prompt(name: string, given: Record<string, string>): Promise<string>;
  complete(
    ref: { type: 'ref/prompt'; name: string } | { type: 'ref/resource'; uri: string },
    argument: { name: string; value: string },
  ): Promise<{ values: string[]; total?: number; hasMore?: boolean }>;
  /** Calls back at every pushed change of these resources. */
  subscribe(uris: readonly string[], changed: (uri: string) => void): Promise<void>;
  close(): Promise<void>;
}

/** What both clients answer a call with. */
export interface ToolReply {
  isError?: unknown;
  content?: unknown;
  structuredContent?: unknown;
}

export function answer(reply: ToolReply): Answer {
  const content = (reply.content ?? []) as Array<{ type: string; text?: string }>;
  return {
    isError: reply.isError === true,
    text: content.map((block) => block.text ?? '').join('\n'),
    structured: reply.structuredContent as Answer['structured'],
  };
}

export interface SessionOptions {
  /** Another built server than this one. */
  readonly entry?: string;
  /** What starts it, before its path; by default this Node.js. */
  readonly command?: readonly [string, ...string[]];
  readonly cwd?: string;
  readonly environment?: Record<string, string>;
  readonly args?: readonly string[];
}

/** Results go beside the job file unless a test says where: never into the home directory. */
function withOutput(args: readonly string[]): string[] {
  const data = args[args.indexOf('--data-dir') + 1];
  const said = args.includes('--output-dir') || !args.includes('--data-dir') || data === undefined;
  return said ? [...args] : [...args, '--output-dir', `${data}/out`];
}

/** Spawns the built server and connects a real client of the given protocol era to it. */
export async function openSession(era: Era, options: SessionOptions = {}): Promise<Session> {
  const [command, ...before] = options.command ?? [process.execPath];
  const parameters = {
    command,
    args: [...before, options.entry ?? entry, ...withOutput(options.args ?? [])],
    ...(options.cwd && { cwd: options.cwd }),
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...options.environment },
    stderr: 'pipe' as const,
  };
  return era === 'legacy' ? openLegacy(parameters) : openModern(parameters);
}

type Parameters = ConstructorParameters<typeof ModernTransport>[0];

function collect(
  stream: { on(event: 'data', listener: (chunk: Buffer) => void): unknown } | null,
): () => string {
  let text = '';
  stream?.on('data', (chunk) => {
    text += chunk.toString('utf8');
  });
  return () => text;
}

export function firstText(contents: ReadonlyArray<object>): string {
  const [first] = contents;
  return first && 'text' in first ? String(first.text) : '';
}

function promptText({ messages }: { messages: ReadonlyArray<{ content: object }> }): string {
  const [first] = messages;
  if (messages.length !== 1 || !first || !('text' in first.content)) throw new Error('not one text message');
  return String(first.content.text);
}

async function openLegacy(parameters: Parameters): Promise<Session> {
  const client = new LegacyClient({ name: 'legacy-test', version: '1.0.0' });
  const transport = new LegacyTransport(parameters);
  const errors = collect(transport.stderr);
  let changed: (uri: string) => void = () => {};
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => changed(params.uri));
  await client.connect(transport);
  return {
    pid: transport.pid ?? 0,
    errors,
    listTools: async () => (await client.listTools()).tools,
    call: async (name, input, onprogress) =>
      answer((await client.callTool({ name, arguments: input }, undefined, { onprogress })) as ToolReply),
    read: async (uri) => firstText((await client.readResource({ uri })).contents),
    listResources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
    listPrompts: async () => (await client.listPrompts()).prompts,
    prompt: async (name, given) => promptText(await client.getPrompt({ name, arguments: given })),
    complete: async (ref, argument) => (await client.complete({ ref, argument })).completion,
    async subscribe(uris, listener) {
      changed = listener;
      for (const uri of uris) await client.subscribeResource({ uri });
    },
    close: () => client.close(),
  };
}

async function openModern(parameters: Parameters): Promise<Session> {
  const client = new ModernClient(
    { name: 'modern-test', version: '1.0.0' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  );
  const transport = new ModernTransport(parameters);
  const errors = collect(transport.stderr);
  let changed: (uri: string) => void = () => {};
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => changed(params.uri));
  await client.connect(transport);
  return {
    pid: transport.pid ?? 0,
    errors,
    listTools: async () => (await client.listTools()).tools,
    call: async (name, input, onprogress) =>
      answer(await client.callTool({ name, arguments: input }, { onprogress })),
    read: async (uri) => firstText((await client.readResource({ uri })).contents),
    listResources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
    listPrompts: async () => (await client.listPrompts()).prompts,
    prompt: async (name, given) => promptText(await client.getPrompt({ name, arguments: given })),
    complete: async (ref, argument) => (await client.complete({ ref, argument })).completion,
    async subscribe(uris, listener) {
      changed = listener;
      await client.listen({ resourceSubscriptions: [...uris] });
    },
    close: () => client.close(),
  };
}

const endStates = new Set(['succeeded', 'failed', 'cancelled', 'unknown']);

/** Follows a job with the waiting tool until it has ended, as an agent would. */
export async function untilEnded(
  session: Session,
  jobId: string,
): Promise<NonNullable<Answer['structured']>> {
  for (let calls = 0; calls < 60; calls++) {
    const { structured, text } = await session.call('get_progress', { job_id: jobId, wait_seconds: 10 });
    if (!structured) throw new Error(text);
    if (endStates.has(structured.status ?? '')) return structured;
  }
  throw new Error(`${jobId} did not end`);
}
