import { z } from 'zod';
import { defineOperation, defineWire, webAddress } from '../../core/operation.ts';
import { ivhCallErrors, ivhTaskErrors, unlistedIvhError } from './errors.ts';
import * as ivh from './fields.ts';

const path = '/v2/ivh/videomaker/broadcastservice/phototovideonotrain';

const imageCodes = {
  download: '801008',
  open: '802001',
  format: '801009',
  bytes: '801009',
  side: '801009',
  ratio: '801009',
};
const audioCodes = {
  download: '801008',
  open: '801510',
  seconds: '801510',
  format: '801510',
  bytes: '801510',
};

const common = {
  RefPhotoUrl: webAddress(),
  DriverType: ivh.driverType,
  InputAudioUrl: webAddress().optional(),
  InputSsml: ivh.ssml(4, 300).optional(),
  SpeechParam: ivh.speechParam.optional(),
  CallbackUrl: ivh.callbackUrl.optional(),
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

const image = {
  kind: 'image',
  formats: ['jpg', 'png', 'bmp', 'webp'],
  side: [192, 4096],
  ratio: [0.5, 2],
  codes: imageCodes,
} as const;
const audio = { kind: 'audio', formats: ivh.audioFormats, seconds: [2, 60], codes: audioCodes } as const;
const megabyte = 1024 * 1024;

function checkDriver(request: Parameters<typeof ivh.driverBreaches>[0], context: z.RefinementCtx): void {
  for (const [field, message] of ivh.driverBreaches(request))
    context.addIssue({ code: 'custom', path: [...field], message });
}

const domestic = defineWire({
  ...shared,
  site: 'cn',
  documentation: [
    { title: 'IVH broadcast service, video from a photo without training', date: '2025-12-16' },
  ],
  submit: {
    address: path,
    request: z
      .strictObject({
        ...common,
        VideoStorageS3Url: webAddress().optional(),
        VideoParam: z
          .strictObject({
            Resolution: z.int().min(0).max(1).optional(),
            Prompt: z.string().min(1).max(5000).optional(),
          })
          .optional(),
      })
      .superRefine(checkDriver),
    reply: ivh.submitReply,
  },
  media: {
    RefPhotoUrl: { ...image, maxBytes: 6 * megabyte, advised: ['side', 'ratio'] },
    InputAudioUrl: { ...audio, maxBytes: 10 * megabyte },
  },
});

const international = defineWire({
  ...shared,
  site: 'intl',
  documentation: [
    { title: 'Tencent Cloud AI Digital Human, NoTraining Image Processing', date: '2025-10-10' },
  ],
  submit: {
    address: path,
    request: z
      .strictObject({
        ...common,
        ConcurrencyType: z.enum(['Exclusive', 'Shared']).optional(),
        VideoParam: z.strictObject({ EmotionLevel: z.int().min(1).max(3).optional() }).optional(),
      })
      .superRefine(checkDriver),
    reply: ivh.submitReply,
  },
  media: {
    RefPhotoUrl: { ...image, maxBytes: 10 * megabyte },
    InputAudioUrl: { ...audio, maxBytes: 20 * megabyte },
  },
});

const commonInput = {
  driver_type: ivh.driverType.describe(
    'Text: needs input_ssml, speech_param.timbre_key and .speed. OriginalVoice: needs input_audio_url.',
  ),
  input_ssml: ivh
    .ssml(4, 300)
    .optional()
    .describe(
      'Words to say, plain or SSML, 4–300 characters, no line breaks; above 60 s of speech the job fails.',
    ),
  speech_param: ivh.speechInput.optional().describe('Voice settings for Text.'),
  callback_url: ivh.callbackUrl.optional().describe('The cloud posts the result here, once.'),
};

interface Driven {
  driver_type: string;
  input_ssml?: string;
  input_audio_url?: string;
  speech_param?: z.output<typeof ivh.speechInput>;
}

function checkInput(value: Driven, context: z.RefinementCtx): void {
  const { driver_type: driver, speech_param: speech } = value;
  const need = (missing: boolean, ...field: string[]) => {
    if (missing)
      context.addIssue({ code: 'custom', path: field, message: `is needed when driver_type is ${driver}` });
  };
  if (driver === 'OriginalVoice') need(value.input_audio_url === undefined, 'input_audio_url');
  else {
    need(value.input_ssml === undefined, 'input_ssml');
    need(speech?.timbre_key === undefined, 'speech_param', 'timbre_key');
    need(speech?.speed === undefined, 'speech_param', 'speed');
  }
}

function driverWarnings(value: Driven): readonly string[] {
  const warnings = [...ivh.speechWarnings(value.speech_param, value.driver_type)];
  if (value.driver_type === 'OriginalVoice' && value.input_ssml !== undefined)
    warnings.push('input_ssml is ignored: driver_type is OriginalVoice.');
  if (value.driver_type === 'Text' && value.input_audio_url !== undefined)
    warnings.push('input_audio_url is ignored: driver_type is Text.');
  return warnings;
}

const notes = [
  'driver_type: both pages require it and yet speak of it being empty; it is required here.',
  'The page in Chinese (2025-12-16) and the page in English (2025-10-10) differ in limits and fields; IVH_SITE says which holds.',
];

const name = 'photo_to_video';
const mediaFields = { ref_photo_url: 'RefPhotoUrl', input_audio_url: 'InputAudioUrl' };
const example = {
  ref_photo_url: 'https://example.com/portrait.jpg',
  driver_type: 'OriginalVoice',
  input_audio_url: 'https://example.com/line.mp3',
} as const;
const description =
  'Makes the person in one photo speak a recording (2–60 s) or a text, without training. Rendering takes about 20 s per second of 720P video and costs money; returns a job at once. Results are kept 7 days.';

const domesticInput = z
  .strictObject({
    ref_photo_url: webAddress().describe(
      'Photo with one clear face, human or cartoon: jpg, png, bmp or webp, at most 6 MB; best 192–4096 px and 1:2 to 2:1.',
    ),
    input_audio_url: webAddress()
      .optional()
      .describe('Recording: wav, mp3, wma, m4a, aac or ogg, 2–60 s, at most 10 MB.'),
    ...commonInput,
    video_storage_s3_url: webAddress().optional().describe('Signed S3 address that receives the video.'),
    video_param: z
      .strictObject({
        resolution: z
          .int()
          .min(0)
          .max(1)
          .optional()
          .describe('0: 720P (default); 1: 1080P, at least twice the time.'),
        prompt: z.string().min(1).max(5000).optional().describe('How the person behaves and moves.'),
      })
      .optional(),
  })
  .superRefine(checkInput);

const internationalInput = z
  .strictObject({
    ref_photo_url: webAddress().describe(
      'Photo with one clear, human-like face: jpg, png, bmp or webp, at most 10 MB, 192–4096 px, 1:2 to 2:1.',
    ),
    input_audio_url: webAddress()
      .optional()
      .describe('Recording: wav, mp3, wma, m4a, aac or ogg, 2–60 s, at most 20 MB.'),
    ...commonInput,
    concurrency_type: z
      .enum(['Exclusive', 'Shared'])
      .optional()
      .describe('Exclusive: purchased concurrency. Shared: hour package. Unset: whichever was bought.'),
    video_param: z
      .strictObject({
        emotion_level: z.int().min(1).max(3).optional().describe('Strength of expression, default 2.'),
      })
      .optional(),
  })
  .superRefine(checkInput);

function encodeCommon(
  value: Driven & { ref_photo_url: string; driver_type: 'Text' | 'OriginalVoice'; callback_url?: string },
) {
  return {
    RefPhotoUrl: value.ref_photo_url,
    DriverType: value.driver_type,
    InputAudioUrl: value.input_audio_url,
    InputSsml: value.input_ssml,
    SpeechParam: ivh.encodeSpeech(value.speech_param),
    CallbackUrl: value.callback_url,
  };
}

type ProgressReply = z.output<typeof ivh.progressReply>;
const decode = (reply: ProgressReply) => ivh.decodeProgress(reply, { kind: 'video', mimeType: 'video/mp4' });
const taskId = (reply: z.output<typeof ivh.submitReply>) => reply.TaskId;

/** IVH, photo to talking video, as the domestic page has it (2025-12-16). */
export const photoToVideoDomestic = defineOperation({
  wire: domestic,
  name,
  title: 'Talking photo (Tencent IVH)',
  description,
  input: domesticInput,
  mediaFields,
  example,
  notes,
  warnings: driverWarnings,
  encode: (value): z.input<typeof domestic.submit.request> => ({
    ...encodeCommon(value),
    VideoStorageS3Url: value.video_storage_s3_url,
    VideoParam: value.video_param && {
      Resolution: value.video_param.resolution,
      Prompt: value.video_param.prompt,
    },
  }),
  taskId,
  decode,
});

/** IVH, photo to talking video, as the international page has it (2025-10-10). */
export const photoToVideoInternational = defineOperation({
  wire: international,
  name,
  title: 'Talking photo (Tencent IVH international)',
  description,
  input: internationalInput,
  mediaFields,
  example,
  notes,
  warnings: driverWarnings,
  encode: (value): z.input<typeof international.submit.request> => ({
    ...encodeCommon(value),
    ConcurrencyType: value.concurrency_type,
    VideoParam: value.video_param && { EmotionLevel: value.video_param.emotion_level },
  }),
  taskId,
  decode,
});
