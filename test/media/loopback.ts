import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** A server on loopback that counts what it is asked for. */
export interface Loopback {
  readonly url: string;
  /** The `range` header of every request, in order. */
  readonly ranges: Array<string | undefined>;
  readonly connections: () => number;
  close(): Promise<void>;
}

export async function loopback(answer: Answer): Promise<Loopback> {
  let connections = 0;
  const ranges: Array<string | undefined> = [];
  const server = createServer((request, response) => {
    ranges.push(request.headers.range);
    // A reader that has enough hangs up: not an error of the test.
    Promise.resolve(answer(request, response)).catch(() => response.destroy());
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    ranges,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function asked(request: IncomingMessage, size: number): { start: number; end: number } {
  const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  return { start: Number(start), end: Math.min(Number(end), size - 1) };
}

/** A file, by ranges, as object stores answer. */
export function ranged(path: string): Answer {
  return async (request, response) => {
    const { size } = await stat(path);
    const { start, end } = asked(request, size);
    if (start >= size) {
      response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
      return;
    }
    response.writeHead(206, {
      'content-range': `bytes ${start}-${end}/${size}`,
      'content-length': end - start + 1,
      etag: '"v1"',
    });
    await pipeline(createReadStream(path, { start, end }), response);
  };
}

/** A file, always from its start; without its length when `chunked`. */
export function wholly(path: string, chunked = false): Answer {
  return async (_request, response) => {
    const { size } = await stat(path);
    response.writeHead(200, chunked ? {} : { 'content-length': size });
    await pipeline(createReadStream(path), response);
  };
}

/** A port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = await loopback((_request, response) => {
    response.end();
  });
  await server.close();
  return Number(new URL(server.url).port);
}
