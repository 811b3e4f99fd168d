import { open } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { MediaFacts } from '../../src/core/media-facts.ts';
import { probe } from '../../src/media/probe.ts';
import type { RangedSource } from '../../src/media/ranged-source.ts';
import { type UrlSourceOptions, urlSource } from '../../src/media/url-source.ts';
import { asked, closedPort, type Loopback, loopback, ranged, wholly } from './loopback.ts';
import { h264, Materials, picture, tone } from './materials.ts';

const megabyte = 1_000_000;
let materials: Materials;
const servers: Loopback[] = [];

beforeAll(async () => {
  materials = await Materials.open();
  const noise = ['-f', 'lavfi', '-i', 'color=gray:s=640x360:r=25:d=4,noise=alls=60:allf=t'];
  const heavy = ['-b:v', '8M', '-maxrate', '8M', '-bufsize', '8M'];
  await Promise.all([
    materials.make('small.mp4', ...picture(), ...tone(), ...h264),
    materials.make('start.mp4', ...picture(), ...tone(), ...h264, '-movflags', '+faststart'),
    materials.make('tone.mp3', ...tone(), '-c:a', 'libmp3lame', '-write_xing', '0'),
    materials.make('still.jpg', ...picture('1280x720', 1), '-frames:v', '1'),
    materials.make('part.mp4', ...noise, ...tone(), ...h264, ...heavy),
  ]);
  const loop = ['-stream_loop', '14', '-i', materials.path('part.mp4'), '-c', 'copy'];
  await materials.make('sixty.mp4', ...loop);
  await Promise.all([
    materials.make('sixty-start.mp4', ...loop, '-movflags', '+faststart'),
    materials.stretch('sparse.mp4', 'small.mp4', 2 ** 31),
  ]);
});
afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())));
afterAll(() => materials.close());

async function serve(answer: Parameters<typeof loopback>[0]): Promise<Loopback> {
  const server = await loopback(answer);
  servers.push(server);
  return server;
}

const here = { allowPrivateAddresses: true };

async function probed(
  url: string,
  options: Partial<UrlSourceOptions> = {},
  near?: readonly number[],
): Promise<{ facts: MediaFacts; used: RangedSource['used'] }> {
  const source = await urlSource(url, { ...here, ...options });
  try {
    return { facts: await probe(source, { near }), used: { ...source.used } };
  } finally {
    await source.close();
  }
}

describe('what a probe costs over HTTP', () => {
  it.each([
    ['small.mp4', 1, 0.12],
    ['still.jpg', 1, 0.2],
    ['tone.mp3', 1, 0.1],
    ['sixty.mp4', 2, 0.4],
    ['sixty-start.mp4', 2, 0.4],
    ['sparse.mp4', 2, 0.33],
  ])('%s: at most %i requests and %f MB', async (name, requests, most) => {
    const server = await serve(ranged(materials.path(name)));
    const { facts, used } = await probed(server.url);
    expect(facts).toEqual(await materials.probe(name));
    expect(facts.complete).toBe(true);
    expect(used.requests).toBe(server.ranges.length);
    expect(used.requests).toBeLessThanOrEqual(requests);
    expect(used.bytes).toBeLessThanOrEqual(most * megabyte);
    expect(server.connections()).toBe(1);
  });

  it('60 MB with the index at the end, near a limit: at most 4 requests and 1 MB', async () => {
    expect(await materials.bytes('sixty.mp4')).toBeGreaterThan(60 * megabyte);
    const server = await serve(ranged(materials.path('sixty.mp4')));
    const { facts, used } = await probed(server.url, {}, [2, 60]);
    expect(facts).toMatchObject({
      format: 'mp4',
      width: 640,
      height: 360,
      videoCodec: 'h264',
      secondsExact: true,
    });
    expect(
      Math.abs((facts.seconds ?? 0) - ((await materials.report('sixty.mp4')).seconds ?? 0)),
    ).toBeLessThan(0.1);
    expect(used.requests).toBeLessThanOrEqual(4);
    expect(used.bytes).toBeLessThanOrEqual(megabyte);
  });

  it('two gigabytes, most of them a hole', async () => {
    const facts = await materials.probe('sparse.mp4');
    expect(facts.bytes).toBeGreaterThan(2 ** 31);
    expect(facts).toMatchObject({ format: 'mp4', width: 320, height: 180, truncated: false });
    expect(facts.seconds).toBeCloseTo(4, 0);
  });
});

