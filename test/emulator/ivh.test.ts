import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../src/emulator/server.ts';
import { control, ivh, MediaServer, probe, until } from './harness.ts';

let emulator: Emulator;
let media: MediaServer;
const urls: Record<string, string> = {};

beforeAll(async () => {
  media = await MediaServer.start();
  emulator = await startEmulator({ speed: 600, lanes: { 'ivh-video-no-training': 50 } });
  urls.photo = await media.image('photo.jpg', '300x400');
  urls.narrow = await media.image('narrow.png', '200x500');
  urls.gif = await media.image('photo.gif', '300x300');
  urls.heavy = await media.put('heavy.jpg', Buffer.alloc(6 * 1024 * 1024 + 1, 1));
  urls.voice = await media.audio('voice.mp3', 2, '-b:a', '64k');
  urls.ogg = await media.audio('voice.ogg', 2.2, '-c:a', 'libvorbis');
  urls.wma = await media.audio('voice.wma', 2.2, '-c:a', 'wmav2');
  urls.short = await media.audio('short.wav', 1);
});
afterAll(async () => {
  await emulator.close();
  await media.close();
});
beforeEach(async () => {
  await control(emulator, 'reset', {});
  media.received.length = 0;
  media.answer = 200;
});

const submit = (payload: Record<string, unknown>) => ivh(emulator, 'phototovideonotrain', payload);
const progress = (TaskId: string) => ivh(emulator, 'getprogress', { TaskId });
const voiced = () => ({ RefPhotoUrl: urls.photo, DriverType: 'OriginalVoice', InputAudioUrl: urls.voice });
const texted = (InputSsml: string, more = {}) => ({
  RefPhotoUrl: urls.photo,
  DriverType: 'Text',
  InputSsml,
  SpeechParam: { TimbreKey: 'female_1', Speed: 1, ...more },
});

async function finished(payload: Record<string, unknown>, on = emulator) {
  const { body } = await ivh(on, 'phototovideonotrain', payload);
  expect(body.Payload?.TaskId, JSON.stringify(body)).toMatch(/^[\da-f]{32}$/);
  const answer = await until(
    () => ivh(on, 'getprogress', { TaskId: body.Payload.TaskId }),
    ({ body: { Payload } }) => ['SUCCESS', 'FAIL'].includes(Payload.Status),
  );
  return { TaskId: body.Payload.TaskId, ...answer.body.Payload };
}

describe('signature', () => {
  it.each([
    ['a wrong token', { secretKey: 'wrong' }, 'signature'],
    ['an unknown key', { secretId: 'nobody' }, 'appkey'],
    ['a clock 6 minutes behind', { skew: -360 }, 'timestamp'],
    ['a clock 6 minutes ahead', { skew: 360 }, 'timestamp'],
  ])('refuses %s', async (_, bend, word) => {
    const { status, body } = await ivh(emulator, 'getprogress', { TaskId: 'x' }, bend);
    expect(status).toBe(200);
    expect(body.Header).toMatchObject({ Code: 100005, DialogID: '' });
    expect(body.Header.Message).toContain(word);
    expect(body.Payload).toBeUndefined();
  });

  it('accepts a clock 4 minutes off and any body, for only the query is signed', async () => {
    const { body } = await ivh(emulator, 'getprogress', { TaskId: 'x' }, { skew: 240 });
    expect(body.Header.Code).toBe(110006);
  });
});

