import * as z from 'zod';
import type { MediaLimits } from '../../core/operation.ts';
import { fileAddress, webAddress } from '../../core/operation.ts';

const megabyte = 1024 * 1024;

/** Driver types with voice conversion (avatar video). */
export const voiceDriverType = z.enum(['Text', 'OriginalVoice', 'ModulatedVoice']);

/** Driver types without voice conversion (photo and video without training; PPT). */
export const driverType = z.enum(['Text', 'OriginalVoice']);

/** `CallbackUrl` must be shorter than 1,000 characters; the cloud calls it once and never again. */
export const callbackUrl = webAddress().max(999);

export const audioFormats = ['wav', 'mp3', 'wma', 'm4a', 'aac', 'ogg'] as const;

/** Task failure codes for a driving recording (appendix 1, 2025-05-14). */
export const audioCodes: MediaLimits['codes'] = {
  download: '801008',
  open: '801510',
  seconds: '801510',
  format: '801510',
  bytes: '801510',
};

/** `SpeechParam`, one shape in every IVH operation that speaks (pages of 2025-10-10 to 2026-04-01). */
export const speechParam = z.strictObject({
  Speed: z.number().min(0.5).max(1.5).optional(),
  TimbreKey: z.string().min(1).optional().describe('From list_assets.'),
  Volume: z.int().min(0).max(10).optional().describe('0 is normal.'),
  EmotionCategory: z.string().min(1).optional().describe('Multi-emotion voices only.'),
  EmotionIntensity: z.int().min(50).max(200).optional(),
  TimbreLanguage: z.string().min(1).optional().describe('Like en-US.'),
});

/** SSML or plain text on one line. The pages count Unicode code points, and so does zod. */
export function ssml(min: number, max: number) {
  return z
    .string()
    .min(min)
    .max(max)
    .refine((value) => !/[\r\n\u2028\u2029]/.test(value), { message: 'must not contain line breaks' });
}

/** Which purchased resource a job may use. */
export const concurrencyType = z.enum(['Exclusive', 'Shared']);

/** A switch that the pages write as 0 or 1. */
export const toggle = () => z.int().min(0).max(1);

/** A picture laid over the video, with its upper left corner in pixels of the video. */
export const logoParam = z.strictObject({
  LogoFileUrl: fileAddress().optional().describe('jpg or png.'),
  PositionX: z.int().optional(),
  PositionY: z.int().optional(),
  Scale: z.number().gt(0).max(15).optional().describe('Above 0.'),
});

/** Where the avatar stands (FAQ, 2025-07-11: formulas with OriginZoom and the pose image). */
export const anchorParam = z.strictObject({
  HorizontalPosition: z.number().optional().describe('0 middle, negative left.'),
  VerticalPosition: z.number().optional().describe('Negative is up.'),
  Scale: z.number().gt(0).max(20).optional().describe('Above 0.'),
  Angle: z.int().min(0).max(360).optional().describe('3D only.'),
  AnchorExtraParam: z.string().min(1).optional().describe('JSON text; 3D clothes.'),
});

/** Which frames of a small-sample avatar's clip are played. */
export function smallSampleParam<const Types extends readonly [string, ...string[]]>(types: Types) {
  return z.strictObject({
    MakeType: z.enum(types).optional(),
    StartIdx: z.int().min(0).optional(),
    EndIdx: z.int().min(0).optional().describe('Custom only.'),
  });
}

/** Audio that drives an avatar (basic, advanced and PPT pages): up to an hour, 100 MB advised. */
export const drivingAudio: MediaLimits = {
  kind: 'audio',
  formats: audioFormats,
  seconds: [0.5, 3600],
  maxBytes: 100 * megabyte,
  advised: ['bytes'],
  codes: audioCodes,
};

export const logoPicture: MediaLimits = {
  kind: 'image',
  formats: ['jpg', 'png'],
  codes: { download: '801008', open: '801506', format: '801506' },
};

/** Alpha in WebM or MOV, or MP4 (green screen unless a background is given). */
export const videoFormat = z.enum(['TransparentWebm', 'TransparentMov', 'Mp4']);

/** A colour as the pages demand it: no short form. */
export const hexColour = z
  .string()
  .regex(/^#[0-9A-Fa-f]{6}$/, 'must be # and six hexadecimal digits, like #FFFFFF');

export const voiceDriverNote = 'Text (default) needs input_ssml, the others input_audio_url.';
export const longTextNote = 'Text or SSML, one line; TransparentMov: 2,000.';
export const longAudioNote = '0.5 s–60 min; TransparentMov 6 min.';
export const concurrencyNote = 'Default: Exclusive if bought.';
