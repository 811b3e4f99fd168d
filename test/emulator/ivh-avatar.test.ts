import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../src/emulator/server.ts';
import { control, ended, ivh, MediaServer, pixel, probe, subtitles } from './harness.ts';

let emulator: Emulator;
let media: MediaServer;
const urls: Record<string, string> = {};

/** 640x360, which no real avatar has: quick to render. */
const small = 'e1d3c5b7a9f84062915384a6b7c8d902';
const vendorSample = 'k3dda2d3b56f4ec89778f2e032c2e294';
const vp8 = ['-c:v', 'libvpx'];

beforeAll(async () => {
  media = await MediaServer.start();
  emulator = await startEmulator({ speed: 1000 });
  urls.voice = await media.audio('voice.mp3', 2, '-b:a', '64k');
  urls.blue = await media.make('blue.png', '-f', 'lavfi', '-i', 'color=blue:s=640x360', '-frames:v', '1');
  urls.large = await media.image('large.png', '1280x720');
  urls.logo = await media.make('logo.png', '-f', 'lavfi', '-i', 'color=red:s=100x100', '-frames:v', '1');
  urls.gif = await media.image('logo.gif', '64x64');
  const moving = ['-f', 'lavfi', '-i', 'color=yellow:s=640x360:r=25:d=1'];
  const sound = ['-f', 'lavfi', '-i', 'sine=frequency=300:duration=1', '-shortest'];
  urls.clip = await media.make('clip.mp4', ...moving, '-pix_fmt', 'yuv420p');
  urls.head = await media.make('head.mp4', ...moving, ...sound, '-pix_fmt', 'yuv420p');
  urls.other = await media.video('other.mp4', '320x240', 1);
});
afterAll(async () => {
  await emulator.close();
  await media.close();
});
beforeEach(async () => {
  await control(emulator, 'reset', {});
  media.received.length = 0;
});

const text = { InputSsml: '你好，我是虚拟主播。今天天气很好！', SpeechParam: { Speed: 1.5 } };
const recorded = () => ({
  DriverType: 'OriginalVoice',
  InputAudioUrl: urls.voice,
  SpeechParam: { Speed: 1 },
});

describe('videomake', () => {
  it('makes WebM with alpha, in the size of the avatar, with subtitles of the text', async () => {
    const CallbackUrl = media.url('callback');
    const SubtitleStorageS3Url = media.url('words.srt');
    const payload = { VirtualmanKey: vendorSample, ...text, CallbackUrl, SubtitleStorageS3Url };
    const end = await ended(emulator, 'videomake', payload);
    expect(end).toMatchObject({ Status: 'SUCCESS', FailCode: 0 });
    expect(end.TextTimestampResult).toBeUndefined();
    expect((await fetch(end.MediaUrl)).headers.get('content-type')).toBe('video/webm');
    const made = await probe(end.MediaUrl, media.folder);
    expect(made).toMatchObject({ size: '1920x1080', video: 'vp8', audio: 'opus' });
    expect((await pixel(made.file, 1, [0.05, 0.5], vp8))[3]).toBe(0);
    expect((await pixel(made.file, 1, [0.5, 0.8], vp8))[3]).toBe(255);
    const cues = await subtitles(end.SubtitlesUrl);
    expect(cues.map((cue) => cue.text)).toEqual(['你好，我是虚拟主播。', '今天天气很好！']);
    expect(cues[1]?.start).toBe(cues[0]?.end);
    expect(cues[1]?.end).toBeLessThanOrEqual(end.Duration / 1000 + 0.06);
    const stored = media.received.find(({ method }) => method === 'PUT');
    expect(String(stored?.body)).toMatch(/^1\n00:00:00,000 --> /);
    const { Payload } = JSON.parse(String(media.received.find(({ method }) => method === 'POST')?.body));
    expect(Payload).toMatchObject({ Status: 'SUCCESS', SubtitlesUrl: end.SubtitlesUrl });
  });

  it.each(['OriginalVoice', 'ModulatedVoice'])(
    'makes MOV with alpha from %s, without subtitles',
    async (DriverType) => {
      const VideoParam = { Format: 'TransparentMov' };
      const payload = { ...recorded(), DriverType, VirtualmanKey: small, VideoParam };
      const end = await ended(emulator, 'videomake', payload);
      expect(end).toMatchObject({ Status: 'SUCCESS', SubtitlesUrl: '' });
      const made = await probe(end.MediaUrl, media.folder);
      expect(made).toMatchObject({ size: '640x360', video: 'qtrle', audio: 'aac' });
      expect(Math.abs(made.seconds - 2)).toBeLessThan(0.1);
      expect((await pixel(made.file, 1, [0.05, 0.5]))[3]).toBe(0);
      expect((await pixel(made.file, 1, [0.5, 0.8]))[3]).toBe(255);
    },
  );

  it('moves: two moments of it differ', async () => {
    const end = await ended(emulator, 'videomake', {
      ...recorded(),
      VirtualmanKey: small,
      VideoParam: { Format: 'Mp4' },
    });
    const made = await probe(end.MediaUrl, media.folder);
    const column = async (at: number) =>
      Promise.all([0.395, 0.4, 0.405, 0.41].map((x) => pixel(made.file, at, [x, 0.6])));
    expect(await column(0.65)).not.toEqual(await column(1.9));
    const [red = 0, green = 0, blue = 0] = await pixel(made.file, 1, [0.05, 0.5]);
    expect([red < 40, green > 220, blue < 40]).toEqual([true, true, true]);
  });
});

