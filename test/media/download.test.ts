import { readdir, readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { download, type DownloadRequest } from '../../src/media/download.ts';
import type { StoredFile } from '../../src/media/partial-file.ts';
import { scratch } from '../harness/processes.ts';
import { closedPort, type Loopback, loopback } from './loopback.ts';
import { content, resultStore, seeded, sha256, type StoreOptions } from './result-store.ts';

const kilobyte = 1024;
const megabyte = 1024 ** 2;
const servers: Loopback[] = [];
let place: Awaited<ReturnType<typeof scratch>>;

beforeEach(async () => {
  place = await scratch();
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await place.remove();
});

async function store(options: StoreOptions) {
  const server = await resultStore(options);
  servers.push(server);
  return server;
}
async function serve(answer: Parameters<typeof loopback>[0]): Promise<Loopback> {
  const server = await loopback(answer);
  servers.push(server);
  return server;
}

const hour = 3_600_000;
const fetched = (url: string, options: Partial<DownloadRequest> = {}): Promise<StoredFile> =>
  download({
    url,
    expiresAt: Date.now() + hour,
    directory: place.path,
    fileName: '20260102-video.mp4',
    allowPrivateAddresses: true,
    firstPauseMs: 1,
    ...options,
  });
const files = () => readdir(place.path);

describe('a download that is cut', () => {
  it.each([1, 2, 3])(
    'at ten random places (seed %i) is whole in the end, and little comes twice',
    async (seed) => {
      const body = content(12 * megabyte + 4321);
      const random = seeded(seed);
      const cuts = Array.from({ length: 10 }, () => Math.floor(random() * body.length));
      const server = await store({ body, etag: '"one"', cuts });
      const stored = await fetched(server.url);
      expect(stored).toMatchObject({ sizeBytes: body.length, sha256: sha256(body) });
      expect(sha256(await readFile(stored.path))).toBe(sha256(body));
      expect(server.ranges.length).toBe(11);
      // What was on its way through a connection when that was cut is lost: two chunks at most.
      expect(server.served()).toBeLessThanOrEqual(body.length + 10 * 128 * kilobyte);
      expect(await files()).toEqual(['20260102-video.mp4']);
    },
  );

  it('asks for the rest under the validator of what it has', async () => {
    const body = content(megabyte);
    const seen: Array<string | undefined> = [];
    const server = await serve((request, response) => {
      seen.push(request.headers['if-range'] as string | undefined);
      const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0);
      const range = `bytes ${start}-${body.length - 1}/${body.length}`;
      const headers = { etag: '"one"', 'content-length': body.length - start };
      response.writeHead(start ? 206 : 200, start ? { ...headers, 'content-range': range } : headers);
      if (start) response.end(body.subarray(start));
      else response.write(body.subarray(0, 600_000), () => response.destroy());
    });
    expect((await fetched(server.url)).sha256).toBe(sha256(body));
    expect(seen).toEqual([undefined, '"one"']);
    expect(server.ranges[1]).toMatch(/^bytes=[1-9]\d{4,5}-$/);
  });

  it.each([
    ['no validator', {}, false],
    ['a weak one', { etag: 'W/"one"' }, false],
    ['a date that is not over', { 'last-modified': new Date(Date.now() + 5000).toUTCString() }, false],
    ['a date', { 'last-modified': new Date(Date.now() - hour).toUTCString() }, true],
  ])('with %s: resumes only where that is sound', async (_name, headers, resumes) => {
    const body = content(megabyte);
    const server = await store({ body, headers, cuts: [500_000], ranges: 'blind' });
    expect((await fetched(server.url)).sha256).toBe(sha256(body));
    expect(server.ranges.map((range) => range !== undefined)).toEqual([false, resumes]);
  });

  it.each(['none', 'kept', 'blind'] as const)(
    'and whose file is another by then (ranges %s) is the other one, whole',
    async (ranges) => {
      const other = content(megabyte + 7);
      const server = await store({ body: content(megabyte), etag: '"one"', cuts: [700_000], ranges });
      const failed = () => Object.assign(server.options, { body: other, etag: '"two"' });
      expect(await fetched(server.url, { failed })).toMatchObject({
        sizeBytes: other.length,
        sha256: sha256(other),
      });
      expect(server.ranges).toHaveLength(ranges === 'blind' ? 3 : 2);
    },
  );

  it('and whose file is another of the same length is the other one, though the server gives ranges of both', async () => {
    const other = content(megabyte);
    const server = await store({
      body: content(megabyte),
      etag: '"one"',
      cuts: [700_000],
      ranges: 'blind',
    });
    const failed = () => Object.assign(server.options, { body: other, etag: '"two"' });
    expect((await fetched(server.url, { failed })).sha256).toBe(sha256(other));
    expect(server.ranges).toHaveLength(3);
  });

  it.each([0, 1])('by a server that then gives a range from %i: starts again', async (from) => {
    const body = content(megabyte);
    const server = await serve((request, response) => {
      const headers = { etag: '"one"', 'content-length': body.length };
      const range = `bytes ${from}-${body.length - 1}/${body.length}`;
      if (request.headers.range)
        response
          .writeHead(206, { ...headers, 'content-length': body.length - from, 'content-range': range })
          .end(body.subarray(from));
      else if (server.ranges.length > 1) response.writeHead(200, headers).end(body);
      else response.writeHead(200, headers).write(body.subarray(0, 600_000), () => response.destroy());
    });
    expect((await fetched(server.url)).sha256).toBe(sha256(body));
    expect(server.ranges.map((range) => range !== undefined)).toEqual([false, true, false]);
  });

  it('by a server without ranges starts again', async () => {
    const body = content(megabyte);
    const server = await store({ body, etag: '"one"', cuts: [300_000, 600_000], ranges: 'none' });
    expect((await fetched(server.url)).sha256).toBe(sha256(body));
    expect(server.ranges).toHaveLength(3);
  });

  it('and has more than the server now says there is starts again', async () => {
    const short = content(100_000);
    const server = await store({ body: content(megabyte), etag: '"one"', cuts: [500_000], ranges: 'blind' });
    const stored = await fetched(server.url, {
      failed: () => Object.assign(server.options, { body: short }),
    });
    expect(stored.sha256).toBe(sha256(short));
    expect(server.ranges).toHaveLength(3);
  });

  it('goes on at a fresh link where the old one has died', async () => {
    const body = content(megabyte);
    const server = await store({ body, etag: '"one"', cuts: [500_000] });
    const dying = await serve((request, response) => {
      if (dying.ranges.length > 1) response.writeHead(403).end();
      else response.writeHead(302, { location: server.url }).end(request.url);
    });
    let renewals = 0;
    const renew = () => {
      renewals += 1;
      return Promise.resolve({ url: server.url, expiresAt: Date.now() + hour });
    };
    expect((await fetched(dying.url, { renew })).sha256).toBe(sha256(body));
    expect(renewals).toBe(1);
    expect(server.served()).toBeLessThanOrEqual(body.length + 128 * kilobyte);
  });
});

