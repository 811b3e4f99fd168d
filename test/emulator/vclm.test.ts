import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { announcement, type Emulator, startEmulator } from '../../src/emulator/server.ts';
import { control, MediaServer, probe, until, vclm } from './harness.ts';

let emulator: Emulator;
let media: MediaServer;
const urls: Record<string, string> = {};

beforeAll(async () => {
  media = await MediaServer.start();
  emulator = await startEmulator({ speed: 600, fetchTimeoutMs: 4000 });
  urls.photo = await media.image('photo.jpg', '300x400');
  urls.voice = await media.audio('voice.mp3', 2.5, '-b:a', '64k');
  urls.short = await media.audio('short.wav', 1.5);
  urls.long = await media.audio('long.mp3', 61, '-b:a', '32k');
  urls.flac = await media.audio('voice.flac', 3);
  urls.m4a = await media.audio('voice.m4a', 2, '-c:a', 'aac');
  urls.small = await media.image('small.png', '190x250');
  urls.narrow = await media.image('narrow.png', '200x500');
  urls.gif = await media.image('photo.gif', '300x300');
  urls.webp = await media.image('photo.webp', '320x320');
  urls.text = await media.put('text.jpg', 'This is no picture.');
  urls.heavy = await media.put('heavy.jpg', Buffer.alloc(10 * 1024 * 1024 + 1, 1));
});
afterAll(async () => {
  await emulator.close();
  await media.close();
});
beforeEach(() => control(emulator, 'reset', {}));

const submit = (request: Record<string, unknown>) => vclm(emulator, 'SubmitPortraitSingJob', request);
const describeJob = (JobId: unknown) => vclm(emulator, 'DescribePortraitSingJob', { JobId });
const good = () => ({ AudioUrl: urls.voice, ImageUrl: urls.photo });

async function finished(request: Record<string, unknown>) {
  const { body } = await submit(request);
  expect(body.JobId, JSON.stringify(body)).toMatch(/^\d{19}$/);
  const { body: end } = await until(
    () => describeJob(body.JobId),
    (answer) => answer.body.StatusCode !== 'RUN',
  );
  return end;
}

describe('signature', () => {
  it.each([
    ['a wrong key', { secretKey: 'wrong' }, 'AuthFailure.SignatureFailure'],
    ['an unknown id', { secretId: 'AKIDnobody' }, 'AuthFailure.SecretIdNotFound'],
    ['a changed body', { sentBody: '{"JobId":"2"}' }, 'AuthFailure.SignatureFailure'],
    ['a clock 6 minutes behind', { skew: -360 }, 'AuthFailure.SignatureExpire'],
    ['a clock 6 minutes ahead', { skew: 360 }, 'AuthFailure.SignatureExpire'],
    ['no signature', { headers: { authorization: 'Bearer x' } }, 'AuthFailure.InvalidAuthorization'],
    ['another service', { service: 'cvm' }, 'AuthFailure.SignatureFailure'],
    ['another host', { host: 'vclm.tencentcloudapi.com' }, 'AuthFailure.SignatureFailure'],
    ['another version', { version: '2019-01-01' }, 'NoSuchVersion'],
  ])('refuses %s', async (_, bend, code) => {
    const { status, body } = await vclm(emulator, 'DescribePortraitSingJob', { JobId: '1' }, bend);
    expect(status).toBe(200);
    expect(body.Error.Code).toBe(code);
    expect(body.RequestId).toMatch(/^[\da-f-]{36}$/);
  });

  it('accepts a clock 4 minutes off, and then knows no such job or action', async () => {
    const { body } = await vclm(emulator, 'DescribePortraitSingJob', { JobId: '1' }, { skew: -240 });
    expect(body.Error.Code).toBe('FailedOperation.JobNotExist');
    expect((await vclm(emulator, 'NoSuchAction', {})).body.Error.Code).toBe('InvalidAction');
  });
});