describe('videomakeadvanced', () => {
  const edited = async (VideoParam: object, more = {}) => {
    const end = await ended(emulator, 'videomakeadvanced', {
      VirtualmanKey: small,
      ...text,
      VideoParam,
      ...more,
    });
    expect(end.Status, end.FailMessage).toBe('SUCCESS');
    return { end, made: await probe(end.MediaUrl, media.folder) };
  };
  const near = (found: number[], wanted: number[]) =>
    wanted.every((value, index) => Math.abs((found[index] ?? -99) - value) < 45);

  it('lays background, figure, logo and subtitle band as told', async () => {
    const LogoParams = [{ LogoFileUrl: urls.logo, PositionX: 20, PositionY: 10, Scale: 0.5 }];
    const param = {
      BackgroundFileUrl: urls.blue,
      LogoParams,
      ShowSubtitles: true,
      AnchorParam: { HorizontalPosition: 0.3, Scale: 0.5 },
    };
    const { made, end } = await edited(param);
    expect(made).toMatchObject({ size: '640x360', video: 'h264', audio: 'aac' });
    expect(near(await pixel(made.file, 0.5, [0.1, 0.6]), [0, 0, 255])).toBe(true);
    expect(near(await pixel(made.file, 0.5, [40 / 640, 30 / 360]), [255, 0, 0])).toBe(true);
    expect(near(await pixel(made.file, 0.5, [80 / 640, 30 / 360]), [0, 0, 255])).toBe(true);
    // The clothes: in the middle by default, moved to the right here, and half as large.
    expect(near(await pixel(made.file, 0.5, [0.5, 0.85]), [0, 0, 255])).toBe(true);
    expect(near(await pixel(made.file, 0.5, [0.8, 0.85]), [0x7a, 0x4f, 0xa3])).toBe(true);
    expect(near(await pixel(made.file, 0.5, [0.8, 0.45]), [0, 0, 255])).toBe(true);
    const band = [0.5, 0.91] as const;
    expect(near(await pixel(made.file, 0.3, band), [0x20, 0x20, 0x20])).toBe(true);
    expect(near(await pixel(made.file, end.Duration / 1000 - 0.3, band), [0x58, 0x58, 0x58])).toBe(true);
  });

  it('takes a clip as background, again and again, and moves the figure up', async () => {
    const param = { BackgroundFileUrl: urls.clip, AnchorParam: { VerticalPosition: -0.25, Scale: 0.5 } };
    const { made, end } = await edited(param);
    expect(end.Duration).toBeGreaterThan(1500);
    expect(near(await pixel(made.file, end.Duration / 1000 - 0.2, [0.1, 0.6]), [255, 255, 0])).toBe(true);
    // Half a figure's height above the foot: y = 2 * -0.25 * height.
    expect(near(await pixel(made.file, 0.5, [0.5, 0.95]), [255, 255, 0])).toBe(true);
    expect(near(await pixel(made.file, 0.5, [0.5, 0.6]), [0x7a, 0x4f, 0xa3])).toBe(true);
  });

  it('puts opening and closing clips around it, and moves the subtitles behind the opening', async () => {
    const { made, end } = await edited({ VideoHeadFileUrl: urls.head, VideoTailFileUrl: urls.clip });
    const cues = await subtitles(end.SubtitlesUrl);
    // Its sound is a little longer than its second of picture.
    const head = cues[0]?.start ?? 0;
    expect(Math.abs(head - 1.02)).toBeLessThan(0.03);
    expect(made).toMatchObject({ size: '640x360', video: 'h264', audio: 'aac' });
    const spoken = (cues.at(-1)?.end ?? 0) - head;
    expect(Math.abs(made.seconds - spoken - 2)).toBeLessThan(0.15);
    for (const at of [0.5, made.seconds - 0.5])
      expect(near(await pixel(made.file, at, [0.1, 0.6]), [255, 255, 0])).toBe(true);
    expect(near(await pixel(made.file, 1.5, [0.1, 0.6]), [0, 255, 0])).toBe(true);
  });

  it('looks at placement only where the format is transparent', async () => {
    const param = {
      Format: 'TransparentWebm',
      BackgroundFileUrl: 'https://nowhere.invalid/x.png',
      AnchorParam: { HorizontalPosition: 0.3 },
    };
    const { made } = await edited(param);
    expect((await pixel(made.file, 0.5, [0.3, 0.8], vp8))[3]).toBe(0);
    expect((await pixel(made.file, 0.5, [0.8, 0.8], vp8))[3]).toBe(255);
  });

  it('reads zeros and empty strings as unset, at every depth', async () => {
    const empty = { AnchorExtraParam: '', Angle: 0, HorizontalPosition: 0, Scale: 0, VerticalPosition: 0 };
    const LogoParams = [
      { LogoFileUrl: urls.logo, PositionX: 0, PositionY: 0, Scale: 0 },
      { LogoFileUrl: '' },
    ];
    const { made } = await edited({
      Format: '',
      BackgroundFileUrl: '',
      AnchorParam: empty,
      LogoParams,
      SmallSampleParam: { MakeType: '', StartIdx: 0 },
    });
    expect(near(await pixel(made.file, 0.5, [0.05, 0.05]), [255, 0, 0])).toBe(true);
  });

  it.each([
    [{ VideoHeadFileUrl: 'other' }, 801507, 'VideoHeadFileUrl is 320x240, the video 640x360'],
    [{ BackgroundFileUrl: 'large' }, 801507, 'BackgroundFileUrl is 1280x720'],
    [{ BackgroundFileUrl: 'gif' }, 801507, 'VideoParam.BackgroundFileUrl'],
    [{ VideoTailFileUrl: 'voice' }, 801507, 'VideoParam.VideoTailFileUrl'],
    [
      { LogoParams: [{ LogoFileUrl: 'logo' }, { LogoFileUrl: 'gif' }] },
      801506,
      'VideoParam.LogoParams.1.LogoFileUrl',
    ],
    [{ LogoParams: [{ LogoFileUrl: 'missing' }] }, 801008, 'VideoParam.LogoParams.0.LogoFileUrl'],
    [{ SmallSampleParam: { MakeType: 'Custom', StartIdx: 80, EndIdx: 20 } }, 801509, 'frames 80 to 20'],
    [{ SmallSampleParam: { MakeType: 'Custom', EndIdx: 900 } }, 801509, 'outside 0 to 749'],
  ])('fails the task for %j with %i', async (param, code, found) => {
    const named = JSON.parse(JSON.stringify(param), (name, value) =>
      name.endsWith('FileUrl') ? (urls[value as string] ?? media.url(String(value))) : value,
    );
    const end = await ended(emulator, 'videomakeadvanced', {
      VirtualmanKey: small,
      ...text,
      VideoParam: named,
    });
    expect(end).toMatchObject({ Status: 'FAIL', FailCode: code });
    expect(end.FailMessage).toContain(found);
  });
});