describe('a server that misbehaves', () => {
  it('promises more than it has: eight tries, then a failure, and nothing on disk', async () => {
    const lying = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': 90_000, etag: '"one"' });
      response.write(Buffer.alloc(50_000), () => response.destroy());
    });
    await expect(fetched(lying.url)).rejects.toMatchObject({ kind: 'network', message: /8 times/ });
    expect(lying.ranges).toHaveLength(9);
    expect(await files()).toEqual([]);
  });

  it('sends more than it promised in a range', async () => {
    const server = await serve((request, response) => {
      if (request.headers.range) {
        response.writeHead(206, { 'content-range': 'bytes 65536-99999/100000', etag: '"one"' });
        response.end(Buffer.alloc(90_000));
      } else {
        response.writeHead(200, { 'content-length': 100_000, etag: '"one"' });
        response.write(Buffer.alloc(65_536), () => response.destroy());
      }
    });
    await expect(fetched(server.url, { expiresAt: Date.now() + 20_200 })).rejects.toMatchObject({
      kind: 'network',
    });
    expect(await files()).toEqual([]);
  });

  it.each([true, false])('sends more than is taken; declared: %s', async (declared) => {
    let served = 0;
    const server = await serve((_request, response) => {
      response.writeHead(200, declared ? { 'content-length': 50 * megabyte } : {});
      const flood = () => {
        while (!response.destroyed && served < 50 * megabyte) {
          served += 65_536;
          if (!response.write(Buffer.alloc(65_536))) return void response.once('drain', flood);
        }
        response.end();
      };
      flood();
    });
    await expect(fetched(server.url, { maxBytes: megabyte })).rejects.toMatchObject({
      kind: 'media',
      message: /1048576/,
    });
    expect(server.ranges).toHaveLength(1);
    expect(served).toBeLessThan(25 * megabyte);
    expect(await files()).toEqual([]);
  });

  it.each([
    ['before its head', () => undefined],
    [
      'within the file',
      (_: unknown, response: import('node:http').ServerResponse) => {
        response.writeHead(200, { 'content-length': megabyte, etag: '"one"' }).write(Buffer.alloc(50_000));
      },
    ],
    [
      'by a byte now and then',
      (_: unknown, response: import('node:http').ServerResponse) => {
        response.writeHead(200, { 'content-length': megabyte });
        const drip = setInterval(() => response.write(Buffer.alloc(1)), 20);
        response.on('close', () => clearInterval(drip));
      },
    ],
  ])('stalls %s: that attempt ends, the next brings the file', async (_name, stall) => {
    const body = content(megabyte);
    const server = await store({ body, etag: '"one"' });
    const slow = await serve((request, response) => {
      if (slow.ranges.length === 1) stall(request, response);
      else response.writeHead(302, { location: server.url }).end();
    });
    const failures: string[] = [];
    const failed = ({ message }: Error) => failures.push(message);
    const stored = await fetched(slow.url, { patienceMs: 2000, failed });
    expect(stored.sizeBytes).toBe(megabyte);
    expect(failures).toEqual([expect.stringMatching(/does not answer|stalls/)]);
    expect(slow.ranges).toHaveLength(2);
  });

  it.each([
    [403, 'expired', 1],
    [404, 'expired', 1],
    [410, 'expired', 1],
    [400, 'network', 1],
  ])('answers HTTP %i: %s, after %i request', async (status, kind, requests) => {
    const server = await serve((_request, response) => void response.writeHead(status).end('<Error/>'));
    await expect(fetched(server.url)).rejects.toMatchObject({ kind, message: new RegExp(`${status}`) });
    expect(server.ranges).toHaveLength(requests);
    expect(await files()).toEqual([]);
  });

  it.each([500, 503, 429, 408])('answers HTTP %i twice: it is asked a third time', async (status) => {
    const body = content(1000);
    const server = await serve((_request, response) => {
      if (server.ranges.length < 3) response.writeHead(status).end();
      else response.end(body);
    });
    expect((await fetched(server.url)).sha256).toBe(sha256(body));
    expect(server.ranges).toHaveLength(3);
  });

  it('packs the file although it was asked not to', async () => {
    const server = await serve(
      (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
    );
    await expect(fetched(server.url)).rejects.toMatchObject({ kind: 'network', message: /packs/ });
    expect(server.ranges).toHaveLength(1);
  });
});

