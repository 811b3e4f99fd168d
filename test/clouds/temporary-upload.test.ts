import { createHash } from 'node:crypto';
import { truncate, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openConnections } from '../../src/clouds/accounts.ts';
import { dashscopeConnection } from '../../src/clouds/dashscope/connection.ts';
import { videoRetalk } from '../../src/clouds/dashscope/video-retalk.ts';
import type { CloudConnection, UploadOptions } from '../../src/clouds/exchange.ts';
import { createHttp, type Http } from '../../src/clouds/http.ts';
import { Failure } from '../../src/core/failure.ts';
import { type Emulator, startEmulator } from '../../src/emulator/server.ts';
import { type OpenLocalFile, openLocalFile } from '../../src/media/local-file.ts';
import { connected } from '../operations/connected.ts';
import { control, until } from '../emulator/harness.ts';
import { closedPort } from '../media/loopback.ts';
import { h264, Materials, picture, tone } from '../media/materials.ts';

let emulator: Emulator;
let materials: Materials;
let http: Http;
let connection: CloudConnection;

beforeAll(async () => {
  materials = await Materials.open();
  await materials.make('My holiday; "2026".mp4', ...picture('640x640', 2), ...h264);
  await materials.make('voice.wav', ...tone(2));
  emulator = await startEmulator({ speed: 600 });
  http = createHttp();
  connection = dashscopeConnection(
    { url: emulator.url, apiKey: emulator.credentials.dashscope.api_key },
    http,
    Date.now,
  );
});
afterAll(async () => {
  await http.close();
  await emulator.close();
  await materials.close();
});
beforeEach(() => control(emulator, 'reset', {}));

const opened = (name: string) => openLocalFile(materials.path(name), [materials.folder]);
const counts = () => control(emulator, 'requests') as Promise<Record<string, number>>;

async function upload(file: OpenLocalFile, options?: UploadOptions, to = connection, model = 'videoretalk') {
  try {
    if (!to.upload) throw new Error('this cloud has no store');
    return await to.upload(model, file, options);
  } finally {
    await file.close();
  }
}

async function refused(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.then(
    () => new Error('nothing was refused'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Failure)) throw error;
  expect(JSON.stringify([error.message, error.advice])).not.toMatch(/sk-[0-9a-f]{8}|the-signature/);
  return error;
}

describe('a file in the temporary store', () => {
  it('is read by a VideoRetalk task from beginning to end', async () => {
    const progress: number[] = [];
    const clip = await opened('My holiday; "2026".mp4');
    const bytes = clip.bytes;
    const before = Date.now();
    const video = await upload(clip, { progress: (sent) => progress.push(sent) });
    const voice = await upload(await opened('voice.wav'));
    expect(video.url).toMatch(/^oss:\/\/dashscope-instant\/\S+\/[0-9a-f]{24}\.mp4$/);
    expect(voice.url).toMatch(/\.wav$/);
    expect(video.expiresAt - before).toBeGreaterThanOrEqual(48 * 3600 * 1000);
    expect(progress.at(-1)).toBe(bytes);
    expect(await counts()).toMatchObject({ policy: 2, upload: 2, submit: 0 });
    const { wire } = videoRetalk;
    const request = { model: 'videoretalk', input: { video_url: video.url, audio_url: voice.url } };
    const reply = wire.submit.reply.parse(await connection.submit(wire, request));
    const state = await until(
      async () =>
        videoRetalk.decode(wire.status.reply.parse(await connection.query(wire, videoRetalk.taskId(reply)))),
      ({ state: now }) => now === 'done' || now === 'failed',
    );
    expect(state).toMatchObject({ state: 'done', outputs: [{ kind: 'video' }] });
    expect((await control(emulator, 'submissions')).submissions).toHaveLength(1);
  });

  it('is known to one cloud only', () => {
    const keys = { url: 'https://cloud.example', secretId: 'i', secretKey: 'k', region: 'r' };
    const ivh = { url: 'https://cloud.example', appKey: 'k', accessToken: 't' };
    const dashscope = { url: 'https://cloud.example', apiKey: 'k' };
    const all = openConnections({ vclm: keys, vclm_intl: keys, ivh, dashscope }, http, Date.now);
    const able = Object.entries(all).filter(([, { upload: ability }]) => ability);
    expect(able.map(([name]) => name)).toEqual(['dashscope']);
  });

  it('is resolved by a header that goes with such addresses only', async () => {
    const sent = async (video_url: string) => {
      const { connection: fixed, sent: requests } = connected('dashscope', 200, { output: { task_id: 'x' } });
      await fixed.submit(videoRetalk.wire, { model: 'videoretalk', input: { video_url } });
      return requests[0]?.headers['x-dashscope-ossresourceresolve'];
    };
    expect(await sent('oss://a/b.mp4')).toBe('enable');
    expect(await sent('https://example.com/b.mp4?from=oss://a')).toBeUndefined();
  });
});

