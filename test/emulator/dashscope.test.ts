import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../src/emulator/server.ts';
import { brightness, control, dashscope, MediaServer, probe, until } from './harness.ts';

let emulator: Emulator;
let media: MediaServer;
const urls: Record<string, string> = {};
const route = '/services/aigc/image2video/video-synthesis/';

beforeAll(async () => {
  media = await MediaServer.start();
  emulator = await startEmulator({ speed: 600, fetchTimeoutMs: 4000 });
  urls.clip = await media.video('clip.mp4', '640x720', 2);
  urls.tiny = await media.video('tiny.mp4', '638x720', 2);
  urls.slow = await media.video('slow.mp4', '640x640', 2, 10);
  urls.brief = await media.video('brief.mp4', '640x640', 1.5);
  urls.webm = await media.video('clip.webm', '640x640', 2, 15, '-c:v', 'libvpx', '-deadline', 'realtime');
  urls.mov = await media.video('clip.mov', '640x640', 2.4, 15);
  urls.avi = await media.video('clip.avi', '640x640', 2, 15);
  urls.voice = await media.audio('voice.wav', 5);
  urls.short = await media.audio('short.mp3', 1.5);
  urls.aac = await media.audio('voice.aac', 2.2, '-c:a', 'aac');
  urls.ogg = await media.audio('voice.ogg', 2.2, '-c:a', 'libvorbis');
  urls.face = await media.image('face.png', '300x300');
  urls.wide = await media.image('wide.png', '700x300');
  urls.text = await media.put('text.mp4', '#EXTM3U\nfile:///etc/passwd\n');
});
afterAll(async () => {
  await emulator.close();
  await media.close();
});
beforeEach(() => control(emulator, 'reset', {}));

interface Asked {
  input?: Record<string, unknown>;
  parameters?: Record<string, unknown>;
  model?: string;
}
const request = ({ input, parameters, model = 'videoretalk' }: Asked = {}) => ({
  model,
  input: { video_url: urls.clip, audio_url: urls.voice, ...input },
  parameters,
});

/** Submits, and waits out the pace of one a second (of the emulator's time) if need be. */
async function submit(asked: Asked = {}, on = emulator, address = route) {
  return until(
    () => dashscope(on, 'POST', address, request(asked)),
    ({ body }) => body.code !== 'Throttling.RateQuota',
  );
}
const query = (id: string, on = emulator) =>
  until(
    () => dashscope(on, 'GET', `/tasks/${id}`),
    ({ status }) => status !== 429,
  );

async function finished(asked: Asked = {}) {
  const { body } = await submit(asked);
  expect(body.output?.task_status, JSON.stringify(body)).toBe('PENDING');
  return until(
    () => query(body.output.task_id),
    (answer) => ['SUCCEEDED', 'FAILED'].includes(answer.body.output.task_status),
  );
}

describe('keys and headers', () => {
  it('refuses a wrong key, a missing header and unknown addresses with the documented statuses', async () => {
    const wrong = await dashscope(emulator, 'GET', '/tasks/x', undefined, {
      authorization: 'Bearer sk-wrong',
    });
    expect(wrong).toMatchObject({ status: 401, body: { code: 'InvalidApiKey' } });
    expect(wrong.body.request_id).toMatch(/^[\da-f-]{36}$/);
    const sync = await dashscope(emulator, 'POST', route, request(), { 'x-dashscope-async': 'disable' });
    expect(sync).toMatchObject({ status: 403, body: { code: 'AccessDenied' } });
    expect(await dashscope(emulator, 'GET', '/nowhere')).toMatchObject({
      status: 404,
      body: { code: 'NotFound' },
    });
    expect(await submit({ model: 'other' })).toMatchObject({ status: 404, body: { code: 'ModelNotFound' } });
  });

  it('answers UNKNOWN for an unknown task', async () => {
    const { status, body } = await query('a8532587-fa8c-4ef8-82be-0c46b17950d1');
    expect(status).toBe(200);
    expect(body.output.task_status).toBe('UNKNOWN');
  });
});

describe('request schema and media limits', () => {
  it.each([
    ['a missing audio_url', { input: { audio_url: undefined } }, 'InvalidParameter'],
    ['an unknown field', { input: { colour: 'red' } }, 'InvalidParameter'],
    ['a threshold of 1', { parameters: { query_face_threshold: 1 } }, 'InvalidParameter'],
    ['another scheme', { input: { video_url: 's3://a/b.mp4' } }, 'InvalidURL'],
  ])('refuses %s', async (_, asked, code) => {
    expect(await submit(asked)).toMatchObject({ status: 400, body: { code } });
  });

  it.each([
    ['video_url', 'tiny', 'InvalidFile.Resolution'],
    ['video_url', 'slow', 'InvalidFile.FPS'],
    ['video_url', 'brief', 'InvalidFile.Duration'],
    ['video_url', 'webm', 'InvalidFile.Format'],
    ['video_url', 'text', 'InvalidFile.Openerror'],
    ['audio_url', 'short', 'InvalidFile.Duration'],
    ['audio_url', 'ogg', 'InvalidFile.Format'],
    ['ref_image_url', 'wide', 'InvalidFile.ImageSize'],
    ['ref_image_url', 'missing', 'InvalidURL.ConnectionRefused'],
    ['ref_image_url', 'hang', 'InvalidURL.Timeout'],
  ])('refuses %s %s with %s', async (field, name, code) => {
    const answer = await submit({ input: { [field]: urls[name] ?? media.url(name) } });
    expect(answer).toMatchObject({ status: 400, body: { code } });
    expect((await control(emulator, 'submissions')).submissions).toHaveLength(0);
  });

  it('refuses a file above the limit in bytes', async () => {
    const heavy = await media.put('heavy.png', Buffer.alloc(10 * 1024 * 1024 + 1, 1));
    expect((await submit({ input: { ref_image_url: heavy } })).body.code).toBe('InvalidFile.Size');
  });
});

