import * as z from 'zod';
import type { Problem } from '../../core/failure.ts';
import type { MediaFacts } from '../../core/media-facts.ts';
import {
  defineOperation,
  defineWire,
  fileAddress,
  type MediaFindings,
  type MediaLimits,
  storageAddress,
} from '../../core/operation.ts';
import { type Breach, spelled, twin } from '../../core/spelling.ts';
import * as ivh from './fields.ts';
import { ivhTool, ivhWire, noTrainingLane, submitReply } from './progress.ts';
import * as rules from './rules.ts';
import { spokenEstimate } from './speaking.ts';

const megabyte = 1024 * 1024;
const seconds = () => z.number().min(0);
const detect = ivh.toggle().optional();

const videoParam = z.strictObject({
  RefPhotoUrl: fileAddress().optional().describe('Face to drive if several.'),
  RefPhotoUrls: z
    .array(fileAddress())
    .max(10)
    .optional()
    .describe('Best 2–5 views; wins over ref_photo_url.'),
  FaceMatchMode: z.enum(['Strict', 'Loose']).optional().describe('Default Loose.'),
  DisableIdDetect: detect.describe('1 drives every face.'),
  DisabledDetect: twin(detect, 'DisableIdDetect'),
  DisableOcclusionDetect: ivh.toggle().optional().describe('1 moves covered lips.'),
  EnableFakeTeeth: ivh.toggle().optional(),
  EnableMusicMode: ivh.toggle().optional(),
  MouthMode: z.enum(['Soft', 'Exaggerated']).optional(),
  MakeType: z
    .enum(['Default', 'Custom', 'Circle', 'CustomOnlyStart'])
    .optional()
    .describe('Custom: over 1 s.'),
  StartTime: seconds().optional().describe('s'),
  EndTime: seconds().optional().describe('s; Custom only.'),
  DisableIntervals: z
    .array(z.strictObject({ StartTime: seconds().optional(), EndTime: seconds().optional() }))
    .max(5)
    .optional()
    .describe('Lips untouched; s, ascending, not overlapping.'),
});

const { request, input, encode } = spelled(
  z.strictObject({
    RefVideoUrl: fileAddress().describe(
      'Human-like face; mp4, mov, avi in H.264, 1 s–20 min, 360–4096 px, 5 GB.',
    ),
    DriverType: ivh.driverType.describe(
      'Text needs input_ssml, speech_param.timbre_key and speed; OriginalVoice input_audio_url.',
    ),
    InputSsml: ivh.ssml(4, 2_000).optional().describe('Text or SSML, one line.'),
    InputAudioUrl: fileAddress().optional().describe('1 s–20 min, 100 MB.'),
    SpeechParam: ivh.speechParam.optional(),
    ConcurrencyType: ivh.concurrencyType.optional().describe('Exclusive up to 4096×4096, Shared 2560×1440.'),
    VideoLoop: ivh.toggle().optional().describe('Longer audio: 0 back and forth, 1 repeat.'),
    VideoParametersConsistent: ivh.toggle().optional().describe('1 keeps bit and frame rate.'),
    CallbackUrl: ivh.callbackUrl.optional().describe('Posted to once.'),
    VideoStorageS3Url: storageAddress().optional().describe('Signed PUT address, or auto.'),
    IdentityWrittenUrl: fileAddress().optional().describe('Authorisation, pdf, 10 MB.'),
    IdentityVideoUrl: fileAddress().optional().describe('Authorisation, mp4, 5 GB.'),
    VideoParam: videoParam.optional(),
  }),
  (wanted) => [
    ...rules.drivenRules({ speedNeeded: 'for text', timbreNeeded: true })(wanted),
    ...segmentBreaches(wanted.VideoParam),
  ],
);

type VideoParam = z.output<typeof videoParam>;

