import { z } from 'zod';
import { defineOperation, defineWire, webAddress } from '../../core/operation.ts';
import { unlistedVclmError, vclmErrors } from './errors.ts';
import { imageBase64, imageNeeded, logoParam, submitReply } from './fields.ts';
import { inputPath, spelled } from '../../core/spelling.ts';

const { request, input, encode } = spelled(
  z.strictObject({
    AudioUrl: webAddress().describe('Voice or song to perform: mp3, wav or m4a, 2–60 s.'),
    ImageUrl: webAddress()
      .optional()
      .describe(
        'Picture: jpg, png, bmp or webp, sides 192–4096 px, ratio 1:2 to 2:1, at most 10 MB. This or image_base64.',
      ),
    ImageBase64: imageBase64
      .optional()
      .describe('The picture as base64; wins over image_url. Prefer image_url: long arguments cost context.'),
    Mode: z
      .enum(['Person', 'Pet'])
      .optional()
      .describe('Person (default) needs a human face; Pet takes animals and other faces.'),
    Resolution: z
      .enum(['512:512'])
      .optional()
      .describe(
        'Fixes 512×512. Unset: Person makes the short side 512, Pet pastes the face back into the whole picture.',
      ),
    LogoAdd: z.int().optional(),
    LogoParam: logoParam.optional().describe('Own mark instead of the default label.'),
  }),
  imageNeeded,
  { LogoAdd: z.int().min(0).max(1).optional().describe('AI mark on the video: 1 (default) or 0.') },
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
  },
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
    'Makes a person or pet in one picture sing or talk along with a recording of 2–60 s. Takes minutes and costs money; returns a job at once. The result link lives 24 h.',
  input,
  inputField: inputPath,
  example: {
    audio_url: 'https://example.com/song.mp3',
    image_url: 'https://example.com/portrait.jpg',
    mode: 'Person',
  },
  notes: [
    'Audio length: the parameter table says 2–60 s, an error example says 1–60 s; the table is followed.',
    'Picture size: the parameter table says 192–4096 without naming the side, an error example speaks of a long edge up to 2560; each side is held to 192–4096.',
    'Pet without resolution: the page says both 512×512 and the size of the picture; expect the size of the picture.',
    'How many jobs an account may run at once is not published: the lane starts at 1 and is configurable.',
  ],
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