describe('servers without ranges', () => {
  it.each([false, true])('a small file, without its length: %s', async (chunked) => {
    for (const name of ['small.mp4', 'tone.mp3', 'still.jpg']) {
      const server = await serve(wholly(materials.path(name), chunked));
      const { facts } = await probed(server.url);
      expect(facts).toEqual(await materials.probe(name));
      expect(server.ranges).toHaveLength(1);
    }
  });

  it.each([false, true])('60 MB with the index in front, without its length: %s', async (chunked) => {
    const server = await serve(wholly(materials.path('sixty-start.mp4'), chunked));
    const { facts, used } = await probed(server.url);
    expect(facts).toMatchObject({ format: 'mp4', width: 640, videoCodec: 'h264', complete: !chunked });
    expect(facts.seconds).toBeCloseTo(60.2, 0);
    expect(used.requests).toBe(1);
    expect(used.bytes).toBeLessThan((chunked ? 17 : 1) * megabyte);
  });

  it('60 MB with the index at the end: the format, and no more', async () => {
    const server = await serve(wholly(materials.path('sixty.mp4')));
    const { facts, used } = await probed(server.url);
    expect(facts).toMatchObject({ format: 'mp4', kind: 'video', complete: false, secondsExact: false });
    expect(facts.seconds).toBeUndefined();
    expect(facts.bytes).toBe(await materials.bytes('sixty.mp4'));
    expect(used.bytes).toBeLessThan(megabyte);
  });
});

describe('redirects', () => {
  const hops = (count: number, name: string) =>
    serve((request, response) => {
      const hop = Number(/hop=(\d+)/.exec(request.url ?? '')?.[1] ?? 0);
      if (hop >= count) return ranged(materials.path(name))(request, response);
      response.writeHead(302, { location: `/?hop=${hop + 1}` }).end('moved');
    });

  it('five are followed, once for all reads', async () => {
    const server = await hops(5, 'sixty.mp4');
    const { facts, used } = await probed(server.url);
    expect(facts.width).toBe(640);
    expect(used.requests).toBe(7);
  });

  it('a sixth is not', async () => {
    const server = await hops(6, 'small.mp4');
    await expect(probed(server.url)).rejects.toMatchObject({ kind: 'network', message: /too often/ });
    expect(server.ranges).toHaveLength(6);
  });

  it.each(['file:///etc/passwd', 'ftp://127.0.0.1/a.mp4', 'data:video/mp4;base64,AAAA'])(
    'to %s is refused',
    async (location) => {
      const server = await serve((_request, response) => {
        response.writeHead(302, { location }).end();
      });
      await expect(probed(server.url)).rejects.toMatchObject({ kind: 'permission' });
      expect(server.ranges).toHaveLength(1);
    },
  );
});

describe('addresses that are not public', () => {
  it('are refused in every spelling, before any connection', async () => {
    const server = await serve(ranged(materials.path('small.mp4')));
    const { port } = new URL(server.url);
    const spellings = (
      '127.0.0.1 [::1] 0x7f000001 2130706433 0177.0.0.1 127.1 0.0.0.0 [::ffff:127.0.0.1] [::ffff:7f00:1] ' +
      'localhost 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 [fe80::1] [fd00::1] [64:ff9b::7f00:1]'
    ).split(' ');
    let refused = 0;
    for (const host of spellings)
      await urlSource(`http://${host}:${port}/`, { allowPrivateAddresses: false }).then(
        (source) => source.close(),
        (error: { kind: string }) => {
          if (error.kind === 'permission') refused += 1;
        },
      );
    expect(refused).toBe(18);
    expect(server.connections()).toBe(0);
  });

  it.each(['file:///etc/passwd', 'ftp://127.0.0.1/', 'gopher://127.0.0.1/'])('%s is refused', async (url) => {
    await expect(urlSource(url, here)).rejects.toMatchObject({ kind: 'permission' });
  });
});