function segmentBreaches(param: VideoParam | undefined): Breach[] {
  if (!param) return [];
  const breaches: Breach[] = [];
  const { MakeType: type, StartTime: start = 0, EndTime: end, DisableIntervals: intervals = [] } = param;
  if (type === 'Custom' && end !== undefined && Math.round((end - start) * 1000) <= 1000)
    breaches.push({
      field: 'VideoParam.EndTime',
      message: 'must be more than 1 s after StartTime when MakeType is Custom',
    });
  let last = 0;
  for (const [index, interval] of intervals.entries()) {
    const at = `VideoParam.DisableIntervals.${index}`;
    const { StartTime: from, EndTime: to } = interval;
    if (from === undefined || to === undefined) {
      breaches.push({ field: at, message: 'needs StartTime and EndTime' });
      continue;
    }
    if (to <= from) breaches.push({ field: `${at}.EndTime`, message: 'must be after StartTime' });
    if (index > 0 && from < last)
      breaches.push({
        field: `${at}.StartTime`,
        message: `must not be before the ${last} s at which the stretch before it ends`,
      });
    last = Math.max(last, to);
  }
  return breaches;
}

function faceWarnings(param: VideoParam | undefined): string[] {
  if (!param) return [];
  const warnings: string[] = [];
  const { RefPhotoUrl: one, RefPhotoUrls: many, DisableIdDetect: off } = param;
  if (one !== undefined && many?.length)
    warnings.push('video_param.ref_photo_url is ignored: ref_photo_urls wins.');
  if (off === 1 && (one !== undefined || many?.length))
    warnings.push('video_param.ref_photo_url and ref_photo_urls are ignored: disable_id_detect is 1.');
  if (param.FaceMatchMode !== undefined && (off === 1 || (one === undefined && !many?.length)))
    warnings.push('video_param.face_match_mode is ignored without a reference photo and face tracking.');
  return warnings;
}

function segmentWarnings(param: VideoParam | undefined, loop: number | undefined): string[] {
  const { MakeType: type = 'Default', StartTime: start, EndTime: end } = param ?? {};
  const warnings: string[] = [];
  if (type === 'Default' && start !== undefined)
    warnings.push('video_param.start_time is ignored: make_type is Default.');
  if (type !== 'Custom' && end !== undefined)
    warnings.push(`video_param.end_time is ignored: make_type is ${type}, not Custom.`);
  if ((type === 'Circle' || type === 'CustomOnlyStart') && loop !== undefined)
    warnings.push(`video_loop is ignored: make_type is ${type}.`);
  return warnings;
}

/** What is asked for outside the clip, and sizes that the shared machines do not make. */
function clipFindings(
  { VideoParam: param, ConcurrencyType: concurrency }: { VideoParam?: VideoParam; ConcurrencyType?: string },
  found: MediaFacts | undefined,
): MediaFindings {
  const { seconds, width = 0, height = 0 } = found ?? {};
  const {
    MakeType: type = 'Default',
    StartTime: start,
    EndTime: end,
    DisableIntervals: intervals,
  } = param ?? {};
  const inside = (field: string, value: number | undefined, used: boolean): Problem[] =>
    seconds === undefined || value === undefined || !used || value <= seconds + 0.05
      ? []
      : [
          {
            field: `video_param.${field}`,
            value: `${value} s`,
            limit: `is behind the end of the clip, which lasts ${Math.round(seconds * 100) / 100} s`,
            mend: 'Give a time inside the clip.',
          },
        ];
  const sides = [Math.max(width, height), Math.min(width, height)] as const;
  return {
    problems: [
      ...inside('start_time', start, type !== 'Default'),
      ...inside('end_time', end, type === 'Custom'),
      ...(intervals ?? []).flatMap(({ EndTime: to }, index) =>
        inside(`disable_intervals.${index}.end_time`, to, true),
      ),
    ],
    warnings:
      concurrency === 'Shared' && (sides[0] > 2560 || sides[1] > 1440)
        ? [`The clip has ${width}x${height} pixels; Shared makes at most 2560x1440.`]
        : [],
  };
}