describe('the end of a link', () => {
  it('is the end of trying: one attempt when it is past, none that would begin too late', async () => {
    const server = await serve((_request, response) => void response.writeHead(503).end());
    await expect(fetched(server.url, { expiresAt: Date.now() - 1 })).rejects.toMatchObject({
      retryable: true,
    });
    expect(server.ranges).toHaveLength(1);
    const nobody = `http://127.0.0.1:${await closedPort()}/`;
    const failures: unknown[] = [];
    const options = { expiresAt: Date.now() + 21_000, firstPauseMs: 100, failed: () => failures.push(1) };
    await expect(fetched(nobody, options)).rejects.toMatchObject({ kind: 'network', retryable: true });
    expect(failures.length).toBeGreaterThan(0);
    expect(failures.length).toBeLessThan(6);
  });

  it('asks for a fresh link once only', async () => {
    const server = await serve((_request, response) => void response.writeHead(403).end());
    const renew = () => Promise.resolve({ url: server.url, expiresAt: Date.now() + hour });
    await expect(fetched(server.url, { renew })).rejects.toMatchObject({ kind: 'expired' });
    expect(server.ranges).toHaveLength(2);
  });
});

describe('a signal', () => {
  it('ends a download and takes its pieces away', async () => {
    const control = new AbortController();
    const server = await store({ body: content(40 * megabyte), etag: '"one"' });
    const report = (bytes: number) => {
      if (bytes > megabyte) control.abort();
    };
    await expect(fetched(server.url, { signal: control.signal, report })).rejects.toMatchObject({
      message: /stopped/,
    });
    expect(server.ranges).toHaveLength(1);
    expect(await files()).toEqual([]);
  });

  it('ends a pause', async () => {
    const control = new AbortController();
    const nobody = `http://127.0.0.1:${await closedPort()}/`;
    const options = { signal: control.signal, firstPauseMs: hour / 100, failed: () => control.abort() };
    await expect(fetched(nobody, options)).rejects.toMatchObject({ message: /stopped/ });
  });
});
