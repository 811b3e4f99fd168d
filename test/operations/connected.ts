import { dashscopeConnection } from '../../src/clouds/dashscope/connection.ts';
import { CloudClock, type CloudConnection } from '../../src/clouds/exchange.ts';
import type { Http, HttpRequest } from '../../src/clouds/http.ts';
import { ivhConnection } from '../../src/clouds/tencent-ivh/connection.ts';
import { vclmConnection } from '../../src/clouds/tencent-vclm/connection.ts';
import type { Cloud } from '../../src/core/operation.ts';
import type { Json } from './material.ts';

/** A connection whose cloud answers with one fixed reply, and what was sent to it. */
export function connected(cloud: Cloud, status: number, reply: Json) {
  const sent: HttpRequest[] = [];
  const http: Http = {
    send: async (request) => {
      sent.push(request);
      return { status, headers: {}, body: JSON.stringify(reply) };
    },
    close: async () => {},
  };
  const clock = new CloudClock(() => 1_700_000_000_000);
  const keys = { secretId: 'id', secretKey: 'key', region: 'ap-guangzhou' };
  const vclm = () => vclmConnection(cloud, { url: 'https://vclm.example', ...keys }, http, clock);
  const open: Readonly<Record<Cloud, () => CloudConnection>> = {
    vclm,
    vclm_intl: vclm,
    ivh: () => ivhConnection({ url: 'https://ivh.example', appKey: 'k', accessToken: 't' }, http, clock),
    dashscope: () =>
      dashscopeConnection({ url: 'https://dashscope.example', apiKey: 'k' }, http, () => clock.now()),
  };
  return { connection: open[cloud](), sent };
}
