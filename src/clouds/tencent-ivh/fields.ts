import { z } from 'zod';
import type { Lane, TaskOutput, TaskState } from '../../core/operation.ts';
import { webAddress } from '../../core/operation.ts';

/** Driver types without voice conversion (photo and video without training; PPT). */
export const driverType = z.enum(['Text', 'OriginalVoice']);

/** `CallbackUrl` must be shorter than 1,000 characters; the cloud calls it once and never again. */
export const callbackUrl = webAddress().max(999);

export const audioFormats = ['wav', 'mp3', 'wma', 'm4a', 'aac', 'ogg'] as const;

const speed = z.number().min(0.5).max(1.5);
const volume = z.int().min(0).max(10);
const emotionIntensity = z.int().min(50).max(200);

/** `SpeechParam`, one shape in every IVH operation that speaks (pages of 2025-10-10 to 2026-04-01). */
export const speechParam = z.strictObject({
  Speed: speed.optional(),
  TimbreKey: z.string().min(1).optional(),
  Volume: volume.optional(),
  EmotionCategory: z.string().min(1).optional(),
  EmotionIntensity: emotionIntensity.optional(),
  TimbreLanguage: z.string().min(1).optional(),
});

export const speechInput = z.strictObject({
  speed: speed.optional().describe('1 is normal.'),
  timbre_key: z.string().min(1).optional().describe('Voice.'),
  volume: volume.optional().describe('0 (default) is normal, 10 loudest.'),
  emotion_category: z.string().min(1).optional().describe('Only for voices with several emotions.'),
  emotion_intensity: emotionIntensity.optional().describe('Only with emotion_category.'),
  timbre_language: z
    .string()
    .min(1)

    .optional()
    .describe('Needed for multilingual voices, e.g. en-US.'),
});

export function encodeSpeech(
  speech: z.output<typeof speechInput> | undefined,
): z.input<typeof speechParam> | undefined {
  return (
    speech && {
      Speed: speech.speed,
      TimbreKey: speech.timbre_key,
      Volume: speech.volume,
      EmotionCategory: speech.emotion_category,
      EmotionIntensity: speech.emotion_intensity,
      TimbreLanguage: speech.timbre_language,
    }
  );
}

/** Built-in voices whose volume cannot be changed: male_1 to male_20, female_1 to female_23. */
const fixedVolumeVoice = /^(male_([1-9]|1\d|20)|female_([1-9]|1\d|2[0-3]))$/;

export function speechWarnings(
  speech: z.output<typeof speechInput> | undefined,
  driver: string,
): readonly string[] {
  if (!speech) return [];
  const warnings: string[] = [];
  if (driver !== 'Text' && speech.speed !== undefined)
    warnings.push('speech_param.speed is ignored: a recording drives the video.');
  if (speech.emotion_intensity !== undefined && speech.emotion_category === undefined)
    warnings.push('speech_param.emotion_intensity is ignored without speech_param.emotion_category.');
  if (speech.volume && fixedVolumeVoice.test(speech.timbre_key ?? ''))
    warnings.push(`speech_param.volume is ignored: the voice ${speech.timbre_key} has a fixed volume.`);
  return warnings;
}

/** SSML or plain text on one line. The pages count Unicode code points, and so does zod. */
export function ssml(min: number, max: number) {
  return z
    .string()
    .min(min)
    .max(max)
    .refine((value) => !/[\r\n\u2028\u2029]/.test(value), {
      message: 'must not contain line breaks',
    });
}

interface Driven {
  DriverType?: string;
  InputSsml?: string;
  InputAudioUrl?: string;
  SpeechParam?: { Speed?: number; TimbreKey?: string };
}

/** What the two no-training pages demand of each driver type, as [field path, message]. */
export function driverBreaches(request: Driven): Array<readonly [readonly string[], string]> {
  if (request.DriverType === 'OriginalVoice')
    return request.InputAudioUrl === undefined
      ? [[['InputAudioUrl'], 'is required when DriverType is OriginalVoice']]
      : [];
  const breaches: Array<readonly [readonly string[], string]> = [];
  if (request.InputSsml === undefined) breaches.push([['InputSsml'], 'is required when DriverType is Text']);
  if (request.SpeechParam?.TimbreKey === undefined)
    breaches.push([['SpeechParam', 'TimbreKey'], 'is required when DriverType is Text']);
  if (request.SpeechParam?.Speed === undefined)
    breaches.push([['SpeechParam', 'Speed'], 'is required when DriverType is Text']);
  return breaches;
}

export const submitReply = z.looseObject({ TaskId: z.string().min(1) });

/** Reply of `getprogress` (2025-12-10). The published success sample omits Status. */
export const progressReply = z.looseObject({
  Progress: z.number().optional(),
  MediaUrl: z.string().optional(),
  SubtitlesUrl: z.string().optional(),
  Status: z.string().optional(),
  ArrayCount: z.number().optional(),
  FailCode: z.number().optional(),
  FailMessage: z.string().optional(),
  Duration: z.number().optional(),
});

export const getProgress = '/v2/ivh/videomaker/broadcastservice/getprogress';

/** Media is kept seven days (getprogress page, 2025-12-10). */
export const mediaLifetimeSeconds = 7 * 24 * 3600;

/** Five unfinished video jobs per avatar type by default, one more for each purchased path (FAQ, 2025-07-11). */
export const noTrainingLane = { name: 'ivh-video-no-training', size: 5 } as const satisfies Lane;

/** Reads a `getprogress` reply. Progress is documented as meaningless, so Status decides; without it, 100, -1 and MediaUrl do. */
export function decodeProgress(
  reply: z.output<typeof progressReply>,
  media: { kind: 'video' | 'audio'; mimeType: string },
): TaskState {
  const status = reply.Status || (reply.Progress === -1 ? 'FAIL' : reply.MediaUrl ? 'SUCCESS' : 'MAKING');
  switch (status) {
    case 'COMMIT':
      return { state: 'pending', queuePosition: reply.ArrayCount };
    case 'MAKING':
      return { state: 'running' };
    case 'SUCCESS': {
      if (!reply.MediaUrl) return { state: 'running' };
      const outputs: TaskOutput[] = [
        { ...media, url: reply.MediaUrl, durationMs: reply.Duration ? reply.Duration : undefined },
      ];
      if (reply.SubtitlesUrl)
        outputs.push({ kind: 'subtitles', url: reply.SubtitlesUrl, mimeType: 'application/x-subrip' });
      return { state: 'done', outputs };
    }
    case 'FAIL':
      return { state: 'failed', code: String(reply.FailCode ?? ''), message: reply.FailMessage ?? '' };
    default:
      return { state: 'pending', unrecognised: status };
  }
}
