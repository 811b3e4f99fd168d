import { z } from 'zod';
import type { Wire } from '../core/operation.ts';
import { CloudError, MediaBreach } from './cloud-error.ts';
import { type Dialect, jsonReply, type Message, type Reply, type Visit } from './exchange.ts';
import { postCallback, storeResult } from './ivh-delivery.ts';
import type { Task } from './lifecycle.ts';
import { collect, productions } from './productions.ts';
import { insideWindow, ivhSignature, sameText } from './signatures.ts';
import { acceptTask, hex, type World } from './world.ts';

const prefix = '/v2/ivh/';
const internalError = { code: '801000', message: 'InternalServerError:the service failed inside' };

/** Task breaches whose aspect has no code of its own: 801009, a parameter error by the appendix. */
const otherMediaCode = '801009';

function envelope(code: number, message: string, payload?: unknown, status = 200): Reply {
  const header = {
    Code: code,
    Message: message,
    RequestID: hex(16),
    SessionID: `gz${hex(12)}`,
    DialogID: '',
  };
  return jsonReply(status, payload === undefined ? { Header: header } : { Header: header, Payload: payload });
}

function parameterError(text: string): CloudError {
  return new CloudError('100001', `InvalidParameter:请求参数错误: ${text}`);
}

/**
 * Verifies the signed query. Which code a bad signature or an old timestamp gets is documented nowhere:
 * 100005 (not authorised) in an HTTP 200 reply is an assumption.
 * @throws CloudError 100005
 */
