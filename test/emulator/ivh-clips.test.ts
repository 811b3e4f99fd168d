import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../src/emulator/server.ts';
import { pdf } from './documents.ts';
import { brightness, control, ended, ivh, MediaServer, probe } from './harness.ts';

let emulator: Emulator;
let media: MediaServer;
const urls: Record<string, string> = {};

beforeAll(async () => {
  media = await MediaServer.start();
  emulator = await startEmulator({ speed: 1000 });
  // Dark at the start, bright at the end: a moment of the result tells its place in the clip.
  urls.clip = await media.video('clip.mp4', '400x360', 2);
  urls.fast = await media.video('fast.mp4', '400x360', 2, 50);
  urls.large = await media.video('large.mp4', '2600x1500', 1, 10);
  urls.mjpeg = await media.video('mjpeg.mov', '400x360', 2, 25, '-c:v', 'mjpeg');
  urls.small = await media.video('small.mp4', '320x240', 2);
  urls.brief = await media.video('brief.mp4', '400x360', 0.6);
  urls.voice5 = await media.audio('voice5.mp3', 5);
  urls.voice1 = await media.audio('voice1.wav', 1.2);
  urls.photo = await media.image('face.png', '200x200');
  urls.tiny = await media.image('tiny.png', '100x100');
  urls.letter = await media.put('letter.pdf', pdf(1));
  urls.text = await media.put('letter.txt', 'I agree.');
});
afterAll(async () => {
  await emulator.close();
  await media.close();
});
beforeEach(() => control(emulator, 'reset', {}));

const dub = (more: object) =>
  ended(emulator, 'videomakenotrain', {
    RefVideoUrl: urls.clip,
    DriverType: 'OriginalVoice',
    InputAudioUrl: urls.voice5,
    ...more,
  });
const made = async (more: object) => {
  const end = await dub(more);
  expect(end.Status, end.FailMessage).toBe('SUCCESS');
  return probe(end.MediaUrl, media.folder);
};
/** Brightness over the moments, from 0 (first frame of the clip) to 1 (last frame). */
const places = (file: string, moments: readonly number[]) =>
  Promise.all(moments.map(async (at) => (await brightness(file, at)) / 233));