describe('servers that misbehave', () => {
  const impatient = { patienceMs: 300, deadlineMs: 5000 };

  it.each([
    ['nothing listens', async () => `http://127.0.0.1:${await closedPort()}/`],
    ['no answer', async () => (await serve(() => undefined)).url],
    [
      'half an answer',
      async () => (await serve((_, response) => void response.writeHead(200).write('abcd'))).url,
    ],
    [
      'an answer cut short',
      async () =>
        (
          await serve((_, response) => {
            response.writeHead(206, { 'content-range': 'bytes 0-9999/10000', 'content-length': 10_000 });
            response.write(Buffer.alloc(5000), () => response.destroy());
          })
        ).url,
    ],
    [
      'more promised than sent',
      async () =>
        (
          await serve((_, response) => {
            response.writeHead(200, { 'content-length': 10_000 }).write(Buffer.alloc(5000));
          })
        ).url,
    ],
    [
      'another range than asked for',
      async () =>
        (
          await serve((_, response) => {
            response.writeHead(206, { 'content-range': 'bytes 100-199/10000' }).end(Buffer.alloc(100));
          })
        ).url,
    ],
    [
      'a packed answer',
      async () => (await serve((_, r) => void r.writeHead(200, { 'content-encoding': 'gzip' }).end('x'))).url,
    ],
    ['HTTP 404', async () => (await serve((_, response) => void response.writeHead(404).end('none'))).url],
    [
      'HTTP 403',
      async () => (await serve((_, response) => void response.writeHead(403).end('<Error/>'))).url,
    ],
    ['HTTP 503', async () => (await serve((_, response) => void response.writeHead(503).end())).url],
    [
      'a redirect to nowhere',
      async () => (await serve((_, r) => void r.writeHead(302, { location: 'http://' }).end())).url,
    ],
  ])('%s is a network failure', async (_name, start) => {
    const began = Date.now();
    await expect(probed(await start(), impatient)).rejects.toMatchObject({ kind: 'network' });
    expect(Date.now() - began).toBeLessThan(4000);
  });

  it('a server that gives a byte now and then meets the deadline', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': 10_000 });
      const drip = setInterval(() => response.write(Buffer.alloc(1)), 50);
      response.on('close', () => clearInterval(drip));
    });
    const slow = probed(server.url, { patienceMs: 5000, deadlineMs: 500 });
    await expect(slow).rejects.toMatchObject({ kind: 'network', message: /too slowly/ });
  });

  it('a size far above the truth ends in a failure or in facts, not in waiting', async () => {
    const size = await materials.bytes('start.mp4');
    const server = await serve(async (request, response) => {
      const { start, end } = asked(request, size);
      if (start >= size) {
        response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
        return;
      }
      const handle = await open(materials.path('start.mp4'));
      const { buffer } = await handle.read(Buffer.alloc(end - start + 1), 0, end - start + 1, start);
      await handle.close();
      response.writeHead(206, { 'content-range': `bytes ${start}-${end}/9000000000` }).end(buffer);
    });
    const { facts } = await probed(server.url, impatient);
    expect(facts).toMatchObject({ format: 'mp4', width: 320, bytes: 9_000_000_000 });
    expect(server.ranges.length).toBeLessThan(10);
  });

  it('more bytes than asked for are not taken', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(206, { 'content-range': 'bytes 0-262143/90000000' });
      const flood = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 1)));
      };
      response.on('drain', flood);
      flood();
    });
    const source = await urlSource(server.url, { ...here, ...impatient });
    expect((await source.read(0, 262_144)).length).toBe(262_144);
    expect(source.used.bytes).toBeLessThan(400_000);
    await source.close();
  });

  it('a file that changes while it is read', async () => {
    let changed = 0;
    const server = await serve((request, response) => {
      const { start, end } = asked(request, 400_000 + changed);
      const range = `bytes ${start}-${end}/${400_000 + changed}`;
      changed = 1;
      response.writeHead(206, { 'content-range': range }).end(Buffer.alloc(end - start + 1, 1));
    });
    const source = await urlSource(server.url, here);
    await expect(source.read(300_000, 1000)).rejects.toMatchObject({ kind: 'network', message: /changed/ });
    await source.close();
  });

  it.each([
    [
      'by range',
      (_: unknown, r: import('node:http').ServerResponse) =>
        void r.writeHead(416, { 'content-range': 'bytes */0' }).end(),
    ],
    [
      'from its start',
      (_: unknown, r: import('node:http').ServerResponse) =>
        void r.writeHead(200, { 'content-length': 0 }).end(),
    ],
    ['of unknown length', (_: unknown, r: import('node:http').ServerResponse) => void r.writeHead(200).end()],
  ])('an empty file %s', async (_name, answer) => {
    const server = await serve(answer);
    await expect(probed(server.url)).rejects.toMatchObject({ kind: 'media', message: /empty/ });
  });
});

describe('bounds', () => {
  it('the budget ends the reading', async () => {
    const server = await serve(ranged(materials.path('sixty.mp4')));
    const poor = { budgetBytes: 300_000 };
    await expect(probed(server.url, poor)).rejects.toMatchObject({
      kind: 'network',
      message: /300000 bytes/,
    });
    expect(server.ranges).toHaveLength(2);
  });

  it('a signal ends the waiting', async () => {
    const control = new AbortController();
    const server = await serve(() => control.abort());
    await expect(probed(server.url, { signal: control.signal })).rejects.toMatchObject({ kind: 'network' });
    expect(server.ranges).toHaveLength(1);
  });

  it('an MP3 without frame count is counted over HTTP, in few requests', async () => {
    const long = ['-c:a', 'libmp3lame', '-b:a', '320k', '-compression_level', '9', '-write_xing', '0'];
    await materials.make('long.mp3', ...tone(120), ...long);
    const server = await serve(ranged(materials.path('long.mp3')));
    const { facts, used } = await probed(server.url);
    expect(facts.seconds).toBeCloseTo(120, 0);
    expect(facts.secondsExact).toBe(true);
    expect(used.requests).toBeLessThanOrEqual(10);
    expect(used.bytes).toBeLessThan(1.3 * (facts.bytes ?? 0));
  });

  it('tells by its validator when a file is another', async () => {
    const server = await serve(ranged(materials.path('small.mp4')));
    const source = await urlSource(server.url, here);
    expect(source.validator).toBe('"v1"');
    expect(source.size).toBe(await materials.bytes('small.mp4'));
    await source.close();
  });
});
