import { foreignText, ruleFor } from '../../core/failure.ts';
import type { Cloud } from '../../core/operation.ts';
import {
  accountFingerprint,
  bareReply,
  type CloudClock,
  type CloudConnection,
  conforming,
  jsonObject,
  refusal,
  signedExchange,
} from '../exchange.ts';
import type { Http, HttpReply, HttpRequest } from '../http.ts';
import { tc3Authorization } from './auth.ts';
import { unlistedVclmError, vclmErrors } from './errors.ts';

export interface VclmAccount {
  readonly url: string;
  readonly secretId: string;
  readonly secretKey: string;
  /** With temporary credentials only. */
  readonly token?: string;
  readonly region: string;
}

const contentType = 'application/json';

function read(cloud: Cloud, reply: HttpReply): unknown {
  const response = jsonObject(reply)?.Response;
  if (response === null || typeof response !== 'object') throw bareReply(cloud, reply);
  const { Error: error, RequestId: requestId } = response as {
    Error?: { Code?: unknown; Message?: unknown };
    RequestId?: unknown;
  };
  if (!error) return response;
  const code = foreignText(error.Code, 80);
  throw refusal(cloud, reply, ruleFor(vclmErrors, code, unlistedVclmError), {
    code,
    message: error.Message,
    requestId,
  });
}

/** Tencent VCLM 2024-05-23: TC3-signed `POST /`, the action in a header, errors inside HTTP 200. */
export function vclmConnection(
  cloud: Cloud,
  account: VclmAccount,
  http: Http,
  clock: CloudClock,
): CloudConnection {
  const url = new URL('/', account.url);

  const build = (action: string, payload: unknown, ownConnection: boolean) => {
    const body = JSON.stringify(payload);
    return (now: number): HttpRequest => {
      const timestamp = Math.floor(now / 1000);
      const authorization = tc3Authorization({
        ...account,
        host: url.host,
        service: 'vclm',
        contentType,
        body,
        timestamp,
        action,
      });
      return {
        method: 'POST',
        url: url.href,
        body,
        ownConnection,
        headers: {
          authorization,
          'content-type': contentType,
          'x-tc-action': action,
          'x-tc-version': '2024-05-23',
          'x-tc-timestamp': String(timestamp),
          'x-tc-region': account.region,
          'x-tc-language': 'en-US',
          ...(account.token && { 'x-tc-token': account.token }),
        },
      };
    };
  };

  const call = (action: string, payload: unknown, ownConnection: boolean) =>
    signedExchange(http, clock, build(action, payload, ownConnection), (reply) => read(cloud, reply));

  return {
    account: accountFingerprint(account.url, account.secretId),
    async submit(wire, request) {
      return conforming(cloud, wire.submit.reply, await call(wire.submit.address, request, true));
    },
    async query(wire, taskId) {
      return conforming(cloud, wire.status.reply, await call(wire.status.address, { JobId: taskId }, false));
    },
  };
}
