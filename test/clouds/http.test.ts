import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttp, type HttpRequest } from '../../src/clouds/http.ts';
import { acceptedAt, Failure } from '../../src/core/failure.ts';

const closers: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  closers.push(
    () =>
      new Promise((done) => {
        server.close(done);
        server.closeAllConnections();
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const http = createHttp({ connectMs: 500, headersMs: 500, bodyMs: 500 });

async function failureOf(request: Partial<HttpRequest> & { url: string }): Promise<Failure> {
  try {
    await http.send({ method: 'POST', headers: {}, body: '{}', ...request });
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('the request was answered');
}

describe('where an exchange breaks off', () => {
  it('knows that nothing was sent when nobody listens', async () => {
    const url = await serve((_, response) => response.end());
    await closers.pop()?.();
    const failure = await failureOf({ url });
    expect(failure).toMatchObject({ kind: 'network', stage: 'not_sent', code: 'ECONNREFUSED' });
    expect(acceptedAt.not_sent).toBe('no');
  });

  it('does not know when no answer comes in time', async () => {
    const url = await serve(() => {});
    expect(await failureOf({ url })).toMatchObject({ kind: 'network', stage: 'no_reply' });
    expect(acceptedAt.no_reply).toBe('unknown');
  });

  it('does not know when the connection is cut before the answer', async () => {
    const url = await serve((request) => request.socket.destroy());
    expect(await failureOf({ url })).toMatchObject({ stage: 'no_reply' });
  });

  it('does not know when the answer is cut', async () => {
    const url = await serve((request, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('{"half');
      setTimeout(() => request.socket.destroy(), 20);
    });
    expect(await failureOf({ url })).toMatchObject({ stage: 'reply_cut' });
    expect(acceptedAt.reply_cut).toBe('unknown');
  });

  it('gives up on an answer that trickles or never ends', async () => {
    const slow = await serve((_, response) => {
      response.writeHead(200).write('{');
    });
    expect(await failureOf({ url: slow })).toMatchObject({ stage: 'reply_cut' });
    const endless = await serve((_, response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      };
      response.on('drain', more);
      more();
    });
    expect(await failureOf({ url: endless })).toMatchObject({ stage: 'reply_cut' });
  });

  it('opens a connection of its own for every submit and shares one among questions', async () => {
    const sockets: unknown[] = [];
    const url = await serve((request, response) => {
      sockets.push(request.socket);
      response.end('{}');
    });
    const send = (ownConnection: boolean) =>
      http.send({ method: 'POST', url, headers: {}, body: '{}', ownConnection });
    for (let calls = 0; calls < 10; calls++) await send(false);
    expect(new Set(sockets).size).toBeLessThan(4);
    sockets.length = 0;
    for (let calls = 0; calls < 10; calls++) await send(true);
    expect(new Set(sockets).size).toBe(10);
  });
});
