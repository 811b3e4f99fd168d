import { createHash, randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { type Loopback, loopback } from './loopback.ts';

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Numbers that are the same in every run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Bytes that are nowhere alike, so that a piece in the wrong place shows. */
export const content = (bytes: number) => randomBytes(bytes);

export interface StoreOptions {
  body: Buffer;
  etag?: string | undefined;
  headers?: Record<string, string | number>;
  /** Offsets in the file at which the connection is cut, each once. */
  readonly cuts?: number[];
  /** `none`: every answer is the whole file. `blind`: ranges are given whatever `if-range` says. */
  readonly ranges?: 'kept' | 'none' | 'blind';
}

export interface ResultStore extends Loopback {
  /** May be changed while it serves. */
  readonly options: StoreOptions;
  /** Body bytes that were handed to the network. */
  readonly served: () => number;
}

function send(response: ServerResponse, bytes: Buffer, cut: boolean, count: (bytes: number) => void): void {
  let at = 0;
  const next = () => {
    if (response.destroyed) return;
    if (at >= bytes.length) {
      if (cut) response.destroy();
      else response.end();
      return;
    }
    const piece = bytes.subarray(at, at + 65_536);
    at += piece.length;
    count(piece.length);
    response.write(piece, next);
  };
  if (bytes.length === 0) response.flushHeaders();
  next();
}

/** What stands behind a result link: one file, as object stores serve it, with cuts where they are wanted. */
export async function resultStore(options: StoreOptions): Promise<ResultStore> {
  let served = 0;
  const cuts = (options.cuts ?? []).toSorted((a, b) => a - b);
  const server = await loopback((request, response) => {
    const { body, etag, headers, ranges = 'kept' } = options;
    const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
    const condition = request.headers['if-range'];
    const start =
      asked && ranges !== 'none' && (ranges === 'blind' || condition === etag) ? Number(asked[1]) : 0;
    if (start > 0 && start >= body.length) {
      response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end();
      return;
    }
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': body.length - start,
      ...(start > 0 && { 'content-range': `bytes ${start}-${body.length - 1}/${body.length}` }),
      ...(etag !== undefined && { etag }),
      ...headers,
    });
    while (cuts[0] !== undefined && cuts[0] < start) cuts.shift();
    const end = cuts.shift();
    send(response, body.subarray(start, end), end !== undefined, (bytes) => {
      served += bytes;
    });
  });
  return { ...server, options, served: () => served };
}