describe('request schema', () => {
  const RefPhotoUrl = 'https://a.b/c.jpg';
  const said = (InputSsml: string, more = {}) => ({ ...texted(InputSsml, more), RefPhotoUrl });
  it.each([
    [{ RefPhotoUrl, DriverType: 'OriginalVoice', InputAudioUrl: 'x' }, 'InputAudioUrl value invalid'],
    [{ RefPhotoUrl, DriverType: 'OriginalVoice' }, 'InputAudioUrl is required'],
    [{ DriverType: 'OriginalVoice', InputAudioUrl: 'https://a.b/c.mp3' }, 'RefPhotoUrl is required'],
    [said('你好，数字人', { Speed: 2 }), 'Speed value invalid, ranges:0.5-1.5'],
    [said('你好'), 'InputSsml length invalid, ranges:4-300'],
    [said('你好，数字人', { TimbreKey: '' }), 'TimbreKey is required'],
    [
      { ...said('你好，数字人'), DriverType: 'Dance' },
      'DriverType value invalid, allowed:Text,OriginalVoice',
    ],
    [{ ...said('你好，数字人'), VideoParam: { EmotionLevel: 2 } }, 'EmotionLevel is not a parameter'],
  ])('refuses %j', async (payload, text) => {
    const { body } = await submit(payload);
    expect(body.Header.Code).toBe(100001);
    expect(body.Header.Message).toContain('InvalidParameter:');
    expect(body.Header.Message).toContain(text);
  });

  it('refuses an envelope without Header', async () => {
    const { body } = await ivh(emulator, 'phototovideonotrain', {}, { body: { Payload: voiced() } });
    expect(body.Header).toMatchObject({ Code: 100001 });
    expect(body.Header.Message).toContain('Header');
  });
});

describe('media limits fail the accepted task', () => {
  it.each([
    ['gif', 'RefPhotoUrl', 801009],
    ['heavy', 'RefPhotoUrl', 801009],
    ['voice', 'RefPhotoUrl', 801009],
    ['short', 'InputAudioUrl', 801510],
    ['photo', 'InputAudioUrl', 801510],
    ['missing', 'InputAudioUrl', 801008],
  ])('%s as %s ends with %i', async (name, field, code) => {
    const end = await finished({ ...voiced(), [field]: urls[name] ?? media.url(name) });
    expect(end).toMatchObject({ Status: 'FAIL', FailCode: code, Progress: -1, MediaUrl: '' });
    expect(end.FailMessage).toContain(field);
  });

  it('does not enforce what the domestic page only advises, and the international page demands', async () => {
    expect((await finished({ ...voiced(), RefPhotoUrl: urls.narrow })).Status).toBe('SUCCESS');
    const abroad = await startEmulator({ speed: 600, site: 'intl' });
    try {
      const narrow = { ...voiced(), RefPhotoUrl: urls.narrow, ConcurrencyType: 'Shared' };
      expect(await finished(narrow, abroad)).toMatchObject({ Status: 'FAIL', FailCode: 801009 });
      expect((await finished({ ...narrow, RefPhotoUrl: urls.photo }, abroad)).Status).toBe('SUCCESS');
    } finally {
      await abroad.close();
    }
  });
});

