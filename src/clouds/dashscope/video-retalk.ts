import * as z from 'zod';
import { defineOperation, defineWire, fileInput } from '../../core/operation.ts';
import { dashscopeErrors, unlistedDashscopeError } from './errors.ts';
import { beijingTime } from './times.ts';

const megabyte = 1024 * 1024;
const codes = {
  format: 'InvalidFile.Format',
  bytes: 'InvalidFile.Size',
  seconds: 'InvalidFile.Duration',
  open: 'InvalidFile.Openerror',
  download: 'InvalidURL.ConnectionRefused',
};
const faceThreshold = z.int().min(120).max(200);

/** A web address, or the name of a file in the cloud's own temporary store. */
const storedAddress = () =>
  z
    .string()
    .regex(/^https?:\/\/[^\s/]+\S*$|^oss:\/\/[^\s/]\S*$/, 'must be an http://, https:// or oss:// address');

const wire = defineWire({
  cloud: 'dashscope',
  operation: 'videoretalk',
  documentation: [
    { title: 'VideoRetalk API details', date: 'undated' },
    { title: 'Model Studio, videoretalk (query_face_threshold, rates, result fields)', date: '2026-03-15' },
  ],
  submit: {
    address: '/services/aigc/image2video/video-synthesis/',
    request: z.strictObject({
      model: z.literal('videoretalk'),
      input: z.strictObject({
        video_url: storedAddress(),
        audio_url: storedAddress(),
        ref_image_url: storedAddress().optional(),
      }),
      parameters: z
        .strictObject({
          video_extension: z.boolean().optional(),
          query_face_threshold: faceThreshold.optional(),
        })
        .optional(),
    }),
    reply: z.looseObject({ output: z.looseObject({ task_id: z.string().min(1) }) }),
  },
  status: {
    address: '/tasks/{task_id}',
    reply: z.looseObject({
      output: z.looseObject({
        task_status: z.string(),
        scheduled_time: z.string().nullish(),
        end_time: z.string().nullish(),
        video_url: z.string().optional(),
        code: z.string().optional(),
        message: z.string().optional(),
      }),
      usage: z.looseObject({ video_duration: z.number().optional() }).optional(),
    }),
  },
  errors: { call: dashscopeErrors, task: dashscopeErrors, unlisted: unlistedDashscopeError },
  media: {
    'input.video_url': {
      kind: 'video',
      formats: ['mp4', 'avi', 'mov'],
      codecs: ['h264', 'h265'],
      advised: ['codec'],
      maxBytes: 300 * megabyte,
      seconds: [2, 120],
      side: [640, 2048],
      frameRate: [15, 60],
      codes: { ...codes, side: 'InvalidFile.Resolution', frame_rate: 'InvalidFile.FPS' },
    },
    'input.audio_url': {
      kind: 'audio',
      formats: ['wav', 'mp3', 'aac'],
      maxBytes: 30 * megabyte,
      seconds: [2, 120],
      codes,
    },
    'input.ref_image_url': {
      kind: 'image',
      formats: ['jpg', 'png', 'bmp', 'webp'],
      maxBytes: 10 * megabyte,
      side: [1, 4096],
      ratio: [0.5, 2],
      codes: { ...codes, side: 'InvalidFile.ImageSize', ratio: 'InvalidFile.ImageSize' },
    },
  },
  resultLifetimeSeconds: 24 * 3600,
  taskLifetimeSeconds: 24 * 3600,
  // One task runs at a time and more wait in the cloud's own queue, so only the pace of submission is held here.
  lane: { name: 'dashscope-video-retalk', size: 100, spacingMs: 1000, parallel: 1 },
});

type WireRequest = z.input<typeof wire.submit.request>;

const input = z.strictObject({
  video_url: fileInput().describe(
    'Person facing the camera; mp4, avi, mov, 2–120 s, 15–60 fps, 640–2048 px, 300 MB.',
  ),
  audio_url: fileInput().describe('Clear speech; wav, mp3, aac, 2–120 s, 30 MB.'),
  ref_image_url: fileInput()
    .optional()
    .describe('Face to drive if several; jpg, png, bmp, webp, up to 2:1, 4096 px, 10 MB.'),
  video_extension: z
    .boolean()
    .optional()
    .describe('Longer audio: true plays the clip back and forth; false (default) cuts.'),
  query_face_threshold: faceThreshold
    .optional()
    .describe('Match of ref_image_url; default 170, lower is looser.'),
});