describe('refusals of the call', () => {
  it.each([
    ['videomake', { VirtualmanKey: 'nobody', ...text }, 100016],
    ['videomakeadvanced', { VirtualmanKey: '04f6e8d2c0ba49a78695a4b3c2d1e001', ...text }, 100015],
    ['videomake', { VirtualmanKey: small, InputSsml: 'hi' }, 100001],
    [
      'videomake',
      {
        VirtualmanKey: small,
        ...text,
        InputSsml: 'x'.repeat(2001),
        VideoParam: { Format: 'TransparentMov' },
      },
      100001,
    ],
    [
      'videomakeadvanced',
      { VirtualmanKey: small, ...text, VideoParam: { LogoParams: [{ Scale: 16 }] } },
      100001,
    ],
  ])('%s with %j', async (route, payload, code) => {
    const { body } = await ivh(emulator, route, payload);
    expect(body.Header.Code).toBe(code);
  });

  it('has room for five videos, and tells who waits how long', async () => {
    const slow = await startEmulator({ speed: 1 });
    try {
      const payload = { VirtualmanKey: small, ...recorded() };
      const replies = await Promise.all(Array.from({ length: 6 }, () => ivh(slow, 'videomake', payload)));
      const codes = replies.map(({ body }) => body.Header.Code).toSorted((a, b) => a - b);
      expect(codes).toEqual([0, 0, 0, 0, 0, 100008]);
      const refused = replies.find(({ body }) => body.Header.Code !== 0);
      expect(refused?.body.Header.Message).toMatch(/video jobs submitted, limit: 5$/);
      const { submissions } = await control(slow, 'submissions');
      const last = await ivh(slow, 'getprogress', { TaskId: submissions[4].task_id });
      expect(last.body.Payload).toMatchObject({ Status: 'COMMIT', ArrayCount: 4, MediaUrl: '' });
    } finally {
      await slow.close();
    }
  });
});
