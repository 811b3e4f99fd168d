import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import { openConnections } from '../../src/clouds/accounts.ts';
import { createHttp } from '../../src/clouds/http.ts';
import { operations } from '../../src/clouds/index.ts';
import { acceptedAt, type ExchangeStage, Failure } from '../../src/core/failure.ts';
import { type Cloud, clouds } from '../../src/core/operation.ts';

type Break = (socket: Socket, cloud: Cloud) => void;

/** Calls back once a whole HTTP request has been read. */
function afterRequest(then: Break): Break {
  return (socket, cloud) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (end < 0 || text.length < end + 4 + length) return;
      socket.removeAllListeners('data');
      then(socket, cloud);
    });
  };
}

const answer = (status: string, body: string, type = 'application/json') =>
  afterRequest((socket) =>
    socket.end(
      `HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    ),
  );

/** A refusal as each vendor writes it. */
const refusals: Readonly<Record<Cloud, string>> = {
  vclm: '{"Response":{"Error":{"Code":"RequestLimitExceeded.JobNumExceed","Message":"full"},"RequestId":"r"}}',
  vclm_intl: '{"Response":{"Error":{"Code":"InternalError","Message":"broke"},"RequestId":"r"}}',
  ivh: '{"Header":{"Code":100008,"Message":"full","RequestID":"r"},"Payload":{}}',
  dashscope: '{"code":"Throttling.RateQuota","message":"slow","request_id":"r"}',
};

/** A success that lacks the one thing that is needed: the task. */
const withoutTask: Readonly<Record<Cloud, string>> = {
  vclm: '{"Response":{"RequestId":"r"}}',
  vclm_intl: '{"Response":{"JobId":7,"RequestId":"r"}}',
  ivh: '{"Header":{"Code":0,"Message":"","RequestID":"r"},"Payload":{}}',
  dashscope: '{"output":{"task_status":"PENDING"},"request_id":"r"}',
};

const vendor = (bodies: Readonly<Record<Cloud, string>>, status: string): Break => {
  return (socket, cloud) => answer(status, bodies[cloud])(socket, cloud);
};

/** Where in the exchange it breaks, and what that proves. */
const table: ReadonlyArray<readonly [point: string, how: Break | 'closed port', ExchangeStage]> = [
  ['nobody listens', 'closed port', 'not_sent'],
  ['the connection is reset when made', (socket) => socket.resetAndDestroy(), 'no_reply'],
  ['the connection ends when made', (socket) => socket.end(), 'no_reply'],
  [
    'a reset in the middle of the request',
    (socket) => socket.once('data', () => socket.resetAndDestroy()),
    'no_reply',
  ],
  ['an end after the request', afterRequest((socket) => socket.end()), 'no_reply'],
  ['a reset after the request', afterRequest((socket) => socket.resetAndDestroy()), 'no_reply'],
  ['no answer in time', afterRequest(() => {}), 'no_reply'],
  ['an answer that is not HTTP', afterRequest((socket) => socket.end('SSH-2.0-x\r\n')), 'no_reply'],
  ['an end among the headers', afterRequest((socket) => socket.end('HTTP/1.1 200 OK\r\nconte')), 'no_reply'],
  [
    'an end after the headers',
    afterRequest((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n')),
    'reply_cut',
  ],
  [
    'an end in the body',
    afterRequest((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"Resp')),
    'reply_cut',
  ],
  [
    'a reset in the body',
    afterRequest((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"Resp', () =>
        setImmediate(() => socket.resetAndDestroy()),
      );
    }),
    'reply_cut',
  ],
  [
    'a body that never ends',
    afterRequest((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{')),
    'reply_cut',
  ],
  [
    'a refusal that is cut',
    afterRequest((socket) =>
      socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 90\r\n\r\n{"code":"Inv'),
    ),
    'reply_cut',
  ],
  ['an empty success', answer('200 OK', ''), 'reply_unreadable'],
  ['a success that is not JSON', answer('200 OK', '<html>', 'text/html'), 'reply_unreadable'],
  ['a success that is a list', answer('200 OK', '[]'), 'reply_unreadable'],
  ['a success without a task', vendor(withoutTask, '200 OK'), 'reply_unreadable'],
  ['500 without the vendor’s words', answer('500 Internal Server Error', '{}'), 'server_error'],
  ['502 from something on the way', answer('502 Bad Gateway', '<html>', 'text/html'), 'server_error'],
  ['503 and nothing', answer('503 Service Unavailable', ''), 'server_error'],
  ['504 from something on the way', answer('504 Gateway Timeout', 'timeout', 'text/plain'), 'server_error'],
  ['408 from something on the way', answer('408 Request Timeout', ''), 'server_error'],
  ['a redirect', answer('302 Found', ''), 'refused'],
  ['404 from something on the way', answer('404 Not Found', '<html>', 'text/html'), 'refused'],
  ['413 from something on the way', answer('413 Content Too Large', ''), 'refused'],
  ['429 and nothing', answer('429 Too Many Requests', ''), 'refused'],
  ['the vendor’s refusal', vendor(refusals, '200 OK'), 'refused'],
  ['the vendor’s refusal with 400', vendor(refusals, '400 Bad Request'), 'refused'],
  ['the vendor’s refusal with 500', vendor(refusals, '500 Internal Server Error'), 'refused'],
];

/** DashScope says no by status: its error body under 200 is no refusal that any page documents. */
const expected = (point: string, cloud: Cloud, stage: ExchangeStage): ExchangeStage =>
  cloud === 'dashscope' && point === 'the vendor’s refusal' ? 'reply_unreadable' : stage;

const closers: Array<() => unknown> = [];
afterAll(async () => {
  for (const close of closers) await close();
});

async function listening(
  how: Break,
  cloud: Cloud,
): Promise<{ url: string; server: Server; seen: () => number }> {
  let connections = 0;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    connections++;
    open.add(socket);
    socket.on('error', () => {});
    how(socket, cloud);
  });
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  closers.push(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    seen: () => connections,
  };
}

const http = createHttp({ connectMs: 2_000, headersMs: 1_000, bodyMs: 1_000 });
closers.push(() => http.close());

function submission(cloud: Cloud, url: string): Promise<unknown> {
  const keys = { secretId: 'id', secretKey: 'key', region: 'ap-guangzhou' };
  const connections = openConnections(
    {
      vclm: { url, ...keys },
      vclm_intl: { url, ...keys },
      ivh: { url, appKey: 'key', accessToken: 'token' },
      dashscope: { url, apiKey: 'key' },
    },
    http,
    () => Date.now(),
  );
  const operation = operations.find(({ wire }) => wire.cloud === cloud);
  const connection = connections[cloud];
  if (!operation || !connection) throw new Error(`nothing to submit to ${cloud}`);
  return connection.submit(operation.wire, operation.encode(operation.example));
}

const names = Object.keys(clouds) as Cloud[];
let cells = 0;

describe.each(names)('a submission to %s', (cloud) => {
  it.each(table)('when there is %s', async (point, how, stage) => {
    const place = await listening(how === 'closed port' ? () => {} : how, cloud);
    if (how === 'closed port')
      await new Promise((done) => {
        place.server.close(done);
      });
    const failure = await submission(cloud, place.url).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(Failure);
    const proved = expected(point, cloud, stage);
    expect((failure as Failure).stage).toBe(proved);
    expect(acceptedAt[proved]).toBe(proved === 'not_sent' || proved === 'refused' ? 'no' : 'unknown');
    // A request that may have been accepted is never repeated on the quiet.
    expect(place.seen()).toBe(how === 'closed port' ? 0 : 1);
    cells++;
  });
});

describe('the proof table', () => {
  it('was tried in every cell, and every stage can be reached', () => {
    expect(cells).toBe(names.length * table.length);
    expect(cells).toBe(120);
    expect(new Set(table.map(([, , stage]) => stage))).toEqual(new Set(Object.keys(acceptedAt)));
  });
});