it('accepts what the official SDK signs on loopback: host without port, first label as service', async () => {
  const bend = { host: '127.0.0.1', service: '127' };
  const { body } = await vclm(emulator, 'DescribePortraitSingJob', { JobId: '1' }, bend);
  expect(body.Error.Code).toBe('FailedOperation.JobNotExist');
});

describe('request schema', () => {
  it.each([
    [{ ImageUrl: 'https://a.b/c.jpg' }, 'MissingParameter'],
    [{ AudioUrl: 'https://a.b/c.mp3' }, 'MissingParameter'],
    [{ AudioUrl: 'ftp://a.b/c.mp3', ImageUrl: 'https://a.b/c.jpg' }, 'InvalidParameterValue.UrlIllegal'],
    [{ AudioUrl: 7, ImageUrl: 'https://a.b/c.jpg' }, 'InvalidParameter'],
    [
      { AudioUrl: 'https://a.b/c.mp3', ImageUrl: 'https://a.b/c.jpg', Mode: 'Robot' },
      'InvalidParameterValue',
    ],
    [{ AudioUrl: 'https://a.b/c.mp3', ImageUrl: 'https://a.b/c.jpg', Colour: 'red' }, 'UnknownParameter'],
  ])('refuses %j with %s', async (request, code) => {
    expect((await submit(request)).body.Error.Code).toBe(code);
  });

  it('refuses a body above 10 MB', async () => {
    const { body } = await submit({ ...good(), ImageBase64: 'A'.repeat(10 * 1024 * 1024) });
    expect(body.Error.Code).toBe('RequestSizeLimitExceeded');
  });
});

describe('media limits', () => {
  it.each([
    ['short', 'AudioUrl', 'InvalidParameterValue.InvalidAudioDuration'],
    ['long', 'AudioUrl', 'InvalidParameterValue.InvalidAudioDuration'],
    ['flac', 'AudioUrl', 'InvalidParameterValue.InvalidAudioFormat'],
    ['text', 'AudioUrl', 'FailedOperation.AudioDecodeFailed'],
    ['small', 'ImageUrl', 'InvalidParameterValue.InvalidImageResolution'],
    ['narrow', 'ImageUrl', 'InvalidParameterValue.InvalidImageAspectRatio'],
    ['gif', 'ImageUrl', 'InvalidParameterValue.InvalidImageFormat'],
    ['text', 'ImageUrl', 'FailedOperation.ImageDecodeFailed'],
    ['heavy', 'ImageUrl', 'InvalidParameterValue.InvalidImageSize'],
  ])('refuses %s as %s with %s', async (name, field, code) => {
    expect((await submit({ ...good(), [field]: urls[name] })).body.Error.Code).toBe(code);
    expect((await control(emulator, 'submissions')).submissions).toHaveLength(0);
  });

  it.each(['missing.jpg', 'hang', 'redirect/4/photo.jpg'])(
    'refuses an address that gives nothing: %s',
    async (name) => {
      const { body } = await submit({ ...good(), ImageUrl: media.url(name) });
      expect(body.Error.Code).toBe('InvalidParameterValue.UrlIllegal');
    },
  );

  it('prefers ImageBase64 and holds it to the limits of ImageUrl', async () => {
    const small = (await readFile(`${media.folder}/small.png`)).toString('base64');
    const { body } = await submit({ ...good(), ImageBase64: small });
    expect(body.Error.Code).toBe('InvalidParameterValue.InvalidImageResolution');
    const photo = (await readFile(`${media.folder}/photo.jpg`)).toString('base64');
    const end = await finished({ AudioUrl: urls.voice, ImageUrl: urls.small, ImageBase64: photo });
    expect(end.StatusCode).toBe('DONE');
  });
});

