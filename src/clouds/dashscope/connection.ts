import { ruleFor } from '../../core/failure.ts';
import {
  accountFingerprint,
  bareReply,
  type CloudConnection,
  conforming,
  jsonObject,
  refusal,
} from '../exchange.ts';
import type { Clock, Http, HttpReply } from '../http.ts';
import { dashscopeErrors, unlistedDashscopeError } from './errors.ts';
import { temporaryUpload } from './temporary-upload.ts';
import { recentTasks } from './recent-tasks.ts';

export interface DashscopeAccount {
  readonly url: string;
  readonly apiKey: string;
}

function read(reply: HttpReply): unknown {
  const body = jsonObject(reply);
  if (!body) throw bareReply('dashscope', reply);
  if (reply.status >= 200 && reply.status < 300) return body;
  if (typeof body.code !== 'string') throw bareReply('dashscope', reply);
  const { code, message, request_id: requestId } = body;
  throw refusal(
    'dashscope',
    reply,
    ruleFor(dashscopeErrors, code, (other) => unlistedDashscopeError(other, reply.status)),
    {
      code,
      message,
      requestId,
    },
  );
}

/** Alibaba DashScope: bearer key, HTTP statuses that mean what they say, `{code, message, request_id}` errors. */
export function dashscopeConnection(account: DashscopeAccount, http: Http, clock: Clock): CloudConnection {
  // The address is given with or without the version path, as the vendor's own pages vary.
  const base = `${account.url.replace(/\/+$/, '').replace(/\/api\/v1$/, '')}/api/v1`;
  const headers = { authorization: `Bearer ${account.apiKey}` };

  return {
    account: accountFingerprint(account.url, account.apiKey),
    async submit(wire, request) {
      const body = JSON.stringify(request);
      // Only with this header does the cloud look into its own store; nothing else is told to.
      const resolve = body.includes('"oss://') && { 'x-dashscope-ossresourceresolve': 'enable' };
      const reply = await http.send({
        method: 'POST',
        url: base + wire.submit.address,
        headers: {
          ...headers,
          'content-type': 'application/json',
          'x-dashscope-async': 'enable',
          ...resolve,
        },
        body,
        ownConnection: true,
      });
      return conforming('dashscope', wire.submit.reply, read(reply));
    },
    async query(wire, taskId) {
      const path = wire.status.address.replace('{task_id}', encodeURIComponent(taskId));
      const reply = await http.send({ method: 'GET', url: base + path, headers });
      return conforming('dashscope', wire.status.reply, read(reply));
    },
    async cancel(taskId) {
      read(
        await http.send({
          method: 'POST',
          url: `${base}/tasks/${encodeURIComponent(taskId)}/cancel`,
          headers,
        }),
      );
    },
    upload: (model, file, options) =>
      temporaryUpload({ ...options, url: base, apiKey: account.apiKey, model, file, http, read }),
    findRecent(wire, submitted) {
      const get = async (path: string) => {
        const reply = await http.send({ method: 'GET', url: base + path, headers });
        return { reply, body: read(reply) };
      };
      return recentTasks(get, clock, wire, submitted);
    },
  };
}
