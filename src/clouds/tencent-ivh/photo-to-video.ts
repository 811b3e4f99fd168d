import * as z from 'zod';
import {
  defineOperation,
  defineWire,
  fileAddress,
  type MediaLimits,
  storageAddress,
} from '../../core/operation.ts';
import { spelled } from '../../core/spelling.ts';
import * as ivh from './fields.ts';
import * as progress from './progress.ts';
import * as rules from './rules.ts';
import { spokenEstimate } from './speaking.ts';

const address = '/v2/ivh/videomaker/broadcastservice/phototovideonotrain';
const megabyte = 1024 * 1024;

const common = {
  DriverType: ivh.driverType.describe(
    'Text needs input_ssml, speech_param.timbre_key and speed; OriginalVoice input_audio_url.',
  ),
  InputSsml: ivh.ssml(4, 300).optional().describe('Text or SSML, one line, at most 60 s spoken.'),
  SpeechParam: ivh.speechParam.optional(),
  CallbackUrl: ivh.callbackUrl.optional().describe('Posted to once.'),
};

const domestic = spelled(
  z.strictObject({
    RefPhotoUrl: fileAddress().describe('One clear face, also cartoon; jpg, png, bmp, webp, 6 MB.'),
    InputAudioUrl: fileAddress().optional().describe('2–60 s, 10 MB.'),
    ...common,
    VideoStorageS3Url: storageAddress().optional().describe('Signed PUT address, or auto.'),
    VideoParam: z
      .strictObject({
        Resolution: z.int().min(0).max(1).optional().describe('0: 720P, 1: 1080P.'),
        Prompt: z.string().min(1).max(5000).optional().describe('Behaviour.'),
      })
      .optional(),
  }),
  rules.drivenRules({ speedNeeded: 'for text', timbreNeeded: true }),
);

const international = spelled(
  z.strictObject({
    RefPhotoUrl: fileAddress().describe(
      'One clear human-like face; jpg, png, bmp, webp, 10 MB, 192–4096 px, 1:2–2:1.',
    ),
    InputAudioUrl: fileAddress().optional().describe('2–60 s, 20 MB.'),
    ...common,
    ConcurrencyType: z
      .enum(['Exclusive', 'Shared'])
      .optional()
      .describe('Bought concurrency or hour package.'),
    VideoParam: z
      .strictObject({
        EmotionLevel: z.int().min(1).max(3).optional().describe('Default 2.'),
      })
      .optional(),
  }),
  rules.drivenRules({ speedNeeded: 'for text', timbreNeeded: true }),
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
  ...progress.ivhWire,
  operation: 'phototovideonotrain',
  lane: progress.noTrainingLane,
  renderSecondsPerSecond: 20,
} as const;

const tool = {
  ...progress.ivhTool,
  name: 'photo_to_video',
  description:
    'Makes the face in one photo speak a recording or a text. About 20 s of rendering per second of 720P. Paid; returns a job at once.',
  example: {
    ref_photo_url: 'https://example.com/portrait.jpg',
    driver_type: 'OriginalVoice',
    input_audio_url: 'https://example.com/line.mp3',
  },
  notes: [
    'resolution 0 (720P) renders about 20 s for a second of video, 1 (1080P) at least twice that. prompt, where the page has it, describes how the person behaves and moves.',
    ...rules.ssmlNotes,
    ...rules.concurrencyNotes,
    'driver_type: both pages require it and yet speak of it being empty; it is required here.',
    'The page in Chinese (2025-12-16) and the page in English (2025-10-10) differ in limits and fields; IVH_SITE says which holds.',
  ],
  warnings: rules.drivenWarnings,
  estimate: spokenEstimate,
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
    submit: { address, request: domestic.request, reply: progress.submitReply },
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
    submit: { address, request: international.request, reply: progress.submitReply },
    media: {
      RefPhotoUrl: { ...image, maxBytes: 10 * megabyte },
      InputAudioUrl: { ...audio, maxBytes: 20 * megabyte },
    },
  }),
  title: 'Talking photo (Tencent IVH international)',
  input: international.input,
  encode: international.encode,
});
