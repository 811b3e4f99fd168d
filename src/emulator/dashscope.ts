import { randomUUID } from 'node:crypto';
import type * as z from 'zod';
import type { Wire } from '../core/operation.ts';
import { CloudError, MediaBreach } from './cloud-error.ts';
import { cancelTask, listTasks, showTask } from './dashscope-tasks.ts';
import { type Dialect, jsonReply, type Message, type Reply, type Visit } from './exchange.ts';
import { Pace } from './pace.ts';
import { collect } from './production.ts';
import { productions } from './productions.ts';
import { sameText } from './signatures.ts';
import { issuePolicy } from './uploads.ts';
import { acceptTask, type World } from './world.ts';

const prefix = '/api/v1';
const internalError = { code: 'InternalError', message: 'The service failed inside; try again.' };

/** HTTP status by code, then by the part before the first dot (Model Studio error codes). */
const statuses: Readonly<Record<string, number>> = {
  InvalidApiKey: 401,
  'NOT AUTHORIZED': 401,
  AccessDenied: 403,
  Model: 403,
  Workspace: 403,
  AllocationQuota: 403,
  ModelNotFound: 404,
  WorkSpaceNotFound: 404,
  NotFound: 404,
  Conflict: 409,
  Throttling: 429,
  CommodityNotPurchased: 429,
  PrepaidBillOverdue: 429,
  PostpaidBillOverdue: 429,
  InternalError: 500,
  SystemError: 500,
  RequestTimeOut: 500,
  ModelServiceFailed: 500,
  ModelServingError: 503,
  ModelUnavailable: 503,
};

function statusOf(code: string): number {
  return statuses[code] ?? statuses[code.split('.')[0] ?? ''] ?? 400;
}

function parameterError(issue: z.core.$ZodIssue): CloudError {
  const name = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys')
    return new CloudError(
      'InvalidParameter',
      `Field not allowed: ${[...issue.path, issue.keys[0]].map(String).join('.')}`,
    );
  if (issue.code === 'invalid_type' && issue.message.includes('received undefined'))
    return new CloudError('InvalidParameter', `Field required: ${name}`);
  if (issue.code === 'invalid_format' && name.endsWith('_url'))
    return new CloudError('InvalidURL', `Not a usable address: ${name}`);
  return new CloudError('InvalidParameter', `Field invalid: ${name}: ${issue.message}`);
}

function mediaError(breach: MediaBreach): CloudError {
  // The page gives a download that takes longer than 60 s a code of its own.
  if (breach.aspect === 'timeout')
    return new CloudError('InvalidURL.Timeout', `Download ${breach.url} timed out.`);
  const text = `${breach.field} is outside its limits: ${breach.message}.`;
  return new CloudError(breach.code ?? 'InvalidFile.Format', text);
}

/** An empty reference image in a request means none: the page's own sample sends one. */
function withoutEmptyImage(body: unknown): unknown {
  const input = (body as { input?: Record<string, unknown> } | undefined)?.input;
  if (typeof input !== 'object' || input === null || input.ref_image_url !== '') return body;
  const { ref_image_url: _, ...rest } = input;
  return { ...(body as object), input: rest };
}

