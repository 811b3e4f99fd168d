import * as z from 'zod';
import { defineOperation, defineWire, type TaskOutput, fileAddress } from '../../core/operation.ts';
import { inputPath, spelled } from '../../core/spelling.ts';
import { unlistedVclmError, vclmErrors } from './errors.ts';
import { imageBase64, imageNeeded, logoParam, logoPicture, submitReply } from './fields.ts';

const { request, input, encode } = spelled(
  z.strictObject({
    ImageUrl: fileAddress()
      .optional()
      .describe('Or image_base64. Whole person; png, jpg; up to 2056 px, 1:2–1:1.2, 10 MB.'),
    ImageBase64: imageBase64.optional().describe('Costs context.'),
    TemplateId: z.enum(['ke3', 'tuziwu', 'huajiangwu']).optional().describe('Dance.'),
    EnableAudio: z.boolean().optional().describe('Music, default true.'),
    EnableBodyJoins: z.boolean().optional().describe('Check body parts.'),
    EnableSegment: z.boolean().optional().describe('Background; ke3 only.'),
    LogoAdd: z.int().optional(),
    LogoParam: logoParam.optional().describe('Own mark.'),
  }),
  imageNeeded,
  { LogoAdd: z.int().min(0).max(1).optional().describe('AI mark, default 0.') },
);

/** Tencent VCLM international, image animation: one picture of a person dances. */
export const imageAnimate = defineOperation({
  wire: defineWire({
    cloud: 'vclm_intl',
    operation: 'SubmitImageAnimateJob',
    documentation: [
      {
        title: 'VCLM 2024-05-23 international, SubmitImageAnimateJob and DescribeImageAnimateJob',
        date: '2024-11-28',
      },
    ],
    submit: { address: 'SubmitImageAnimateJob', request, reply: submitReply },
    status: {
      address: 'DescribeImageAnimateJob',
      reply: z.looseObject({
        Status: z.string(),
        ErrorCode: z.string().optional(),
        ErrorMessage: z.string().optional(),
        ResultVideoUrl: z.string().optional(),
        MaskVideoUrl: z.string().optional(),
      }),
    },
    errors: { call: vclmErrors, task: vclmErrors, unlisted: unlistedVclmError },
    media: {
      ImageUrl: {
        kind: 'image',
        inline: 'ImageBase64',
        formats: ['png', 'jpg'],
        maxBytes: 10 * 1024 * 1024,
        side: [1, 2056],
        ratio: [0.5, 1 / 1.2],
        codes: {
          format: 'FailedOperation.ImageNotSupported',
          bytes: 'FailedOperation.ImageSizeExceed',
          side: 'FailedOperation.ImageResolutionExceed',
          ratio: 'FailedOperation.ImageRatioExcceed',
          open: 'FailedOperation.ImageDecodeFailed',
          download: 'InvalidParameterValue.ParameterValueError',
        },
      },
      'LogoParam.LogoUrl': logoPicture,
    },
    maxRequestBytes: 10_000_000,
    resultLifetimeSeconds: 24 * 3600,
    taskLifetimeSeconds: 48 * 3600,
    lane: { name: 'vclm-image-animate', size: 1 },
  }),
  name: 'submit_image_animate',
  title: 'Dancing picture (Tencent VCLM)',
  description: 'Makes the person in a picture dance. Paid; returns a job at once.',
  input,
  encode,
  inputField: inputPath,
  example: { image_url: 'https://example.com/person.png', template_id: 'ke3', enable_audio: true },
  notes: [
    'template_id: ke3 (kemusan), tuziwu (rabbit), huajiangwu (paddling). enable_body_joins checks twelve body parts before the work begins.',
    'The domestic SDK no longer has this operation; the international host is used.',
    'Which picture wins when both are given is not documented.',
    'How long a task is kept is not documented; 48 h are assumed, as for portrait singing.',
    'enable_segment: the page does not say plainly whether true keeps or removes the background; older domestic documentation makes a green screen and a mask video with true.',
    'How many jobs an account may run at once is not published: the lane starts at 1 and is configurable.',
  ],
  estimate: () => ({ basis: 'how long each dance lasts is not documented' }),
  warnings: (wanted) => {
    const warnings: string[] = [];
    if (wanted.ImageUrl !== undefined && wanted.ImageBase64 !== undefined)
      warnings.push('image_url and image_base64 are both given; which one wins is not documented.');
    if (
      wanted.EnableSegment !== undefined &&
      (wanted.TemplateId === 'tuziwu' || wanted.TemplateId === 'huajiangwu')
    )
      warnings.push(`enable_segment is ignored: template_id is ${wanted.TemplateId}.`);
    return warnings;
  },
  taskId: (reply) => reply.JobId,
  decode: (reply) => {
    switch (reply.Status) {
      case 'WAIT':
        return { state: 'pending' };
      case 'RUN':
        return { state: 'running' };
      case 'DONE': {
        if (!reply.ResultVideoUrl) return { state: 'running' };
        const outputs: TaskOutput[] = [{ kind: 'video', url: reply.ResultVideoUrl, mimeType: 'video/mp4' }];
        if (reply.MaskVideoUrl)
          outputs.push({ kind: 'mask', url: reply.MaskVideoUrl, mimeType: 'video/mp4' });
        return { state: 'done', outputs };
      }
      case 'FAIL':
        return { state: 'failed', code: reply.ErrorCode ?? '', message: reply.ErrorMessage ?? '' };
      default:
        return { state: 'pending', unrecognised: reply.Status };
    }
  },
});
