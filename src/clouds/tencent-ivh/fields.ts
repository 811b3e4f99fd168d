import { z } from 'zod';
import type { Lane, MediaLimits, TaskOutput, TaskState } from '../../core/operation.ts';
import { webAddress } from '../../core/operation.ts';
import type { Breach, Rules } from '../../core/spelling.ts';

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
  Speed: z.number().min(0.5).max(1.5).optional().describe('1 is normal.'),
  TimbreKey: z.string().min(1).optional().describe('Voice.'),
  Volume: z.int().min(0).max(10).optional().describe('0 (default) is normal, 10 loudest.'),
  EmotionCategory: z.string().min(1).optional().describe('Only for voices with several emotions.'),
  EmotionIntensity: z.int().min(50).max(200).optional().describe('Only with emotion_category.'),
  TimbreLanguage: z.string().min(1).optional().describe('Needed for multilingual voices, e.g. en-US.'),
});

type Speech = z.output<typeof speechParam>;

/** SSML or plain text on one line. The pages count Unicode code points, and so does zod. */
export function ssml(min: number, max: number) {
  return z
    .string()
    .min(min)
    .max(max)
    .refine((value) => !/[\r\n\u2028\u2029]/.test(value), { message: 'must not contain line breaks' });
}

/** The fields by which every speaking operation is driven. */
interface Driven {
  DriverType?: string;
  InputSsml?: string;
  InputAudioUrl?: string;
  SpeechParam?: Speech;
}

/** What the pages demand of each driver type. Unset means Text. */
export function drivenRules(demands: { timbreNeeded: boolean }): Rules<Driven> {
  return (request) => {
    const driver = request.DriverType ?? 'Text';
    const breaches: Breach[] = [];
    const need = (field: string, value: unknown) => {
      if (value === undefined) breaches.push({ field, message: `is needed when DriverType is ${driver}` });
    };
    if (driver === 'Text') {
      need('InputSsml', request.InputSsml);
      if (demands.timbreNeeded) need('SpeechParam.TimbreKey', request.SpeechParam?.TimbreKey);
      need('SpeechParam.Speed', request.SpeechParam?.Speed);
    } else need('InputAudioUrl', request.InputAudioUrl);
    return breaches;
  };
}

/** Built-in voices whose volume cannot be changed: male_1 to male_20, female_1 to female_23. */
const fixedVolumeVoice = /^(male_([1-9]|1\d|20)|female_([1-9]|1\d|2[0-3]))$/;

/** What will be ignored of the speech settings and of the driver that is not used. */
export function drivenWarnings(request: Driven): readonly string[] {
  const { DriverType: driver = 'Text', SpeechParam: speech = {} } = request;
  const warnings: string[] = [];
  if (driver !== 'Text' && speech.Speed !== undefined)
    warnings.push('speech_param.speed is ignored: a recording drives the video.');
  if (speech.EmotionIntensity !== undefined && speech.EmotionCategory === undefined)
    warnings.push('speech_param.emotion_intensity is ignored without speech_param.emotion_category.');
  if (speech.Volume && fixedVolumeVoice.test(speech.TimbreKey ?? ''))
    warnings.push(`speech_param.volume is ignored: the voice ${speech.TimbreKey} has a fixed volume.`);
  if (driver !== 'Text' && request.InputSsml !== undefined)
    warnings.push(`input_ssml is ignored: driver_type is ${driver}.`);
  if (driver === 'Text' && request.InputAudioUrl !== undefined)
    warnings.push('input_audio_url is ignored: driver_type is Text.');
  return warnings;
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

/** Reads a `getprogress` reply. Progress is documented as meaningless, so Status decides; without it, -1 and MediaUrl do. */
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