describe('videomakenotrain', () => {
  it.each([
    ['back and forth by default', {}, [0.2, 1.8, 2.2, 3.8, 4.2], [0.1, 0.9, 0.9, 0.1, 0.1]],
    [
      'again and again with VideoLoop 1',
      { VideoLoop: 1 },
      [0.2, 1.8, 2.2, 3.8, 4.2],
      [0.1, 0.9, 0.1, 0.9, 0.1],
    ],
    [
      'a segment back and forth with Custom',
      { VideoParam: { MakeType: 'Custom', StartTime: 0.4, EndTime: 1.6 } },
      [0.1, 1.1, 1.3, 2.3, 2.5],
      [0.25, 0.75, 0.75, 0.25, 0.25],
    ],
    [
      'a segment again with Custom and VideoLoop 1',
      { VideoLoop: 1, VideoParam: { MakeType: 'Custom', StartTime: 0.4, EndTime: 1.6 } },
      [0.1, 1.1, 1.3, 2.3],
      [0.25, 0.75, 0.25, 0.75],
    ],
    [
      'from a start, always back, with CustomOnlyStart',
      { VideoLoop: 1, VideoParam: { MakeType: 'CustomOnlyStart', StartTime: 0.8 } },
      [0.1, 1.1, 1.3, 2.3, 2.5],
      [0.45, 0.95, 0.95, 0.45, 0.45],
    ],
    [
      'to where it began, with Circle',
      { VideoParam: { MakeType: 'Circle', StartTime: 0.4 } },
      [0.04, 1.25, 2.5, 3.75, 4.92],
      [0.2, 0.825, 0.22, 0.825, 0.22],
    ],
  ])('plays a clip that is too short %s', async (_, more, moments, wanted) => {
    const video = await made(more);
    expect(Math.abs(video.seconds - 5)).toBeLessThan(0.1);
    expect(video).toMatchObject({ size: '400x360', video: 'h264', audio: 'aac', frames: 25 });
    const found = await places(video.file, moments);
    found.forEach((place, index) =>
      expect(Math.abs(place - (wanted[index] ?? 9)), found.join(' ')).toBeLessThan(0.09),
    );
  });

  it('cuts a clip that is longer than its sound, from StartTime too', async () => {
    const short = await made({ InputAudioUrl: urls.voice1 });
    expect(Math.abs(short.seconds - 1.2)).toBeLessThan(0.1);
    expect((await places(short.file, [0.1]))[0]).toBeLessThan(0.12);
    const later = await made({
      InputAudioUrl: urls.voice1,
      VideoParam: { MakeType: 'CustomOnlyStart', StartTime: 0.75 },
    });
    expect(Math.abs(((await places(later.file, [0.2]))[0] ?? 0) - 0.475)).toBeLessThan(0.09);
  });

  it.each([
    [{ RefVideoUrl: 'fast' }, 25, '400x360'],
    [{ RefVideoUrl: 'fast', VideoParametersConsistent: 1 }, 50, '400x360'],
    [{ RefVideoUrl: 'large', VideoParametersConsistent: 1, ConcurrencyType: 'Shared' }, 15, '2496x1440'],
    [{ RefVideoUrl: 'large', ConcurrencyType: 'Exclusive' }, 25, '2600x1500'],
  ])('%j gives %i frames a second of %s', async ({ RefVideoUrl, ...more }, frames, size) => {
    const video = await made({ ...more, RefVideoUrl: urls[RefVideoUrl], InputAudioUrl: urls.voice1 });
    expect(video).toMatchObject({ frames, size });
  });

  it('speaks a text, and takes photos, papers and silent stretches with it', async () => {
    const VideoParam = {
      RefPhotoUrls: [urls.photo, urls.photo],
      RefPhotoUrl: '',
      DisableIntervals: [{ StartTime: 0, EndTime: 1 }],
    };
    const SpeechParam = { TimbreKey: 'male_1', Speed: 1.5, Volume: 0 };
    const text = { DriverType: 'Text', InputAudioUrl: '', InputSsml: 'Hello you', SpeechParam };
    const end = await dub({
      ...text,
      VideoParam,
      IdentityWrittenUrl: urls.letter,
      IdentityVideoUrl: urls.clip,
    });
    expect(end.Status, end.FailMessage).toBe('SUCCESS');
    expect(end.SubtitlesUrl).toBe('');
  });

  it.each([
    [{ RefVideoUrl: 'small' }, 801009, 'RefVideoUrl'],
    [{ RefVideoUrl: 'brief' }, 801009, 'RefVideoUrl'],
    [{ RefVideoUrl: 'mjpeg' }, 802002, 'RefVideoUrl'],
    [{ RefVideoUrl: 'photo' }, 801009, 'RefVideoUrl'],
    [{ RefVideoUrl: 'missing' }, 801008, 'RefVideoUrl'],
    [{ VideoParam: { RefPhotoUrls: ['photo', 'tiny'] } }, 801009, 'VideoParam.RefPhotoUrls.1'],
    [{ VideoParam: { RefPhotoUrl: 'tiny' } }, 801009, 'VideoParam.RefPhotoUrl'],
    [{ IdentityWrittenUrl: 'text' }, 801009, 'IdentityWrittenUrl'],
    [{ VideoParam: { MakeType: 'Custom', StartTime: 0.5, EndTime: 4 } }, 801009, 'StartTime 0.5 to 4 s'],
    [{ VideoParam: { MakeType: 'CustomOnlyStart', StartTime: 1.5 } }, 801009, 'too short'],
    [
      { DriverType: 'Text', InputSsml: 'hello', SpeechParam: { Speed: 1, TimbreKey: 'nobody' } },
      801404,
      'nobody',
    ],
  ])('fails the task for %j with %i', async (more, code, found) => {
    const named = JSON.parse(JSON.stringify(more), (name, value) =>
      typeof value === 'string' && (name.includes('Url') || /^\d$/.test(name))
        ? (urls[value] ?? media.url(value))
        : value,
    );
    const end = await dub({ InputAudioUrl: urls.voice1, ...named });
    expect(end).toMatchObject({ Status: 'FAIL', FailCode: code });
    expect(end.FailMessage).toContain(found);
  });

  it('looks at no photo while the tracking of faces is off', async () => {
    const VideoParam = { DisableIdDetect: 1, RefPhotoUrl: urls.tiny };
    expect((await dub({ InputAudioUrl: urls.voice1, VideoParam })).Status).toBe('SUCCESS');
  });

  it('shares its five places with photos that speak', async () => {
    const slow = await startEmulator({ speed: 1, lanes: { 'ivh-video-no-training': 1 } });
    try {
      const payload = { RefVideoUrl: urls.clip, DriverType: 'OriginalVoice', InputAudioUrl: urls.voice1 };
      expect((await ivh(slow, 'videomakenotrain', payload)).body.Header.Code).toBe(0);
      const photo = { RefPhotoUrl: urls.photo, DriverType: 'OriginalVoice', InputAudioUrl: urls.voice5 };
      const { body } = await ivh(slow, 'phototovideonotrain', photo);
      expect(body.Header.Code).toBe(100008);
    } finally {
      await slow.close();
    }
  });
});
