import * as z from 'zod';
import { defineOperation, defineWire, fileAddress } from '../../core/operation.ts';
import { unlistedVclmError, vclmErrors } from './errors.ts';
import { imageBase64, imageNeeded, logoParam, logoPicture, submitReply } from './fields.ts';
import { inputPath, spelled } from '../../core/spelling.ts';

const { request, input, encode } = spelled(
  z.strictObject({
    AudioUrl: fileAddress().describe('mp3, wav, m4a; 2–60 s.'),
    ImageUrl: fileAddress()
      .optional()
      .describe('Or image_base64. jpg, png, bmp, webp; 192–4096 px, 1:2–2:1, 10 MB.'),
    ImageBase64: imageBase64.optional().describe('Wins over image_url; costs context.'),
    Mode: z.enum(['Person', 'Pet']).optional().describe('Pet takes any face.'),
    Resolution: z.enum(['512:512']).optional().describe('Unset: Person short side 512, Pet whole picture.'),
    LogoAdd: z.int().optional(),
    LogoParam: logoParam.optional().describe('Own mark.'),
  }),
  imageNeeded,
  { LogoAdd: z.int().min(0).max(1).optional().describe('AI mark, default 1.') },
);

const wire = defineWire({
  cloud: 'vclm',
  operation: 'SubmitPortraitSingJob',
  documentation: [
    {
      title: 'VCLM 2024-05-23, SubmitPortraitSingJob and DescribePortraitSingJob',
      date: '2025-04-25',
    },
  ],
  submit: { address: 'SubmitPortraitSingJob', request, reply: submitReply },
  status: {
    address: 'DescribePortraitSingJob',
    reply: z.looseObject({
      StatusCode: z.string(),
      StatusMsg: z.string().optional(),
      ErrorCode: z.string().optional(),
      ErrorMessage: z.string().optional(),
      ResultVideoUrl: z.string().optional(),
    }),
  },
  errors: { call: vclmErrors, task: vclmErrors, unlisted: unlistedVclmError },
  media: {
    AudioUrl: {
      kind: 'audio',
      formats: ['mp3', 'wav', 'm4a'],
      seconds: [2, 60],
      codes: {
        format: 'InvalidParameterValue.InvalidAudioFormat',
        seconds: 'InvalidParameterValue.InvalidAudioDuration',
        open: 'FailedOperation.AudioDecodeFailed',
        download: 'InvalidParameterValue.UrlIllegal',
      },
    },
    ImageUrl: {
      kind: 'image',
      inline: 'ImageBase64',
      formats: ['jpg', 'png', 'bmp', 'webp'],
      maxBytes: 10 * 1024 * 1024,
      side: [192, 4096],
      ratio: [0.5, 2],
      codes: {
        format: 'InvalidParameterValue.InvalidImageFormat',
        bytes: 'InvalidParameterValue.InvalidImageSize',
        side: 'InvalidParameterValue.InvalidImageResolution',
        ratio: 'InvalidParameterValue.InvalidImageAspectRatio',
        open: 'FailedOperation.ImageDecodeFailed',
        download: 'InvalidParameterValue.UrlIllegal',
      },
    },
    'LogoParam.LogoUrl': logoPicture,
  },
  maxRequestBytes: 10_000_000,
  resultLifetimeSeconds: 24 * 3600,
  taskLifetimeSeconds: 48 * 3600,
  lane: { name: 'vclm-portrait-sing', size: 1 },
});

/** Tencent VCLM, portrait singing: one picture and one recording become a singing or talking video. */
export const portraitSing = defineOperation({
  wire,
  name: 'submit_portrait_sing',
  title: 'Portrait singing (Tencent VCLM)',
  description:
    'Makes the person or pet in a picture sing or talk with a recording. Paid; returns a job at once.',
  input,
  inputField: inputPath,
  example: {
    audio_url: 'https://example.com/song.mp3',
    image_url: 'https://example.com/portrait.jpg',
    mode: 'Person',
  },
  notes: [
    'mode Person (default) needs one human face and makes the short side 512, the long side free; Pet takes animals and other faces and pastes the face back into the whole picture. resolution 512:512 fixes the size for both.',
    'The face must be large, sharp, frontal, with its mouth uncovered. The default mark is a label at the lower right.',
    'Audio length: the parameter table says 2–60 s, an error example says 1–60 s; the table is followed.',
    'Picture size: the parameter table says 192–4096 without naming the side, an error example speaks of a long edge up to 2560; each side is held to 192–4096.',
    'Pet without resolution: the page says both 512×512 and the size of the picture; expect the size of the picture.',
    'How many jobs an account may run at once is not published: the lane starts at 1 and is configurable.',
  ],
  estimate: (_, facts) => {
    const seconds = facts('AudioUrl')?.seconds;
    return seconds === undefined
      ? { basis: 'the length of the recording could not be learned here' }
      : { seconds, basis: 'the length of the recording' };
  },
  warnings: (value) =>
    value.ImageUrl !== undefined && value.ImageBase64 !== undefined
      ? ['image_url is ignored: image_base64 wins when both are given.']
      : [],
  encode,
  taskId: (reply) => reply.JobId,
  decode: (reply) => {
    switch (reply.StatusCode) {
      case 'RUN':
        return { state: 'running' };
      case 'DONE':
        return reply.ResultVideoUrl
          ? { state: 'done', outputs: [{ kind: 'video', url: reply.ResultVideoUrl, mimeType: 'video/mp4' }] }
          : { state: 'running' };
      case 'FAIL':
      case 'STOP':
        return {
          state: 'failed',
          code: reply.ErrorCode ?? '',
          message: reply.ErrorMessage || reply.StatusMsg || '',
        };
      default:
        return { state: 'pending', unrecognised: reply.StatusCode };
    }
  },
});
