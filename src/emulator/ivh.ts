import type { Wire } from '../core/operation.ts';
import { CloudError, MediaBreach } from './cloud-error.ts';
import { type Dialect, jsonReply, type Message, type Reply, type Visit } from './exchange.ts';
import { assetLinks } from './asset-files.ts';
import { answerAssets, isAssetCall } from './assets.ts';
import { postCallback, type Storage, storeResults } from './ivh-delivery.ts';
import { isRecord, parameterError, readRequest } from './ivh-request.ts';
import type { Task } from './lifecycle.ts';
import { collect } from './production.ts';
import { productions } from './productions.ts';
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

interface Delivery extends Storage {
  readonly CallbackUrl?: string;
}

/** What a lane's jobs are called in the refusal that the FAQ quotes. */
const laneWords: Readonly<Record<string, string>> = { 'ivh-speech': 'audio', 'ivh-ppt': 'PPT video' };

function refuseWhenFull(world: World, { lane }: Wire): void {
  const room = world.room(lane);
  if (world.lifecycle.unfinished(lane.name) < room) return;
  const word = laneWords[lane.name] ?? 'video';
  throw new CloudError('100008', `LimitExceeded:quota exceeded: ${word} jobs submitted, limit: ${room}`);
}

function submit(world: World, wire: Wire, payload: unknown): Reply {
  const request = readRequest(wire, payload) as Delivery;
  const production = productions[wire.operation];
  if (!production) throw new CloudError('100009', 'InvalidParameter:this operation is not emulated');
  production.refuse?.(request);
  refuseWhenFull(world, wire);
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
    deliver: (made, signal) => storeResults(request, made, signal),
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

/** The field of a finished speech job, in tenths of a microsecond. */
function timestamps(task: Task): unknown {
  const tenths = (ms: number) => Math.round(ms * 10_000);
  return task.result?.sentences?.map(({ text, words }) => ({
    Sentence: text,
    Words: words.map((word) => ({
      Word: word.text,
      StartTimestamp: tenths(word.startMs),
      EndTimestamp: tenths(word.endMs),
    })),
  }));
}

function progress(world: World, path: string, payload: unknown, visit: Visit): Reply {
  const id = isRecord(payload) ? payload.TaskId : undefined;
  if (typeof id !== 'string' || id === '') throw parameterError('TaskId is required');
  const task = world.lifecycle.find(id);
  // Slides have a progress address of their own, and neither knows the other's tasks.
  if (task?.wire.cloud !== 'ivh' || task.wire.status.address !== path)
    throw new CloudError('110006', 'InternalServerError:记录不存在');
  const common = {
    Progress: progressOf[task.phase],
    MediaUrl: task.result?.url ?? '',
    Status: visit.statusWord ?? statusWords[task.phase],
    FailCode: Number(task.failure?.code ?? 0),
    FailMessage: task.failure?.message ?? '',
    Duration: Math.round((task.result?.seconds ?? 0) * 1000),
  };
  if (task.wire.operation === 'videomakewithppt') return envelope(0, '', common);
  return envelope(0, '', {
    ...common,
    SubtitlesUrl: task.result?.subtitlesUrl ?? '',
    ArrayCount: task.phase === 'queued' ? world.lifecycle.ahead(task) : 0,
    TextTimestampResult: timestamps(task),
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
      if (isAssetCall(message.path)) return { call: 'list' };
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
      if (visit.call === 'list')
        return envelope(0, '', answerAssets(message.path, json.Payload, assetLinks(world.base)));
      if (visit.call === 'query') return progress(world, message.path, json.Payload, visit);
      return submit(world, visit.wire as Wire, json.Payload);
    },
    refusal: (error) => envelope(Number(error.code) || -101000, error.message, undefined, error.status),
  };
}