describe('addresses of VideoRetalk', () => {
  it.each([
    ['oss://dashscope-instant/a/b.mp4', true],
    ['https://example.com/a.mp4', true],
    ['oss://', false],
    ['oss:///a.mp4', false],
    ['oss://a b', false],
    ['s3://a/b.mp4', false],
    ['file:///a.mp4', false],
  ])('%s: %s', (video_url, accepted) => {
    const request = { model: 'videoretalk', input: { video_url, audio_url: 'https://example.com/a.wav' } };
    expect(videoRetalk.wire.submit.request.safeParse(request).success).toBe(accepted);
  });
});

describe('an upload that is refused', () => {
  it('by the cloud, for its key or its model: no file is sent', async () => {
    const wrong = dashscopeConnection({ url: emulator.url, apiKey: 'sk-wrong' }, http, Date.now);
    expect(await refused(upload(await opened('voice.wav'), {}, wrong))).toMatchObject({
      kind: 'credentials',
      code: 'InvalidApiKey',
    });
    const other = upload(await opened('voice.wav'), {}, connection, 'other-model');
    expect(await refused(other)).toMatchObject({ kind: 'not_found', code: 'ModelNotFound' });
    expect(await counts()).toMatchObject({ policy: 2, upload: 0 });
  });

  it.each([
    [
      { fault: 'refuse', code: 'AccessDenied' },
      { kind: 'permission', code: 'AccessDenied', retryable: true },
    ],
    [
      { fault: 'server_error', status: 503 },
      { kind: 'network', retryable: true },
    ],
    [{ fault: 'accept_then_drop' }, { kind: 'network', retryable: true }],
  ])('by its store: %j', async (fault, failure) => {
    await control(emulator, 'faults', { call: 'upload', ...fault });
    expect(await refused(upload(await opened('voice.wav')))).toMatchObject(failure);
    expect(await counts()).toMatchObject({ policy: 1, upload: 1 });
  });

  it.each(['malformed', 'empty'])('by a %s policy', async (fault) => {
    await control(emulator, 'faults', { call: 'policy', fault });
    expect(await refused(upload(await opened('voice.wav')))).toMatchObject({ kind: 'cloud' });
    expect(await counts()).toMatchObject({ policy: 1, upload: 0 });
  });

  it('by a signal, before and in the middle', async () => {
    expect(await refused(upload(await opened('voice.wav'), { signal: AbortSignal.abort() }))).toMatchObject({
      kind: 'cancelled',
    });
    const abort = new AbortController();
    const halfway = upload(await opened('voice.wav'), {
      signal: abort.signal,
      progress: () => abort.abort(),
    });
    expect(await refused(halfway)).toMatchObject({ kind: 'cancelled' });
  });

  it('by a port where nobody listens', async () => {
    const url = `http://127.0.0.1:${await closedPort()}`;
    const nowhere = dashscopeConnection({ url, apiKey: 'k' }, http, Date.now);
    expect(await refused(upload(await opened('voice.wav'), {}, nowhere))).toMatchObject({ kind: 'network' });
  });

  it('by its own file, which cannot be read to its end', async () => {
    const file = await opened('voice.wav');
    const broken = {
      ...file,
      stream: () =>
        Readable.from(
          (async function* () {
            yield Buffer.alloc(1000);
            await pause(1);
            throw new Failure({ kind: 'storage', message: 'The file changed.', advice: 'Try again.' });
          })(),
          { objectMode: false },
        ),
    };
    expect(await refused(upload(broken))).toMatchObject({ kind: 'storage', message: 'The file changed.' });
  });
});