describe('a result', () => {
  it('is cut to the shorter of clip and sound', async () => {
    const { body } = await finished({ input: { ref_image_url: '' } });
    expect(body.output.task_status).toBe('SUCCEEDED');
    const made = await probe(body.output.video_url, media.folder);
    expect(made).toMatchObject({ size: '640x720', video: 'h264', audio: 'aac' });
    expect(Math.abs(made.seconds - 2)).toBeLessThan(0.1);
    expect(body.usage).toEqual({ video_duration: made.seconds, video_ratio: 'standard' });
    for (const time of ['submit_time', 'scheduled_time', 'end_time'])
      expect(body.output[time]).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$/);
    const read = Date.parse(`${body.output.submit_time.replace(' ', 'T')}+08:00`);
    expect(Math.abs(read - Date.now())).toBeLessThan(60_000);
  });

  it('plays backwards and forwards until the sound ends, when asked to', async () => {
    const { body } = await finished({ parameters: { video_extension: true } });
    const made = await probe(body.output.video_url, media.folder);
    expect(Math.abs(made.seconds - 5)).toBeLessThan(0.1);
    // The clip brightens over its 2 s: dark, bright, bright again, dark, and brightening once more.
    const seen: number[] = [];
    for (const at of [0.2, 1.8, 2.2, 3.8, 4.8]) seen.push(await brightness(made.file, at));
    const [start = 0, bright = 0, mirrored = 0, dark = 0, again = 0] = seen;
    expect(bright - start).toBeGreaterThan(100);
    expect(Math.abs(mirrored - bright)).toBeLessThan(20);
    expect(bright - dark).toBeGreaterThan(100);
    expect(again - dark).toBeGreaterThan(40);
  });

  it('takes mov, avi and raw aac, and no trailing slash', async () => {
    for (const video_url of [urls.mov, urls.avi]) {
      const { body } = await submit(
        { input: { video_url, audio_url: urls.aac } },
        emulator,
        route.slice(0, -1),
      );
      const end = await until(
        () => query(body.output.task_id),
        (answer) => answer.body.output.task_status === 'SUCCEEDED',
      );
      expect(end.body.usage.video_duration).toBeGreaterThan(1.9);
    }
  });
});

describe('queue', () => {
  it('runs one task, keeps others PENDING, cancels only those, and lists all', async () => {
    const slow = await startEmulator({ speed: 12 });
    try {
      const ids: string[] = [];
      for (let n = 0; n < 3; n += 1) ids.push((await submit({}, slow)).body.output.task_id);
      await until(
        () => query(ids[0] ?? '', slow),
        ({ body }) => body.output.task_status === 'RUNNING',
      );
      expect((await query(ids[1] ?? '', slow)).body.output.task_status).toBe('PENDING');
      const cancelled = await dashscope(slow, 'POST', `/tasks/${ids[2]}/cancel`);
      expect(cancelled.status).toBe(200);
      const refused = await dashscope(slow, 'POST', `/tasks/${ids[0]}/cancel`);
      expect(refused).toMatchObject({ status: 400, body: { code: 'UnsupportedOperation' } });
      const { body } = await dashscope(slow, 'GET', '/tasks?model_name=videoretalk&page_size=2');
      expect(body).toMatchObject({ total: 3, total_page: 2, page_no: 1, page_size: 2 });
      expect(body.output).toBeUndefined();
      expect(body.data.map((entry: { task_id: string }) => entry.task_id)).toEqual([ids[2], ids[1]]);
      expect(body.data[0]).toMatchObject({ status: 'CANCELED', region: 'cn-beijing', start_time: null });
      const none = await dashscope(slow, 'GET', '/tasks?status=SUCCEEDED');
      expect(none.body.data).toEqual([]);
      const old = await dashscope(slow, 'GET', '/tasks/?end_time=20200101000000');
      expect(old.body.total).toBe(0);
      await until(
        () => query(ids[1] ?? '', slow),
        ({ body: { output } }) => output.task_status === 'SUCCEEDED',
      );
      expect((await control(slow, 'requests')).cancel).toBe(2);
    } finally {
      await slow.close();
    }
  });

  it('throttles submissions above one a second and queries above twenty', async () => {
    const real = await startEmulator({ speed: 1 });
    try {
      const two = await Promise.all([1, 2].map(() => dashscope(real, 'POST', route, request())));
      expect(two.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 429]);
      const many = await Promise.all(Array.from({ length: 25 }, () => dashscope(real, 'GET', '/tasks/x')));
      const throttled = many.filter(({ body }) => body.code === 'Throttling.RateQuota');
      expect(throttled).toHaveLength(5);
    } finally {
      await real.close();
    }
  });
});
