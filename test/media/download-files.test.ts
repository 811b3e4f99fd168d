import { execFileSync, spawn } from 'node:child_process';
import { lstat, mkdir, readdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { download, type DownloadRequest } from '../../src/media/download.ts';
import { PartialFile } from '../../src/media/partial-file.ts';
import * as guard from '../../src/media/url-guard.ts';
import { root, scratch } from '../harness/processes.ts';
import { type Loopback, loopback } from './loopback.ts';
import { content, resultStore, sha256 } from './result-store.ts';

vi.mock('../../src/media/url-guard.ts', { spy: true });

const megabyte = 1024 ** 2;
const name = '20260102-video.mp4';
const servers: Loopback[] = [];
let place: Awaited<ReturnType<typeof scratch>>;

beforeEach(async () => {
  place = await scratch();
});
afterEach(async () => {
  vi.mocked(guard.checkUrl).mockReset();
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await place.remove();
});

async function serve(answer: Parameters<typeof loopback>[0]): Promise<Loopback> {
  const server = await loopback(answer);
  servers.push(server);
  return server;
}
async function serving(body: Buffer) {
  const server = await resultStore({ body, etag: '"one"' });
  servers.push(server);
  return server;
}

const fetched = (url: string, options: Partial<DownloadRequest> = {}) =>
  download({
    url,
    expiresAt: Date.now() + 3_600_000,
    directory: place.path,
    fileName: name,
    allowPrivateAddresses: true,
    firstPauseMs: 1,
    ...options,
  });

describe('addresses', () => {
  const spellings = (
    '127.0.0.1 [::1] 0x7f000001 2130706433 0177.0.0.1 127.1 0.0.0.0 [::ffff:127.0.0.1] [::ffff:7f00:1] ' +
    'localhost 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 [fe80::1] [fd00::1] [64:ff9b::7f00:1]'
  ).split(' ');

  it('that are not public are refused in every spelling, before any connection', async () => {
    const server = await serving(content(1000));
    const { port } = new URL(server.url);
    let refused = 0;
    for (const host of spellings)
      await fetched(`http://${host}:${port}/`, { allowPrivateAddresses: false }).catch(
        (error: { kind: string }) => {
          if (error.kind === 'permission') refused += 1;
        },
      );
    expect(refused).toBe(18);
    expect(server.connections()).toBe(0);
    // The planted violation: without the guard the same server gives its file.
    expect((await fetched(server.url)).sizeBytes).toBe(1000);
    expect(server.connections()).toBe(1);
  });

  it('are checked at every hop: a public one that leads inside is refused there', async () => {
    const inside = await serving(content(1000));
    const { port } = new URL(inside.url);
    let target = '';
    const outside = await serve((_request, response) => {
      response.writeHead(302, { location: target }).end();
    });
    const { checkUrl } = await vi.importActual<typeof guard>('../../src/media/url-guard.ts');
    // Only this one address passes for a public one.
    vi.mocked(guard.checkUrl).mockImplementation((url, allowed) => {
      if (url.href !== outside.url) checkUrl(url, allowed);
    });
    let refused = 0;
    for (const host of spellings) {
      target = `http://${host}:${port}/`;
      await fetched(outside.url, { allowPrivateAddresses: false }).catch((error: { kind: string }) => {
        if (error.kind === 'permission') refused += 1;
      });
    }
    expect(refused).toBe(18);
    expect(outside.ranges).toHaveLength(18);
    expect(inside.connections()).toBe(0);
    expect(await readdir(place.path)).toEqual([]);
  });

  it.each(['file:///etc/passwd', 'ftp://127.0.0.1/a.mp4', 'data:video/mp4;base64,AAAA'])(
    '%s is refused, in a redirect too',
    async (location) => {
      await expect(fetched(location)).rejects.toMatchObject({ kind: 'permission' });
      const server = await serve((_request, response) => void response.writeHead(302, { location }).end());
      await expect(fetched(server.url)).rejects.toMatchObject({ kind: 'permission' });
      expect(server.ranges).toHaveLength(1);
    },
  );

  it('five redirects are followed, a sixth is not', async () => {
    const hops = (count: number) =>
      serve((request, response) => {
        const hop = Number(/hop=(\d+)/.exec(request.url ?? '')?.[1] ?? 0);
        if (hop >= count) response.end('abc');
        else response.writeHead(302, { location: `/?hop=${hop + 1}` }).end();
      });
    expect((await fetched((await hops(5)).url)).sizeBytes).toBe(3);
    const endless = await hops(100);
    await expect(fetched(endless.url)).rejects.toMatchObject({ kind: 'network', message: /too often/ });
    expect(endless.ranges).toHaveLength(6);
  });
});

describe('names', () => {
  it('that are taken by the same file are that file', async () => {
    const server = await serving(content(megabyte));
    const first = await fetched(server.url);
    const { ino } = await lstat(first.path);
    expect(await fetched(server.url)).toEqual(first);
    expect((await lstat(first.path)).ino).toBe(ino);
    expect(await readdir(place.path)).toEqual([name]);
  });

  it('that are taken by other files are left to them', async () => {
    const body = content(5000);
    await writeFile(join(place.path, name), 'mine');
    await writeFile(join(place.path, '20260102-video-2.mp4'), content(5000));
    await mkdir(join(place.path, '20260102-video-3.mp4'));
    await writeFile(join(place.path, 'elsewhere'), 'untouched');
    await symlink(join(place.path, 'elsewhere'), join(place.path, '20260102-video-4.mp4'));
    const stored = await fetched((await serving(body)).url);
    expect(stored.path).toBe(join(place.path, '20260102-video-5.mp4'));
    expect(await readFile(stored.path)).toEqual(body);
    expect(await readFile(join(place.path, name), 'utf8')).toBe('mine');
    expect(await readFile(join(place.path, 'elsewhere'), 'utf8')).toBe('untouched');
  });

  it.each(['../out.mp4', 'a/b.mp4', '.hidden', '', '..', 'a\\b.mp4', '/abs.mp4'])(
    '%j leaves its directory or hides, and is not taken',
    async (fileName) => {
      const directory = join(place.path, 'inner');
      await expect(fetched((await serving(content(10))).url, { fileName, directory })).rejects.toThrow(
        /plain/,
      );
      expect(await readdir(place.path)).toEqual(['inner']);
      expect(await readdir(directory)).toEqual([]);
    },
  );

  it('eight at once for the same output end as one sound file', async () => {
    const body = content(3 * megabyte);
    const server = await serving(body);
    const stored = await Promise.all(Array.from({ length: 8 }, () => fetched(server.url)));
    expect(new Set(stored.map(({ path }) => path))).toEqual(new Set([join(place.path, name)]));
    expect(await readdir(place.path)).toEqual([name]);
    expect(sha256(await readFile(join(place.path, name)))).toBe(sha256(body));
  });
});

describe('the directory', () => {
  it('that is no directory is a storage failure that names the setting', async () => {
    await writeFile(join(place.path, 'file'), 'x');
    const server = await serving(content(1000));
    await expect(fetched(server.url, { directory: join(place.path, 'file', 'out') })).rejects.toMatchObject({
      kind: 'storage',
      message: /ENOTDIR/,
      advice: /DIGITAL_HUMAN_OUTPUT_DIR/,
    });
    expect(server.ranges).toHaveLength(1);
  });

  it('loses what a dead process left there a day ago, and nothing else', async () => {
    const old = new Date(Date.now() - 25 * 3_600_000);
    const stay = ['.digital-human-0123456789abcdef.part', '.digital-human-notes.part', 'old.part'];
    for (const file of [...stay, '.digital-human-fedcba9876543210.part'])
      await writeFile(join(place.path, file), 'x');
    for (const file of [...stay.slice(1), '.digital-human-fedcba9876543210.part'])
      await utimes(join(place.path, file), old, old);
    await fetched((await serving(content(1000))).url);
    expect((await readdir(place.path)).toSorted()).toEqual([...stay, name].toSorted());
  });

  it('that loses the partial file meanwhile is a storage failure, not a file without content', async () => {
    const partial = new PartialFile(place.path);
    await partial.append(content(1000));
    execFileSync('rm', [join(place.path, (await readdir(place.path))[0] ?? '')]);
    await expect(partial.keep(name)).rejects.toMatchObject({ kind: 'storage' });
    await partial.discard();
    expect(await readdir(place.path)).toEqual([]);
  });
});

describe('in a process of its own', () => {
  const child = `
    import { download } from './download.mjs';
    const [url, directory] = process.argv.slice(2);
    const rss = () => process.memoryUsage.rss();
    let peak = 0;
    let chunks = 0;
    const get = (bytes, fileName) => download({
      url: url + '?' + bytes, directory, fileName, allowPrivateAddresses: true, expiresAt: Date.now() + 3.6e6,
      report: () => { if (chunks++ % 8 === 0) peak = Math.max(peak, rss()); },
    });
    try {
      await get(2 ** 21, 'warm.bin');
      globalThis.gc?.();
      const baseline = rss();
      peak = baseline;
      const stored = await get(2 ** 28, 'large.bin');
      console.log(JSON.stringify({ ...stored, growth: peak - baseline }));
    } catch (error) {
      console.log(JSON.stringify({ kind: error.kind, message: error.message }));
    }`;
  let bundle: Awaited<ReturnType<typeof scratch>>;

  beforeAll(async () => {
    bundle = await scratch();
    await build({
      entryPoints: [join(root, 'src/media/download.ts')],
      outfile: join(bundle.path, 'download.mjs'),
      bundle: true,
      format: 'esm',
      platform: 'node',
    });
    await writeFile(join(bundle.path, 'child.mjs'), child);
    return () => bundle.remove();
  });

  /** Bytes made on the fly: the number that the query names. */
  const generated = () =>
    serve((request, response) => {
      let left = Number(request.url?.split('?')[1]);
      const block = Buffer.alloc(65_536, 7);
      response.writeHead(200, { 'content-length': left, etag: '"made"' });
      const flow = () => {
        while (left > 0 && !response.destroyed) {
          const piece = block.subarray(0, left);
          left -= piece.length;
          if (!response.write(piece)) return void response.once('drain', flow);
        }
        response.end();
      };
      flow();
    });

  async function run(command: string, args: string[]): Promise<Record<string, unknown>> {
    const started = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    started.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    await new Promise((done) => {
      started.once('close', done);
    });
    return JSON.parse(output) as Record<string, unknown>;
  }

  it('256 MB take at most 16 MB of memory', async () => {
    const { url } = await generated();
    const args = ['--expose-gc', join(bundle.path, 'child.mjs'), url, place.path];
    const { growth, sizeBytes, sha256: hash } = await run(process.execPath, args);
    expect(sizeBytes).toBe(2 ** 28);
    expect(hash).toBe(sha256(Buffer.alloc(2 ** 28, 7)));
    expect(growth).toBeLessThanOrEqual(16 * megabyte);
  });

  it.skipIf(process.platform === 'win32')('a disk that takes no more is a storage failure', async () => {
    const { url } = await generated();
    const limited = `ulimit -f 20480; exec "$0" "$@"`;
    const args = ['-c', limited, process.execPath, join(bundle.path, 'child.mjs'), url, place.path];
    expect(await run('sh', args)).toMatchObject({ kind: 'storage', message: expect.stringMatching(/EFBIG/) });
    expect(await readdir(place.path)).toEqual(['warm.bin']);
  });
});
