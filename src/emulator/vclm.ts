import { randomInt, randomUUID } from 'node:crypto';
import type * as z from 'zod';
import type { Wire } from '../core/operation.ts';
import { CloudError, MediaBreach } from './cloud-error.ts';
import { type Dialect, jsonReply, type Message, type Reply, type Visit } from './exchange.ts';
import type { Task } from './lifecycle.ts';
import { collect } from './production.ts';
import { productions } from './productions.ts';
import { insideWindow, parseTc3, sameText, tc3Signature } from './signatures.ts';
import { acceptTask, type World } from './world.ts';

const version = '2024-05-23';
const serviceName = 'vclm';

const internalError = {
  code: 'FailedOperation.InnerError',
  message: 'The service failed inside; try again.',
};

/** Breaches without a code of their own on the operation's page. */
const otherMediaCode = 'InvalidParameterValue.ParameterValueError';

/** Nineteen decimal digits, like the ids in the published samples. */
function jobId(): string {
  return `1${String(randomInt(10 ** 9)).padStart(9, '0')}${String(randomInt(10 ** 9)).padStart(9, '0')}`;
}

function respond(fields: Record<string, unknown>, requestId: string = randomUUID()): Reply {
  return jsonReply(200, { Response: { ...fields, RequestId: requestId } });
}

/**
 * Verifies TC3-HMAC-SHA256 and its clock window, in the order in which the public error codes tell them
 * apart: shape, key, time, signature.
 * @throws CloudError AuthFailure.*
 */
function authenticate(message: Message, credentials: World['credentials']['vclm'], now: number): void {
  const { headers, body } = message;
  const authorization = parseTc3(headers.authorization ?? '');
  const signed = authorization?.signedHeaders ?? [];
  if (!authorization || !signed.includes('content-type') || !signed.includes('host'))
    throw new CloudError(
      'AuthFailure.InvalidAuthorization',
      'The Authorization header is missing or malformed.',
    );
  if (!sameText(authorization.secretId, credentials.secret_id))
    throw new CloudError('AuthFailure.SecretIdNotFound', 'The SecretId does not exist.');
  const timestamp = headers['x-tc-timestamp'] ?? '';
  if (!insideWindow(timestamp, now))
    throw new CloudError('AuthFailure.SignatureExpire', 'X-TC-Timestamp is more than five minutes off.');
  const { service, signature } = authorization;
  const host = headers.host ?? '';
  const hostname = host.replace(/:\d+$/, '');
  const date = new Date(Number(timestamp) * 1000).toISOString().slice(0, 10);
  // The official SDK takes the service from the first label of its endpoint, whatever that is, and signs the
  // host without its port. Both differ from the real address only because this one is on loopback.
  const services = [serviceName, host.split('.')[0], hostname.split('.')[0]];
  const valid = [host, hostname].some((signedHost) =>
    sameText(
      signature,
      tc3Signature({
        secretKey: credentials.secret_key,
        service,
        timestamp,
        signedHeaders: signed,
        headers: { ...headers, host: signedHost },
        body,
      }),
    ),
  );
  if (!services.includes(service) || authorization.date !== date || !valid)
    throw new CloudError('AuthFailure.SignatureFailure', 'The signature does not match the request.');
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
}

/** The public parameter error for the first breach of a request schema. */
function parameterError(request: unknown, issue: z.core.$ZodIssue): CloudError {
  const name = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const unknown = [...issue.path.map(String), issue.keys[0]].join('.');
    return new CloudError('UnknownParameter', `The parameter \`${unknown}\` is not known.`);
  }
  if (valueAt(request, issue.path) === undefined)
    return new CloudError('MissingParameter', `The parameter \`${name}\` is missing.`);
  if (issue.code === 'invalid_type')
    return new CloudError('InvalidParameter', `The parameter \`${name}\` must be of type ${issue.expected}.`);
  if (issue.code === 'invalid_format' && name.endsWith('Url'))
    return new CloudError(
      'InvalidParameterValue.UrlIllegal',
      `The parameter \`${name}\` is not a usable address.`,
    );
  return new CloudError(
    'InvalidParameterValue',
    `The value of \`${name}\` is not allowed: ${issue.message}.`,
  );
}