function authenticate(
  message: Message,
  { app_key, access_token }: World['credentials']['ivh'],
  now: number,
): void {
  const { query } = message;
  const refuse = (text: string) => new CloudError('100005', `Unauthorized:${text}`);
  if (!sameText(query.get('appkey') ?? '', app_key)) throw refuse('appkey is unknown');
  const timestamp = query.get('timestamp') ?? '';
  if (!insideWindow(timestamp, now)) throw refuse('timestamp is more than 5 minutes off');
  if (!sameText(query.get('signature') ?? '', ivhSignature(access_token, query)))
    throw refuse('signature does not match');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Drops zeros, empty strings and nulls at every depth: the vendor's own samples send them in optional
 * fields for "not set", also where the documented range forbids them. Where zero is a real value, it is
 * the default too.
 */
function withoutUnset(value: unknown): unknown {
  if (!isRecord(value)) return value;
  const set = Object.entries(value).filter(([, inner]) => inner !== 0 && inner !== '' && inner !== null);
  return Object.fromEntries(set.map(([name, inner]) => [name, withoutUnset(inner)]));
}

interface FieldSchema {
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  enum?: unknown[];
  properties?: Record<string, FieldSchema>;
}

/** Words a breach like the published sample: `Speed value invalid, ranges:0.5-1.5`. */
function describeIssue(wire: Wire, request: unknown, issue: z.core.$ZodIssue): string {
  const path = issue.path.map(String);
  const name = path.at(-1) ?? 'Payload';
  if (issue.code === 'unrecognized_keys') return `${issue.keys[0]} is not a parameter`;
  const value = path.reduce<unknown>((inner, key) => (isRecord(inner) ? inner[key] : undefined), request);
  if (value === undefined) return `${name} is required`;
  if (issue.code === 'invalid_type') return `${name} type invalid, expected ${issue.expected}`;
  const root = z.toJSONSchema(wire.submit.request, { io: 'input', unrepresentable: 'any' }) as FieldSchema;
  const field = path.reduce<FieldSchema | undefined>((inner, key) => inner?.properties?.[key], root);
  if (field?.enum) return `${name} value invalid, allowed:${field.enum.join(',')}`;
  if (issue.code !== 'too_small' && issue.code !== 'too_big')
    return `${name} value invalid, ${issue.message}`;
  return typeof value === 'string'
    ? `${name} length invalid, ranges:${field?.minLength ?? 0}-${field?.maxLength ?? ''}`
    : `${name} value invalid, ranges:${field?.minimum ?? ''}-${field?.maximum ?? ''}`;
}

interface Delivery {
  CallbackUrl?: string;
  VideoStorageS3Url?: string;
}

function submit(world: World, wire: Wire, payload: unknown): Reply {
  const wanted = withoutUnset(payload);
  const parsed = wire.submit.request.safeParse(wanted);
  const issue = parsed.error?.issues[0];
  if (issue) throw parameterError(describeIssue(wire, wanted, issue));
  const production = productions[wire.operation];
  if (!production) throw new CloudError('100009', 'InvalidParameter:this operation is not emulated');
  if (world.lifecycle.unfinished(wire.lane.name) >= world.room(wire.lane))
    throw new CloudError('100008', 'LimitExceeded:all concurrent tasks are in use');
  const request = parsed.data as Delivery;
  const id = hex(16);
  const callbacks = request.CallbackUrl && world.faults.forTask('duplicate', wire.operation) ? 2 : 1;
  acceptTask(world, {
    id,
    requestId: hex(16),
    wire,
    internalError,
    request,
    received: payload,
    // The pages document unusable media as failures of the accepted task, not of the call.
    media: () => collect(world.inputs, wire, production, request).catch(failTask),
    deliver: async (file, signal) => {
      if (request.VideoStorageS3Url) await storeResult(request.VideoStorageS3Url, file, signal);
    },
    ended: (task) => {
      if (!request.CallbackUrl) return;
      for (let sent = 0; sent < callbacks; sent += 1) void postCallback(request.CallbackUrl, task, world.log);
    },
  });
  return envelope(0, '', { TaskId: id });
}

function failTask(error: unknown): never {
  if (!(error instanceof MediaBreach)) throw error;
  throw new CloudError(
    error.code ?? otherMediaCode,
    `${error.field} is outside its limits: ${error.message}`,
  );
}

const statusWords: Readonly<Record<Task['phase'], string>> = {
  queued: 'COMMIT',
  running: 'MAKING',
  done: 'SUCCESS',
  failed: 'FAIL',
  cancelled: 'FAIL',
};

const progressOf: Readonly<Record<Task['phase'], number>> = {
  queued: 0,
  running: 50,
  done: 100,
  failed: -1,
  cancelled: -1,
};

function progress(world: World, payload: unknown, visit: Visit): Reply {
  const id = isRecord(payload) ? payload.TaskId : undefined;
  if (typeof id !== 'string' || id === '') throw parameterError('TaskId is required');
  const task = world.lifecycle.find(id);
  if (task?.wire.cloud !== 'ivh') throw new CloudError('110006', 'InternalServerError:记录不存在');
  return envelope(0, '', {
    Progress: progressOf[task.phase],
    MediaUrl: task.result?.url ?? '',
    SubtitlesUrl: '',
    Status: visit.statusWord ?? statusWords[task.phase],
    ArrayCount: task.phase === 'queued' ? world.lifecycle.ahead(task) : 0,
    FailCode: Number(task.failure?.code ?? 0),
    FailMessage: task.failure?.message ?? '',
    Duration: Math.round((task.result?.seconds ?? 0) * 1000),
  });
}

/** Tencent IVH: signed query, `{Header, Payload}` both ways, HTTP 200 also for refusals. */
export function ivhDialect(world: World): Dialect {
  const wires = world.wires.filter(({ cloud }) => cloud === 'ivh');
  const payloadOf = ({ json }: Message) => (isRecord(json) ? json.Payload : undefined);
  return {
    internalError: { code: '-101000', message: 'InternalServerError:the service failed inside' },
    classify(message) {
      if (!message.path.startsWith(prefix)) return undefined;
      const submitted = wires.find(({ submit: { address } }) => address === message.path);
      if (submitted) return { call: 'submit', wire: submitted };
      if (!wires.some(({ status }) => status.address === message.path)) return {};
      const payload = payloadOf(message);
      // One getprogress serves many operations: the task says which one is asked about.
      const task = isRecord(payload) ? world.lifecycle.find(String(payload.TaskId)) : undefined;
      return { call: 'query', wire: task?.wire };
    },
    async answer(message, visit) {
      authenticate(message, world.credentials.ivh, visit.now);
      if (message.tooLarge) throw parameterError('the body is too large');
      if (!visit.call || message.method !== 'POST')
        throw new CloudError('100009', 'ResourceNotFound:no such interface', 404);
      const { json } = message;
      if (!isRecord(json)) throw parameterError('the body must be a JSON object');
      if (!isRecord(json.Header)) throw parameterError('Header is required');
      if (!isRecord(json.Payload)) throw parameterError('Payload is required');
      if (visit.call === 'query') return progress(world, json.Payload, visit);
      return submit(world, visit.wire as Wire, json.Payload);
    },
    refusal: (error) => envelope(Number(error.code) || -101000, error.message, undefined, error.status),
  };
}