async function submit(world: World, wires: readonly Wire[], message: Message): Promise<Reply> {
  if (message.headers['x-dashscope-async'] !== 'enable')
    throw new CloudError('AccessDenied', 'This model is asynchronous only: send X-DashScope-Async: enable.');
  if (message.tooLarge || message.json === undefined)
    throw new CloudError('InvalidParameter', 'The body must be JSON of at most 10 MB.');
  const model = (message.json as { model?: unknown })?.model;
  const wire = wires.find(({ operation }) => operation === model);
  if (!wire && typeof model === 'string')
    throw new CloudError('ModelNotFound', 'There is no such model here.');
  const production = wire && productions[wire.operation];
  if (!wire || !production) throw new CloudError('InvalidParameter', 'Field required: model');
  const parsed = wire.submit.request.safeParse(withoutEmptyImage(message.json));
  const issue = parsed.error?.issues[0];
  if (issue) throw parameterError(issue);
  const resolves = message.headers['x-dashscope-ossresourceresolve'] === 'enable';
  const lost = !resolves && /"(oss:\/\/[^"]*)"/.exec(JSON.stringify(parsed.data))?.[1];
  const media = lost
    ? undefined
    : await collect(world.inputs, wire, production, parsed.data).catch((error: unknown) => {
        throw error instanceof MediaBreach ? mediaError(error) : error;
      });
  const [id, requestId] = [randomUUID(), randomUUID()];
  acceptTask(world, {
    id,
    requestId,
    wire,
    internalError,
    request: parsed.data,
    received: message.json,
    media: async () => {
      // The message is known, its code is not: no page shows one.
      if (!media) throw new CloudError('InvalidURL', `No connection adapters were found for '${lost}'`);
      return media;
    },
  });
  return jsonReply(200, { output: { task_id: id, task_status: 'PENDING' }, request_id: requestId });
}

const trimmed = (path: string) => path.replace(/\/+$/, '');

/** Alibaba DashScope: bearer key, HTTP statuses, tasks that can be listed and cancelled. */
export function dashscopeDialect(world: World): Dialect {
  const wires = world.wires.filter(({ cloud }) => cloud === 'dashscope');
  // One submission a second and twenty queries a second for an account; faster clocks make room sooner.
  const submissions = new Pace(1, world.speed);
  const queries = new Pace(20, world.speed);
  const policies = new Pace(100, world.speed);

  function classify({ path, method, json }: Message): Pick<Visit, 'call' | 'wire'> | undefined {
    if (!path.startsWith(`${prefix}/`)) return undefined;
    const rest = trimmed(path.slice(prefix.length));
    if (rest === '/uploads') return method === 'GET' ? { call: 'policy' } : {};
    if (rest === '/tasks') return method === 'GET' ? { call: 'list' } : {};
    const [, id = '', action] = /^\/tasks\/([^/]+)(\/cancel)?$/.exec(rest) ?? [];
    if (id) {
      const wire = world.lifecycle.find(id)?.wire;
      if (action) return method === 'POST' ? { call: 'cancel', wire } : {};
      return method === 'GET' ? { call: 'query', wire } : {};
    }
    const here = wires.filter(({ submit: { address } }) => trimmed(address) === rest);
    if (here.length === 0 || method !== 'POST') return {};
    const model = (json as { model?: unknown } | null | undefined)?.model;
    return { call: 'submit', wire: here.find(({ operation }) => operation === model) ?? here[0] };
  }

  return {
    internalError,
    classify,
    async answer(message, visit) {
      const key = /^Bearer (.+)$/.exec(message.headers.authorization ?? '')?.[1] ?? '';
      if (!sameText(key, world.credentials.dashscope.api_key))
        throw new CloudError('InvalidApiKey', 'Invalid API-key provided.');
      if (!visit.call) throw new CloudError('NotFound', 'There is nothing at this address.');
      const pace = visit.call === 'submit' ? submissions : visit.call === 'policy' ? policies : queries;
      if (!pace.admits())
        throw new CloudError('Throttling.RateQuota', 'Too many requests in too short a time.');
      const rest = trimmed(message.path.slice(prefix.length));
      const id = rest.split('/')[2] ?? '';
      if (visit.call === 'policy') return issuePolicy(world, message.query);
      if (visit.call === 'list') return listTasks(world, message.query);
      if (visit.call === 'cancel') return cancelTask(world, id);
      if (visit.call === 'query') return showTask(world, id, visit.statusWord);
      const here = wires.filter(({ submit: { address } }) => trimmed(address) === rest);
      return submit(world, here, message);
    },
    refusal: ({ code, message, status }) =>
      jsonReply(status ?? statusOf(code), { code, message, request_id: randomUUID() }),
  };
}
