import { type ErrorTable, foreignText, ruleFor } from '../../core/failure.ts';
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
import type { Http, HttpReply } from '../http.ts';
import { signedQuery } from './auth.ts';
import { ivhCallErrors, unlistedIvhError } from './errors.ts';

export interface IvhAccount {
  readonly url: string;
  readonly appKey: string;
  readonly accessToken: string;
}

function read(table: ErrorTable, reply: HttpReply): unknown {
  const { Header: header, Payload: payload } = (jsonObject(reply) ?? {}) as {
    Header?: { Code?: unknown; Message?: unknown; RequestID?: unknown };
    Payload?: unknown;
  };
  if (header === undefined || header === null || typeof header !== 'object') throw bareReply('ivh', reply);
  const code = foreignText(header.Code, 80);
  if (code === '0') return payload;
  if (code === '') throw bareReply('ivh', reply);
  const { Message: message, RequestID: requestId } = header;
  throw refusal('ivh', reply, ruleFor(table, code, unlistedIvhError), { code, message, requestId });
}

/** Tencent IVH gateway: signed query string, `{Header, Payload}` both ways, the verdict in `Header.Code`. */
export function ivhConnection(account: IvhAccount, http: Http, clock: CloudClock): CloudConnection {
  const base = account.url.replace(/\/+$/, '');

  const call = (table: ErrorTable, path: string, payload: unknown, ownConnection: boolean) => {
    const body = JSON.stringify({ Header: {}, Payload: payload });
    return signedExchange(
      http,
      clock,
      (now) => {
        const timestamp = String(Math.floor(now / 1000));
        const query = signedQuery({ appkey: account.appKey, timestamp }, account.accessToken);
        return {
          method: 'POST',
          url: `${base}${path}?${query}`,
          headers: { 'content-type': 'application/json;charset=utf-8' },
          body,
          ownConnection,
        };
      },
      (reply) => read(table, reply),
    );
  };

  return {
    account: accountFingerprint(account.url, account.appKey),
    async submit(wire, request) {
      const payload = await call(wire.errors.call, wire.submit.address, request, true);
      return conforming('ivh', wire.submit.reply, payload);
    },
    async query(wire, taskId) {
      const payload = await call(wire.errors.call, wire.status.address, { TaskId: taskId }, false);
      return conforming('ivh', wire.status.reply, payload);
    },
    ask: (address, payload) => call(ivhCallErrors, address, payload, false),
  };
}
