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
const picture: Documented = { kind: 'image', formats: pictures, side: [192, 4096], ratio: [0.5, 2] };

/** What the pages say about each file, written down a second time. `jpg` stands for `jpeg` too. */
const documented: Readonly<Record<string, Readonly<Record<string, Documented>>>> = {
  submit_portrait_sing: {
    AudioUrl: { kind: 'audio', formats: ['m4a', 'mp3', 'wav'], seconds: [2, 60] },
    ImageUrl: { ...picture, maxBytes: 10 * megabyte },
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
  it('is nine files', () => {
    expect(material.flatMap(({ operation }) => Object.keys(operation.wire.media))).toHaveLength(9);
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
        format: media.formats,
      };
      const missing = Object.entries(held).filter(
        ([aspect, limit]) => limit !== undefined && !Object.hasOwn(media.codes ?? {}, aspect),
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
});