/** A DashScope that answers with a policy of our choice, and a store that only measures. */
describe('a policy', () => {
  let server: Server;
  let url: string;
  let policy: Record<string, unknown>;
  let form: { bytes: number; sha256: string; head: string } | undefined;

  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.method === 'GET')
        return void response.end(JSON.stringify({ request_id: 'r', data: policy }));
      const hash = createHash('sha256');
      let bytes = 0;
      let head = '';
      request.on('data', (chunk: Buffer) => {
        if (bytes === 0) head = chunk.toString('latin1', 0, 2000);
        bytes += chunk.length;
        hash.update(chunk);
      });
      request.on('end', () => {
        form = { bytes, sha256: hash.digest('hex'), head };
        expect(request.headers['content-length']).toBe(`${bytes}`);
        response.end();
      });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  beforeEach(() => {
    form = undefined;
    policy = {
      policy: 'the-policy',
      signature: 'the-signature',
      upload_dir: 'dir/of/mine',
      upload_host: `${url}/store`,
      expire_in_seconds: 300,
      max_file_size_mb: 64,
      oss_access_key_id: 'LTAIx',
      x_oss_object_acl: 'private',
      x_oss_forbid_overwrite: 'true',
    };
  });
  const store = () => dashscopeConnection({ url, apiKey: 'sk-12345678' }, http, Date.now);

  it('is followed in the documented order, with the file last and no word of its name', async () => {
    const { url: address } = await upload(await opened('My holiday; "2026".mp4'), {}, store());
    const names = [...(form?.head ?? '').matchAll(/ name="([^"]+)"/g)].map(([, name]) => name);
    expect(names).toEqual([
      'OSSAccessKeyId',
      'Signature',
      'policy',
      'x-oss-object-acl',
      'x-oss-forbid-overwrite',
      'key',
      'success_action_status',
      'file',
    ]);
    expect(form?.head).toContain(`\r\n\r\n${address.replace('oss://', '')}\r\n`);
    expect(form?.head).not.toContain('holiday');
  });

  it('with a limit is kept to before anything is sent', async () => {
    await writeFile(join(materials.folder, 'large.mp4'), '');
    await truncate(join(materials.folder, 'large.mp4'), 1024 * 1024 + 1);
    policy.max_file_size_mb = 1;
    const failure = await refused(upload(await opened('large.mp4'), {}, store()));
    expect(failure).toMatchObject({ kind: 'media' });
    expect(failure.message).toContain('1048577 bytes');
    expect(form).toBeUndefined();
    await truncate(join(materials.folder, 'large.mp4'), 1024 * 1024);
    await upload(await opened('large.mp4'), {}, store());
    expect(form?.bytes).toBeGreaterThan(1024 * 1024);
  });

  it.each([
    'ftp://127.0.0.1/',
    'file:///etc/passwd',
    'http://user:word@127.0.0.1/',
    'https://127.0.0.1/',
    'https://[::1]/',
    'no address',
  ])('that names %s as the store is refused', async (host) => {
    policy.upload_host = host;
    expect(await refused(upload(await opened('voice.wav'), {}, store()))).toMatchObject({ kind: 'cloud' });
    expect(form).toBeUndefined();
  });

  it('without encryption is refused by an encrypted DashScope', async () => {
    const { connection: fixed, sent } = connected('dashscope', 200, { data: { ...policy } });
    expect(await refused(upload(await opened('voice.wav'), {}, fixed))).toMatchObject({ kind: 'cloud' });
    expect(sent.map(({ method }) => method)).toEqual(['GET']);
  });

  it.each(['policy', 'signature', 'upload_dir', 'upload_host', 'max_file_size_mb', 'x_oss_object_acl'])(
    'without %s is not used',
    async (name) => {
      delete policy[name];
      const failure = await refused(upload(await opened('voice.wav'), {}, store()));
      expect(failure.message).toContain(`data.${name}`);
      expect(form).toBeUndefined();
    },
  );

  it('does not bring the file into memory', async () => {
    const bytes = 60 * 1024 * 1024;
    await truncate(join(materials.folder, 'large.mp4'), bytes);
    await upload(await opened('large.mp4'), {}, store());
    const before = process.memoryUsage().rss;
    let most = before;
    const progress = () => {
      most = Math.max(most, process.memoryUsage().rss);
    };
    await upload(await opened('large.mp4'), { progress }, store());
    expect(form?.bytes).toBeGreaterThan(bytes);
    expect((most - before) / 2 ** 20).toBeLessThan(30);
  });
});