const clip: MediaLimits = {
  kind: 'video',
  formats: ['mp4', 'mov', 'avi'],
  codecs: ['h264'],
  maxBytes: 5 * 1024 * megabyte,
  seconds: [1, 1200],
  side: [360, 4096],
  codes: {
    download: '801008',
    open: '802002',
    format: '801009',
    bytes: '801009',
    seconds: '801009',
    side: '801009',
    codec: '802002',
  },
};
const photo: MediaLimits = {
  kind: 'image',
  formats: ['jpg', 'png', 'bmp', 'webp'],
  maxBytes: 10 * megabyte,
  side: [192, 4096],
  codes: { download: '801008', open: '802001', format: '801009', bytes: '801009', side: '801009' },
};

/** IVH, new words for a clip without training, page of 2026-04-01. */
export const videoToVideo = defineOperation({
  ...ivhTool,
  wire: defineWire({
    ...ivhWire,
    operation: 'videomakenotrain',
    documentation: [
      { title: 'IVH broadcast service, video from a clip without training', date: '2026-04-01' },
    ],
    submit: { address: '/v2/ivh/videomaker/broadcastservice/videomakenotrain', request, reply: submitReply },
    media: {
      RefVideoUrl: clip,
      InputAudioUrl: {
        kind: 'audio',
        formats: ivh.audioFormats,
        seconds: [1, 1200],
        maxBytes: 100 * megabyte,
        codes: ivh.audioCodes,
      },
      'VideoParam.RefPhotoUrl': photo,
      'VideoParam.RefPhotoUrls[]': photo,
      IdentityWrittenUrl: {
        kind: 'document',
        formats: ['pdf'],
        maxBytes: 10 * megabyte,
        codes: { download: '801008', format: '801009', bytes: '801009' },
      },
      IdentityVideoUrl: {
        kind: 'video',
        formats: ['mp4'],
        maxBytes: 5 * 1024 * megabyte,
        codes: { download: '801008', format: '801009', bytes: '801009' },
      },
    },
    lane: noTrainingLane,
  }),
  name: 'video_to_video',
  title: 'Dub a clip (Tencent IVH)',
  description: 'Gives the person in a clip new words, lips to match. Paid; returns a job at once.',
  input,
  encode,
  example: {
    ref_video_url: 'https://example.com/clip.mp4',
    driver_type: 'OriginalVoice',
    input_audio_url: 'https://example.com/line.mp3',
  },
  notes: [
    'disable_id_detect: the page calls it DisabledDetect, which is probably a damaged DisableIdDetect; both names are sent.',
    'Length of the clip: 20 minutes here; the international page allows 600 s, and 20 minutes with Exclusive only.',
    'driver_type: required, and yet the page speaks of it being empty; it is required here.',
    'Largest output: 2560×1440 with Shared, 4096×4096 with Exclusive, which takes twice as long.',
    'Matching bit rate costs about 10 % more time; going from 25 to 60 fps about 30 %.',
    'make_type: Default uses the whole clip from its start; Custom plays start_time to end_time (more than 1 s) back and forth; Circle starts at start_time and returns to it; CustomOnlyStart starts at start_time.',
    'video_loop, for audio longer than the clip: 0 plays it backwards and forwards, 1 repeats it, which may jump.',
    'video_parameters_consistent 0 makes 25 fps with a bit rate by content; 1 keeps the clip’s, within 15–60 fps and 1–9 Mbit/s.',
    'Without a reference photo the largest face of the first frame that shows one is driven. Head turned at most 45° sideways and 15° up or down, mouth not covered.',
    'The server of the files must be fast: slow downloads fail or slow the work.',
    ...rules.ssmlNotes,
    ...rules.concurrencyNotes,
  ],
  acrossMedia: (wanted, facts) => clipFindings(wanted, facts('RefVideoUrl')),
  estimate: spokenEstimate,
  warnings: (wanted) => [
    ...rules.drivenWarnings(wanted),
    ...faceWarnings(wanted.VideoParam),
    ...segmentWarnings(wanted.VideoParam, wanted.VideoLoop),
  ],
});