describe('a task', () => {
  it('walks COMMIT, MAKING, SUCCESS and is found by nobody else', async () => {
    const slower = await startEmulator({ speed: 60 });
    try {
      const { body } = await ivh(slower, 'phototovideonotrain', voiced());
      const seen: string[] = [];
      const end = await until(
        () => ivh(slower, 'getprogress', { TaskId: body.Payload.TaskId }),
        ({ body: { Payload } }) => {
          if (seen.at(-1) !== Payload.Status) seen.push(Payload.Status);
          return Payload.Status === 'SUCCESS';
        },
      );
      expect(seen).toEqual(['COMMIT', 'MAKING', 'SUCCESS']);
      expect(end.body.Payload).toMatchObject({
        Progress: 100,
        SubtitlesUrl: '',
        FailCode: 0,
        FailMessage: '',
        ArrayCount: 0,
      });
      expect(Math.abs(end.body.Payload.Duration - 2000)).toBeLessThan(100);
    } finally {
      await slower.close();
    }
    expect((await progress('f'.repeat(32))).body.Header.Code).toBe(110006);
  });

  it.each([
    [{}, '720x960', 'voice'],
    [{ VideoParam: { Resolution: 1 } }, '1080x1440', 'ogg'],
    [
      { VideoParam: { Resolution: 0 }, InputSsml: '', SpeechParam: { Speed: 0, TimbreKey: '' } },
      '720x960',
      'wma',
    ],
  ])('with %j makes a video of %s from %s', async (more, size, audio) => {
    const end = await finished({ ...voiced(), InputAudioUrl: urls[audio], ...more });
    const made = await probe(end.MediaUrl, media.folder);
    expect(made).toMatchObject({ size, video: 'h264', audio: 'aac' });
    expect(Math.abs(made.seconds - (audio === 'voice' ? 2 : 2.2))).toBeLessThan(0.1);
  });

  it.each([
    ['Hello there, this is a digital person.', 'en'],
    ['你好，我是虚拟<phoneme alphabet="py" ph="zhu3">主</phoneme>播。', 'zh'],
  ])('speaks %s', async (text) => {
    const { body } = await submit(texted(text));
    const answer = await until(
      () => progress(body.Payload.TaskId),
      ({ body: { Payload } }) => ['SUCCESS', 'FAIL'].includes(Payload.Status),
    );
    expect(answer.body.Payload.Status, answer.body.Payload.FailMessage).toBe('SUCCESS');
    const made = await probe(answer.body.Payload.MediaUrl, media.folder);
    expect(made.seconds).toBeGreaterThan(1);
    expect(made.audio).toBe('aac');
  });

  it('fails with 801510 when the speech is longer than a minute', async () => {
    const slow = await submit(texted('这是一段很长很长的话。'.repeat(27), { Speed: 0.5 }));
    const { body } = await until(
      () => progress(slow.body.Payload.TaskId),
      ({ body: { Payload } }) => Payload.Status === 'FAIL',
      40,
    );
    expect(body.Payload.FailCode).toBe(801510);
  }, 45_000);

  it('is refused with 100008 when five run', async () => {
    const slow = await startEmulator({ speed: 1 });
    try {
      const codes: number[] = [];
      for (let n = 0; n < 6; n += 1)
        codes.push((await ivh(slow, 'phototovideonotrain', voiced())).body.Header.Code);
      expect(codes).toEqual([0, 0, 0, 0, 0, 100008]);
      const { submissions } = await control(slow, 'submissions');
      expect(submissions).toHaveLength(5);
      const ahead = await ivh(slow, 'getprogress', { TaskId: submissions[2].task_id });
      expect(ahead.body.Payload).toMatchObject({ Status: 'COMMIT', ArrayCount: 2 });
    } finally {
      await slow.close();
    }
  });
});

describe('delivery', () => {
  const callbacks = () => media.received.filter(({ path }) => path === '/callback');

  it.each([200, 500])('calls back exactly once, also when the answer is %i', async (status) => {
    media.answer = status;
    const end = await finished({ ...voiced(), CallbackUrl: media.url('callback') });
    await until(
      async () => callbacks().length,
      (count) => count > 0,
    );
    // A second task later: whatever would be sent again has been sent by then.
    await finished(voiced());
    expect(callbacks()).toHaveLength(1);
    expect(JSON.parse(String(callbacks()[0]?.body))).toEqual({
      Payload: {
        Progress: 100,
        MediaUrl: end.MediaUrl,
        SubtitlesUrl: '',
        Status: 'SUCCESS',
        FailMessage: '',
        TaskId: end.TaskId,
      },
    });
  });

  it('calls back twice when that fault is scripted, and reports failures', async () => {
    await control(emulator, 'faults', { call: 'submit', fault: 'duplicate' });
    await finished({ ...voiced(), InputAudioUrl: urls.short, CallbackUrl: media.url('callback') });
    await until(
      async () => callbacks().length,
      (count) => count === 2,
    );
    const { Payload } = JSON.parse(String(callbacks()[1]?.body));
    expect(Payload).toMatchObject({ Progress: -1, Status: 'FAIL', MediaUrl: '' });
    expect(Payload.FailCode).toBeUndefined();
  });

  it('stores the video at the given address once, or fails with 801015', async () => {
    const stored = { ...voiced(), VideoStorageS3Url: media.url('store?sig=1') };
    expect((await finished(stored)).Status).toBe('SUCCESS');
    const puts = media.received.filter(({ method }) => method === 'PUT');
    expect(puts).toHaveLength(1);
    expect(puts[0]?.body.subarray(4, 8).toString()).toBe('ftyp');
    media.answer = 403;
    expect(await finished(stored)).toMatchObject({ Status: 'FAIL', FailCode: 801015 });
  });
});