/** DashScope VideoRetalk: gives the person in a clip new words, with lips to match. */
export const videoRetalk = defineOperation({
  wire,
  name: 'video_retalk',
  title: 'Dub a clip (Alibaba VideoRetalk)',
  description:
    'Dubs a clip of a person: lips follow the recording. Paid by the second; returns a job at once.',
  input,
  inputField: (field) => field.replace(/^(input|parameters)\./, ''),
  example: {
    video_url: 'https://example.com/clip.mp4',
    audio_url: 'https://example.com/line.wav',
    video_extension: true,
  },
  notes: [
    'One task runs at a time in the cloud, further ones queue there; one submission a second. While the audio is silent the mouth closes; where no face is seen the picture stays as it is.',
    'Only one person is driven: the face of ref_image_url, else the largest of the first frame that shows one.',
    'Length: one place of the page excludes 2 s and 120 s, another includes them; they are included.',
    'Codec: one place demands H.264 or H.265, another recommends them; another codec is a warning.',
    'Unequal lengths without video_extension: the FAQ says the result is cut to the shorter; a table speaks of the clip’s length. Expect the shorter.',
    'query_face_threshold is on the newer page only.',
  ],
  acrossMedia: ({ parameters }, facts) => {
    const [clip, speech] = [facts('input.video_url')?.seconds, facts('input.audio_url')?.seconds];
    const cut = clip !== undefined && speech !== undefined && speech > clip && !parameters?.video_extension;
    return {
      problems: [],
      warnings: cut
        ? [
            `The audio lasts ${speech} s, the clip ${clip} s: the rest of the audio is cut off. Set video_extension to true to keep it.`,
          ]
        : [],
    };
  },
  estimate: ({ parameters }, facts) => {
    const [clip, speech] = [facts('input.video_url')?.seconds, facts('input.audio_url')?.seconds];
    if (clip === undefined || speech === undefined)
      return { basis: 'the length of the clip or of the audio could not be learned here' };
    return parameters?.video_extension && speech > clip
      ? { seconds: speech, basis: 'the length of the audio: the clip is played on' }
      : { seconds: Math.min(clip, speech), basis: 'the shorter of clip and audio' };
  },
  warnings: ({ input: media, parameters }) =>
    parameters?.query_face_threshold !== undefined && media.ref_image_url === undefined
      ? ['query_face_threshold is ignored without ref_image_url.']
      : [],
  encode: (value): WireRequest => {
    const parameters = {
      video_extension: value.video_extension,
      query_face_threshold: value.query_face_threshold,
    };
    const given = Object.values(parameters).some((parameter) => parameter !== undefined);
    return {
      model: 'videoretalk',
      input: { video_url: value.video_url, audio_url: value.audio_url, ref_image_url: value.ref_image_url },
      parameters: given ? parameters : undefined,
    };
  },
  taskId: (reply) => reply.output.task_id,
  decode: ({ output, usage }) => {
    switch (output.task_status) {
      case 'PENDING':
      case 'SUSPENDED':
        return { state: 'pending' };
      case 'RUNNING':
      case 'PRE-PROCESSING':
      case 'POST-PROCESSING':
        return { state: 'running', startedAt: beijingTime(output.scheduled_time) };
      case 'SUCCEEDED': {
        if (!output.video_url) return { state: 'running' };
        const durationMs = usage?.video_duration ? Math.round(usage.video_duration * 1000) : undefined;
        return {
          state: 'done',
          outputs: [{ kind: 'video', url: output.video_url, mimeType: 'video/mp4', durationMs }],
          startedAt: beijingTime(output.scheduled_time),
          endedAt: beijingTime(output.end_time),
        };
      }
      case 'FAILED':
        return { state: 'failed', code: output.code ?? '', message: output.message ?? '' };
      case 'UNKNOWN':
        return { state: 'missing' };
      case 'CANCELED':
        return { state: 'cancelled' };
      default:
        return { state: 'pending', unrecognised: output.task_status };
    }
  },
});