describe('a job', () => {
  it.each([
    [{}, '512x682'],
    [{ Resolution: '512:512' }, '512x512'],
    [{ Mode: 'Pet' }, '300x400'],
  ])('with %j ends as a video of %s that plays as long as the sound', async (more, size) => {
    const end = await finished({ ...good(), ...more });
    expect(end).toMatchObject({ StatusCode: 'DONE', ErrorCode: '', ErrorMessage: '' });
    const made = await probe(end.ResultVideoUrl, media.folder);
    expect(made).toMatchObject({ size, video: 'h264', audio: 'aac' });
    expect(Math.abs(made.seconds - 2.5)).toBeLessThan(0.1);
  });

  it('takes m4a, webp and three redirects', async () => {
    const ImageUrl = media.url('redirect/3/photo.webp');
    expect((await finished({ AudioUrl: urls.m4a, ImageUrl })).StatusCode).toBe('DONE');
  });

  it('runs first, is recorded, counted, and serves ranges of its result', async () => {
    const request = { ...good(), LogoAdd: 0 };
    const { body } = await submit(request);
    const running = await describeJob(body.JobId);
    expect(running.body).toMatchObject({ JobId: body.JobId, StatusCode: 'RUN', ResultVideoUrl: '' });
    expect(Math.abs(running.date - Date.now())).toBeLessThan(2000);
    const { submissions } = await control(emulator, 'submissions');
    expect(submissions).toMatchObject([
      { operation: 'SubmitPortraitSingJob', cloud: 'vclm', task_id: body.JobId, request },
    ]);
    const end = await until(
      () => describeJob(body.JobId),
      (answer) => answer.body.StatusCode === 'DONE',
    );
    const link = end.body.ResultVideoUrl;
    expect(link).toMatch(/\/_results\/[\da-f]{40}\.mp4\?Expires=\d+$/);
    const part = await fetch(link, { headers: { range: 'bytes=4-7' } });
    expect(part.status).toBe(206);
    expect(await part.text()).toBe('ftyp');
    const beyond = await fetch(link, { headers: { range: 'bytes=999999999-' } });
    expect(beyond.status).toBe(416);
    await beyond.text();
    const counts = await control(emulator, 'requests');
    expect(counts).toMatchObject({ submit: 1, result: 2, cancel: 0, list: 0 });
    expect(counts.query).toBeGreaterThanOrEqual(2);
  });

  it('is refused while the only lane is full', async () => {
    const slow = await startEmulator({ speed: 1 });
    try {
      const first = await vclm(slow, 'SubmitPortraitSingJob', good());
      expect(first.body.JobId).toBeDefined();
      const second = await vclm(slow, 'SubmitPortraitSingJob', good());
      expect(second.body.Error.Code).toBe('RequestLimitExceeded.JobNumExceed');
      expect((await control(slow, 'submissions')).submissions).toHaveLength(1);
    } finally {
      await slow.close();
    }
  });
});

it('expires its result links', async () => {
  const brief = await startEmulator({ speed: 600, resultLifetimeSeconds: 0.4 });
  try {
    const { body } = await vclm(brief, 'SubmitPortraitSingJob', good());
    const end = await until(
      () => vclm(brief, 'DescribePortraitSingJob', { JobId: body.JobId }),
      (answer) => answer.body.StatusCode === 'DONE',
    );
    const gone = await until(
      async () => {
        const response = await fetch(end.body.ResultVideoUrl);
        return { status: response.status, text: await response.text() };
      },
      ({ status }) => status !== 200,
    );
    expect(gone.status).toBe(403);
    expect(gone.text).toContain('<Code>AccessDenied</Code>');
  } finally {
    await brief.close();
  }
});

it('announces itself in one line and refuses a speed of nothing', async () => {
  const line = announcement(emulator);
  expect(line).not.toContain('\n');
  expect(JSON.parse(line)).toEqual({ url: emulator.url, ...emulator.credentials });
  await expect(startEmulator({ speed: 0 })).rejects.toThrow(RangeError);
});
