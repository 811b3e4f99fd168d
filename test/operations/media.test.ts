import { describe, expect, it } from 'vitest';
import type { MediaLimits } from '../../src/core/operation.ts';
import { material } from './material.ts';

type Documented = Omit<MediaLimits, 'codes'>;

const megabyte = 1024 * 1024;
const pictures = ['bmp', 'jpg', 'png', 'webp'];
const ivhAudio: Documented = {
  kind: 'audio',
  formats: ['aac', 'm4a', 'mp3', 'ogg', 'wav', 'wma'],
  seconds: [2, 60],
};
/** The advanced and the PPT page give ranges for the recording and advise its size. */
const drivingAudio: Documented = {
  ...ivhAudio,
  seconds: [0.5, 3600],
  maxBytes: 100 * megabyte,
  advised: ['bytes'],
};
const clip: Documented = { kind: 'video', formats: ['mp4'], maxBytes: 500 * megabyte };
const logo: Documented = { kind: 'image', formats: ['jpg', 'png'] };
/** The page names no limits for the mark. */
const mark: Documented = { kind: 'image', formats: [], inline: 'LogoParam.LogoImage' };
const reference: Documented = {
  kind: 'image',
  formats: pictures,
  maxBytes: 10 * megabyte,
  side: [192, 4096],
};
const picture: Documented = { kind: 'image', formats: pictures, side: [192, 4096], ratio: [0.5, 2] };

/** What the pages say about each file, written down a second time. `jpg` stands for `jpeg` too. */
const documented: Readonly<Record<string, Readonly<Record<string, Documented>>>> = {
  submit_portrait_sing: {
    AudioUrl: { kind: 'audio', formats: ['m4a', 'mp3', 'wav'], seconds: [2, 60] },
    ImageUrl: { ...picture, maxBytes: 10 * megabyte, inline: 'ImageBase64' },
    'LogoParam.LogoUrl': mark,
  },
  submit_image_animate: {
    ImageUrl: {
      kind: 'image',
      formats: ['jpg', 'png'],
      maxBytes: 10 * megabyte,
      side: [1, 2056],
      ratio: [1 / 2, 1 / 1.2],
      inline: 'ImageBase64',
    },
    'LogoParam.LogoUrl': mark,
  },
  synthesize_speech: {},
  make_video: { InputAudioUrl: drivingAudio },
  make_video_advanced: {
    InputAudioUrl: drivingAudio,
    'VideoParam.BackgroundFileUrl': { ...clip, formats: ['jpg', 'mp4', 'png'] },
    'VideoParam.VideoHeadFileUrl': clip,
    'VideoParam.VideoTailFileUrl': clip,
    'VideoParam.LogoParams[].LogoFileUrl': logo,
  },
  make_ppt_video: {
    PPTFileUrl: { kind: 'document', formats: ['pdf', 'ppt', 'pptx'], maxBytes: 100 * megabyte, pages: 50 },
    'PageConfigs[].InputAudioUrl': drivingAudio,
    'GlobalConfig.LogoParams[].LogoFileUrl': logo,
  },
  video_to_video: {
    RefVideoUrl: {
      kind: 'video',
      formats: ['avi', 'mov', 'mp4'],
      codecs: ['h264'],
      maxBytes: 5 * 1024 * megabyte,
      seconds: [1, 1200],
      side: [360, 4096],
    },
    InputAudioUrl: { ...ivhAudio, seconds: [1, 1200], maxBytes: 100 * megabyte },
    'VideoParam.RefPhotoUrl': reference,
    'VideoParam.RefPhotoUrls[]': reference,
    IdentityWrittenUrl: { kind: 'document', formats: ['pdf'], maxBytes: 10 * megabyte },
    IdentityVideoUrl: { kind: 'video', formats: ['mp4'], maxBytes: 5 * 1024 * megabyte },
  },
  'photo_to_video (cn)': {
    RefPhotoUrl: { ...picture, maxBytes: 6 * megabyte, advised: ['ratio', 'side'] },
    InputAudioUrl: { ...ivhAudio, maxBytes: 10 * megabyte },
  },
  'photo_to_video (intl)': {
    RefPhotoUrl: { ...picture, maxBytes: 10 * megabyte },
    InputAudioUrl: { ...ivhAudio, maxBytes: 20 * megabyte },
  },
  video_retalk: {
    'input.video_url': {
      kind: 'video',
      formats: ['avi', 'mov', 'mp4'],
      codecs: ['h264', 'h265'],
      advised: ['codec'],
      maxBytes: 300 * megabyte,
      seconds: [2, 120],
      side: [640, 2048],
      frameRate: [15, 60],
    },
    'input.audio_url': {
      kind: 'audio',
      formats: ['aac', 'mp3', 'wav'],
      maxBytes: 30 * megabyte,
      seconds: [2, 120],
    },
    'input.ref_image_url': {
      kind: 'image',
      formats: pictures,
      maxBytes: 10 * megabyte,
      side: [1, 4096],
      ratio: [0.5, 2],
    },
  },
};

