import { z } from 'zod';
import { defineOperation, defineWire, type MediaLimits, webAddress } from '../../core/operation.ts';
import { inputPath, spelled } from '../../core/spelling.ts';
import { ivhCallErrors, ivhTaskErrors, unlistedIvhError } from './errors.ts';
import * as ivh from './fields.ts';

const address = '/v2/ivh/videomaker/broadcastservice/phototovideonotrain';
const megabyte = 1024 * 1024;

const common = {
  DriverType: ivh.driverType.describe(
    'Text: needs input_ssml, speech_param.timbre_key and .speed. OriginalVoice: needs input_audio_url.',
  ),
  InputSsml: ivh
    .ssml(4, 300)
    .optional()
    .describe('Words to say, plain or SSML, no line breaks; above 60 s of speech the job fails.'),
  SpeechParam: ivh.speechParam.optional().describe('Voice settings for Text.'),
  CallbackUrl: ivh.callbackUrl.optional().describe('The cloud posts the result here, once.'),
};

const domestic = spelled(
  z.strictObject({
    RefPhotoUrl: webAddress().describe(
      'Photo with one clear face, human or cartoon: jpg, png, bmp or webp, at most 6 MB; best 192–4096 px and 1:2 to 2:1.',
    ),
    InputAudioUrl: webAddress()
      .optional()
      .describe('Recording: wav, mp3, wma, m4a, aac or ogg, 2–60 s, at most 10 MB.'),
    ...common,
    VideoStorageS3Url: webAddress().optional().describe('Signed S3 address that receives the video.'),
    VideoParam: z
      .strictObject({
        Resolution: z
          .int()
          .min(0)
          .max(1)
          .optional()
          .describe('0: 720P (default); 1: 1080P, at least twice the time.'),
        Prompt: z.string().min(1).max(5000).optional().describe('How the person behaves and moves.'),
      })
      .optional(),
  }),
  ivh.drivenRules({ timbreNeeded: true }),
);

const international = spelled(
  z.strictObject({
    RefPhotoUrl: webAddress().describe(
      'Photo with one clear, human-like face: jpg, png, bmp or webp, at most 10 MB, 192–4096 px, 1:2 to 2:1.',
    ),
    InputAudioUrl: webAddress()
      .optional()
      .describe('Recording: wav, mp3, wma, m4a, aac or ogg, 2–60 s, at most 20 MB.'),
    ...common,
    ConcurrencyType: z
      .enum(['Exclusive', 'Shared'])
      .optional()
      .describe('Exclusive: purchased concurrency. Shared: hour package. Unset: whichever was bought.'),
    VideoParam: z
      .strictObject({
        EmotionLevel: z.int().min(1).max(3).optional().describe('Strength of expression, default 2.'),
      })
      .optional(),
  }),
  ivh.drivenRules({ timbreNeeded: true }),
);

const image: MediaLimits = {
  kind: 'image',
  formats: ['jpg', 'png', 'bmp', 'webp'],
  side: [192, 4096],
  ratio: [0.5, 2],
  codes: {
    download: '801008',
    open: '802001',
    format: '801009',
    bytes: '801009',
    side: '801009',
    ratio: '801009',
  },
};
const audio: MediaLimits = {
  kind: 'audio',
  formats: ivh.audioFormats,
  seconds: [2, 60],
  codes: ivh.audioCodes,
};

const shared = {
  cloud: 'ivh',
  operation: 'phototovideonotrain',
  status: { address: ivh.getProgress, reply: ivh.progressReply },
  errors: { call: ivhCallErrors, task: ivhTaskErrors, unlisted: unlistedIvhError },
  resultLifetimeSeconds: ivh.mediaLifetimeSeconds,
  taskLifetimeSeconds: ivh.mediaLifetimeSeconds,
  lane: ivh.noTrainingLane,
  renderSecondsPerSecond: 20,
} as const;

const tool = {
  name: 'photo_to_video',
  description:
    'Makes the person in one photo speak a recording (2–60 s) or a text, without training. Rendering takes about 20 s per second of 720P video and costs money; returns a job at once. Results are kept 7 days.',
  inputField: inputPath,
  example: {
    ref_photo_url: 'https://example.com/portrait.jpg',
    driver_type: 'OriginalVoice',
    input_audio_url: 'https://example.com/line.mp3',
  },
  notes: [
    'driver_type: both pages require it and yet speak of it being empty; it is required here.',
    'The page in Chinese (2025-12-16) and the page in English (2025-10-10) differ in limits and fields; IVH_SITE says which holds.',
  ],
  warnings: ivh.drivenWarnings,
  taskId: (reply: z.output<typeof ivh.submitReply>) => reply.TaskId,
  decode: (reply: z.output<typeof ivh.progressReply>) =>
    ivh.decodeProgress(reply, { kind: 'video', mimeType: 'video/mp4' }),
};

/** IVH, photo to talking video, as the domestic page has it (2025-12-16). */
export const photoToVideoDomestic = defineOperation({
  ...tool,
  wire: defineWire({
    ...shared,
    site: 'cn',
    documentation: [
      { title: 'IVH broadcast service, video from a photo without training', date: '2025-12-16' },
    ],
    submit: { address, request: domestic.request, reply: ivh.submitReply },
    media: {
      RefPhotoUrl: { ...image, maxBytes: 6 * megabyte, advised: ['side', 'ratio'] },
      InputAudioUrl: { ...audio, maxBytes: 10 * megabyte },
    },
  }),
  title: 'Talking photo (Tencent IVH)',
  input: domestic.input,
  encode: domestic.encode,
});

/** IVH, photo to talking video, as the international page has it (2025-10-10). */
export const photoToVideoInternational = defineOperation({
  ...tool,
  wire: defineWire({
    ...shared,
    site: 'intl',
    documentation: [
      { title: 'Tencent Cloud AI Digital Human, NoTraining Image Processing', date: '2025-10-10' },
    ],
    submit: { address, request: international.request, reply: ivh.submitReply },
    media: {
      RefPhotoUrl: { ...image, maxBytes: 10 * megabyte },
      InputAudioUrl: { ...audio, maxBytes: 20 * megabyte },
    },
  }),
  title: 'Talking photo (Tencent IVH international)',
  input: international.input,
  encode: international.encode,
});