async function submit(world: World, wire: Wire, message: Message): Promise<Reply> {
  const parsed = wire.submit.request.safeParse(message.json);
  const issue = parsed.error?.issues[0];
  if (issue) throw parameterError(message.json, issue);
  const production = productions[wire.operation];
  if (!production)
    throw new CloudError('InvalidAction', `The action ${wire.submit.address} is not emulated.`);
  // Asked before and after the files are fetched: other submissions may arrive meanwhile.
  const refuseWhenFull = () => {
    if (world.lifecycle.unfinished(wire.lane.name) >= world.room(wire.lane))
      throw new CloudError(
        'RequestLimitExceeded.JobNumExceed',
        'Too many jobs are running; wait for one to end.',
      );
  };
  refuseWhenFull();
  const media = await collect(world.inputs, wire, production, parsed.data).catch((error: unknown) => {
    if (!(error instanceof MediaBreach)) throw error;
    throw new CloudError(
      error.code ?? otherMediaCode,
      `${error.field} is outside its limits: ${error.message}.`,
    );
  });
  refuseWhenFull();
  const id = jobId();
  const requestId = randomUUID();
  acceptTask(world, {
    id,
    requestId,
    wire,
    internalError,
    request: parsed.data,
    received: message.json,
    media: async () => media,
  });
  return respond({ JobId: id }, requestId);
}

/** StatusCode and StatusMsg of DescribePortraitSingJob (SDK for 2024-05-23). There is no word for waiting. */
const statusWords: Readonly<Record<Task['phase'], readonly [string, string]>> = {
  queued: ['RUN', '处理中'],
  running: ['RUN', '处理中'],
  done: ['DONE', '处理完成'],
  failed: ['FAIL', '处理失败'],
  cancelled: ['STOP', '处理终止'],
};

/** Status of DescribeImageAnimateJob. */
const animateWords: Readonly<Record<Task['phase'], string>> = {
  queued: 'WAIT',
  running: 'RUN',
  done: 'DONE',
  failed: 'FAIL',
  cancelled: 'FAIL',
};

function describe(world: World, wire: Wire, message: Message, visit: Visit): Reply {
  const id = (message.json as { JobId?: unknown } | undefined)?.JobId;
  if (id === undefined) throw new CloudError('MissingParameter', 'The parameter `JobId` is missing.');
  if (typeof id !== 'string')
    throw new CloudError('InvalidParameter', 'The parameter `JobId` must be a string.');
  const task = world.lifecycle.find(id);
  if (!task || task.wire.operation !== wire.operation)
    throw new CloudError('FailedOperation.JobNotExist', 'The job does not exist.');
  const outcome = {
    ErrorCode: task.failure?.code ?? '',
    ErrorMessage: task.failure?.message ?? '',
    ResultVideoUrl: task.result?.url ?? '',
  };
  // The job's id is not echoed here, and the field is Status (SDK for 2024-05-23, international).
  if (wire.operation === 'SubmitImageAnimateJob')
    return respond({
      Status: visit.statusWord ?? animateWords[task.phase],
      ...outcome,
      MaskVideoUrl: task.result?.maskUrl ?? '',
    });
  const [word, text] = statusWords[task.phase];
  return respond({
    JobId: id,
    StatusCode: visit.statusWord ?? word,
    StatusMsg: text,
    ...outcome,
  });
}

/** Tencent VCLM 2024-05-23: actions posted to `/`, always HTTP 200, errors inside `Response`. */
export function vclmDialect(world: World): Dialect {
  const wires = world.wires.filter(({ cloud }) => cloud === 'vclm' || cloud === 'vclm_intl');
  return {
    internalError,
    classify(message) {
      if (message.path !== '/') return undefined;
      const action = message.headers['x-tc-action'];
      for (const wire of wires) {
        if (wire.submit.address === action) return { call: 'submit', wire };
        if (wire.status.address === action) return { call: 'query', wire };
      }
      return {};
    },
    async answer(message, visit) {
      // The public code of the API gateway for bodies above its 10 MB.
      if (message.tooLarge)
        throw new CloudError('RequestSizeLimitExceeded', 'The request is larger than 10 MB.');
      authenticate(message, world.credentials.vclm, visit.now);
      if (message.method !== 'POST') throw new CloudError('UnsupportedProtocol', 'Use POST.');
      const { 'x-tc-action': action, 'x-tc-version': asked } = message.headers;
      if (!action) throw new CloudError('MissingParameter', 'The header X-TC-Action is missing.');
      if (asked !== version)
        throw new CloudError('NoSuchVersion', `The version ${asked ?? ''} does not exist.`);
      if (!visit.wire) throw new CloudError('InvalidAction', `The action ${action} does not exist.`);
      if (typeof message.json !== 'object' || message.json === null)
        throw new CloudError('InvalidParameter', 'The body must be a JSON object.');
      return visit.call === 'submit'
        ? submit(world, visit.wire, message)
        : describe(world, visit.wire, message, visit);
    },
    refusal: (error) => respond({ Error: { Code: error.code, Message: error.message } }),
  };
}