const hour = 3600;
/** Seconds a result is kept, seconds a task is known, jobs at once, milliseconds between submits. */
const lives: Readonly<Record<string, readonly [number, number, number, number | undefined]>> = {
  submit_portrait_sing: [24 * hour, 48 * hour, 1, undefined],
  submit_image_animate: [24 * hour, 48 * hour, 1, undefined],
  synthesize_speech: [168 * hour, 168 * hour, 1, undefined],
  make_video: [168 * hour, 168 * hour, 5, undefined],
  make_video_advanced: [168 * hour, 168 * hour, 5, undefined],
  make_ppt_video: [168 * hour, 168 * hour, 1, undefined],
  video_to_video: [168 * hour, 168 * hour, 5, undefined],
  'photo_to_video (cn)': [168 * hour, 168 * hour, 5, undefined],
  'photo_to_video (intl)': [168 * hour, 168 * hour, 5, undefined],
  video_retalk: [24 * hour, 24 * hour, 100, 1000],
};

/** Without the codes, lists in order. */
function bare({ formats, advised, ...rest }: MediaLimits): Documented {
  const limits: Documented & { codes?: unknown } = {
    ...rest,
    formats: formats.toSorted(),
    ...(advised && { advised: advised.toSorted() }),
  };
  delete limits.codes;
  return limits;
}

describe('what the pages say about files and times', () => {
  it('is 27 files', () => {
    expect(material.flatMap(({ operation }) => Object.keys(operation.wire.media))).toHaveLength(27);
  });

  it.each(material)('$key: files', ({ key, operation }) => {
    const limits = Object.entries(operation.wire.media).map(
      ([field, media]) => [field, bare(media)] as const,
    );
    expect(Object.fromEntries(limits)).toEqual(documented[key]);
  });

  it.each(material)('$key: every enforced aspect has the code that the cloud would give', ({ operation }) => {
    for (const [field, media] of Object.entries(operation.wire.media)) {
      const held = {
        bytes: media.maxBytes,
        seconds: media.seconds,
        side: media.side,
        ratio: media.ratio,
        frame_rate: media.frameRate,
        format: media.formats.length > 0 ? media.formats : undefined,
        codec: media.codecs,
        pages: media.pages,
      };
      const missing = Object.entries(held).filter(
        ([aspect, limit]) =>
          limit !== undefined &&
          !media.advised?.some((advised) => advised === aspect) &&
          !Object.hasOwn(media.codes ?? {}, aspect),
      );
      expect(
        missing.map(([aspect]) => aspect),
        field,
      ).toEqual([]);
    }
  });

  it.each(material)('$key: times and room', ({ key, operation: { wire } }) => {
    expect([
      wire.resultLifetimeSeconds,
      wire.taskLifetimeSeconds,
      wire.lane.size,
      'spacingMs' in wire.lane ? wire.lane.spacingMs : undefined,
    ]).toEqual(lives[key]);
  });

  it('lanes are shared by operations that compete for the same room, and by no others', () => {
    const lanes = new Map<string, string[]>();
    for (const { key, operation } of material)
      lanes.set(operation.wire.lane.name, [...(lanes.get(operation.wire.lane.name) ?? []), key]);
    expect(Object.fromEntries(lanes)).toEqual({
      'vclm-portrait-sing': ['submit_portrait_sing'],
      'vclm-image-animate': ['submit_image_animate'],
      'ivh-speech': ['synthesize_speech'],
      'ivh-video': ['make_video', 'make_video_advanced'],
      'ivh-ppt': ['make_ppt_video'],
      'ivh-video-no-training': ['video_to_video', 'photo_to_video (cn)', 'photo_to_video (intl)'],
      'dashscope-video-retalk': ['video_retalk'],
    });
  });

  it('only slides have a progress address of their own', () => {
    const addresses = material.map(({ key, operation: { wire } }) => [
      key,
      wire.submit.address,
      wire.status.address,
    ]);
    const broadcast = '/v2/ivh/videomaker/broadcastservice';
    const slides = '/v2/ivh/mediaproduction/mediaproduction';
    expect(addresses).toEqual([
      ['submit_portrait_sing', 'SubmitPortraitSingJob', 'DescribePortraitSingJob'],
      ['submit_image_animate', 'SubmitImageAnimateJob', 'DescribeImageAnimateJob'],
      ['synthesize_speech', `${broadcast}/tts`, `${broadcast}/getprogress`],
      ['make_video', `${broadcast}/videomake`, `${broadcast}/getprogress`],
      ['make_video_advanced', `${broadcast}/videomakeadvanced`, `${broadcast}/getprogress`],
      ['make_ppt_video', `${slides}/videomakewithppt`, `${slides}/getprogress`],
      ['video_to_video', `${broadcast}/videomakenotrain`, `${broadcast}/getprogress`],
      ['photo_to_video (cn)', `${broadcast}/phototovideonotrain`, `${broadcast}/getprogress`],
      ['photo_to_video (intl)', `${broadcast}/phototovideonotrain`, `${broadcast}/getprogress`],
      ['video_retalk', '/services/aigc/image2video/video-synthesis/', '/tasks/{task_id}'],
    ]);
  });
});
