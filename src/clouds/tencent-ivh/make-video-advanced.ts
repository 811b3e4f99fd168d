import * as z from 'zod';
import type { Problem } from '../../core/failure.ts';
import {
  defineOperation,
  defineWire,
  type FactsOf,
  fileAddress,
  type MediaLimits,
  storageAddress,
} from '../../core/operation.ts';
import { type Breach, spelled } from '../../core/spelling.ts';
import * as ivh from './fields.ts';
import { avatarVideoLane, ivhTool, ivhWire, submitReply } from './progress.ts';
import * as rules from './rules.ts';
import { spokenEstimate } from './speaking.ts';

const subtitles = z.strictObject({
  MaxWords: z.int().min(0).max(999).optional().describe('A page; 0 fits the width.'),
  DisplayPunctuation: z.string().min(1).optional().describe('"1" all, "0" none, or the marks.'),
  SplitPunctuation: z.string().min(1).optional(),
});

const video = z.strictObject({
  Format: ivh.videoFormat.optional().describe('Default Mp4; others ignore editing.'),
  BackgroundFileUrl: fileAddress().optional().describe('jpg, png, mp4 in the video’s size, 500 MB.'),
  VideoHeadFileUrl: fileAddress().optional().describe('mp4 before, same size, 500 MB.'),
  VideoTailFileUrl: fileAddress().optional().describe('mp4 after, same size, 500 MB.'),
  ShowSubtitles: z.boolean().optional().describe('Text only; slow.'),
  SubtitlesParam: subtitles.optional(),
  LogoParams: z.array(ivh.logoParam).optional(),
  SmartActionEnabled: z.boolean().optional().describe('Text without action tags only.'),
  ActionParams: z
    .array(
      z.strictObject({
        Code: z.string().min(1).optional(),
        StartTime: z.int().min(0).optional().describe('ms, increasing.'),
      }),
    )
    .optional()
    .describe('OriginalVoice only.'),
  AnchorParam: ivh.anchorParam.optional(),
  SmallSampleParam: ivh
    .smallSampleParam(['Default', 'Custom', 'Circle', 'CustomOnlyStart'])
    .optional()
    .describe('Small-sample avatars: frames.'),
});

const { request, input, encode } = spelled(
  z.strictObject({
    VirtualmanKey: z.string().min(1).describe('Avatar, from list_assets.'),
    DriverType: ivh.voiceDriverType.optional().describe(ivh.voiceDriverNote),
    InputSsml: ivh.ssml(1, 20_000).optional().describe(ivh.longTextNote),
    InputAudioUrl: fileAddress().optional().describe(ivh.longAudioNote),
    SpeechParam: ivh.speechParam.optional().describe('Text needs speed.'),
    VideoParam: video.optional(),
    ConcurrencyType: ivh.concurrencyType.optional().describe(ivh.concurrencyNote),
    CallbackUrl: ivh.callbackUrl.optional().describe('Posted to once.'),
    VideoStorageS3Url: storageAddress().optional().describe('Signed PUT address, or auto.'),
    SubtitleStorageS3Url: storageAddress().optional().describe('Signed PUT address, or auto.'),
  }),
  (wanted) => {
    const { VideoParam: param } = wanted;
    const extra = 'VideoParam.AnchorParam.AnchorExtraParam';
    const breaches: Breach[] = [
      ...rules.drivenRules({ speedNeeded: 'for text' })(wanted),
      ...rules.movTextBreaches(wanted),
      ...rules.jsonTextBreaches(extra, param?.AnchorParam?.AnchorExtraParam),
    ];
    const starts = param?.ActionParams?.map((action) => action.StartTime ?? 0) ?? [];
    for (const [index, start] of starts.entries())
      if (index > 0 && start <= (starts[index - 1] ?? 0))
        breaches.push({
          field: `VideoParam.ActionParams.${index}.StartTime`,
          message: `must be later than the ${starts[index - 1]} ms of the action before it`,
        });
    return breaches;
  },
);

const clip: MediaLimits = {
  kind: 'video',
  formats: ['mp4'],
  maxBytes: 500 * 1024 * 1024,
  codes: { download: '801008', open: '801506', format: '801507', bytes: '801507' },
};

type VideoParam = z.output<typeof video>;

/** Actions that would start after the recording has ended. */
function actionProblems(param: VideoParam | undefined, seconds: number | undefined): Problem[] {
  if (seconds === undefined) return [];
  const actions = param?.ActionParams ?? [];
  return actions.flatMap(({ StartTime: start = 0 }, index) =>
    start < seconds * 1000
      ? []
      : [
          {
            field: `video_param.action_params.${index}.start_time`,
            value: `${start} ms`,
            limit: `is not inside the recording, which lasts ${Math.round(seconds * 1000)} ms`,
            mend: 'Start the action earlier, or leave it out.',
          },
        ],
  );
}

/** Background, opening and closing clips must have the size of the video, so they must have one size. */
function sizeProblems(facts: FactsOf): Problem[] {
  const clips = ['BackgroundFileUrl', 'VideoHeadFileUrl', 'VideoTailFileUrl'].flatMap((name) => {
    const found = facts(`VideoParam.${name}`);
    return found?.width && found.height
      ? [{ field: `video_param.${rules.inputName(name)}`, size: `${found.width}x${found.height}` }]
      : [];
  });
  const [first, ...others] = clips;
  return others
    .filter(({ size }) => size !== first?.size)
    .map(({ field, size }) => ({
      field,
      value: size,
      limit: `is not the size of ${first?.field} (${first?.size}); both must have the size of the video`,
      mend: `Scale it: ffmpeg -i input.mp4 -vf scale=${first?.size.replace('x', ':')} output.mp4`,
    }));
}

/** IVH, avatar video with light editing, page of 2026-04-01. */
export const makeVideoAdvanced = defineOperation({
  ...ivhTool,
  wire: defineWire({
    ...ivhWire,
    operation: 'videomakeadvanced',
    documentation: [{ title: 'IVH broadcast service, video production, advanced', date: '2026-04-01' }],
    submit: { address: '/v2/ivh/videomaker/broadcastservice/videomakeadvanced', request, reply: submitReply },
    media: {
      InputAudioUrl: ivh.drivingAudio,
      'VideoParam.BackgroundFileUrl': { ...clip, formats: ['jpg', 'png', 'mp4'] },
      'VideoParam.VideoHeadFileUrl': clip,
      'VideoParam.VideoTailFileUrl': clip,
      'VideoParam.LogoParams[].LogoFileUrl': ivh.logoPicture,
    },
    lane: avatarVideoLane,
  }),
  name: 'make_video_advanced',
  title: 'Edited avatar video (Tencent IVH)',
  description:
    'An avatar speaks a text or a recording, with background, placement, logo, subtitles, actions, opening and closing clips. Paid; returns a job at once.',
  input,
  encode,
  example: {
    virtualman_key: 'k3dda2d3b56f4ec89778f2e032c2e294',
    input_ssml: 'Hello, I am your virtual presenter.',
    speech_param: { speed: 1 },
    video_param: {
      format: 'Mp4',
      show_subtitles: true,
      anchor_param: { horizontal_position: 0.25, scale: 1 },
    },
  },
  notes: [
    'speech_param: the table requires it, the sample with a recording omits it; it is needed for Text only.',
    'Position: the FAQ says that GreenScreenMp4 (called Mp4 in the table) ignores it, the table says that Mp4 supports editing; the newer table is followed.',
    'start_idx: one place says Custom and Circle, another also CustomOnlyStart; all three are taken.',
    'small_sample_param: Default starts at a random frame; Custom plays start_idx to end_idx back and forth; Circle returns to its first frame; CustomOnlyStart sets the first frame only.',
    'anchor_extra_param is JSON text such as {"shirtColor":{"colorValue":10491928}}: a colour is the decimal value of its six hexadecimal digits.',
    'background, opening and closing clips must have the size of the video. action_params start in milliseconds inside the recording; actions that overlap may be lost.',
    ...rules.ssmlNotes,
    ...rules.avatarNotes,
    ...rules.placementNotes,
  ],
  acrossMedia: (wanted, facts) => ({
    problems: [
      ...rules.movAudioProblems(wanted, facts),
      ...actionProblems(wanted.VideoParam, facts('InputAudioUrl')?.seconds),
      ...sizeProblems(facts),
    ],
    warnings: [],
  }),
  estimate: (wanted, facts) => {
    const spoken = spokenEstimate(wanted, facts);
    const added = ['VideoParam.VideoHeadFileUrl', 'VideoParam.VideoTailFileUrl'].map(
      (field) => facts(field)?.seconds ?? 0,
    );
    const seconds = added.reduce((sum, each) => sum + each, spoken.seconds ?? 0);
    if (spoken.seconds === undefined || seconds === spoken.seconds) return spoken;
    return { seconds, basis: `${spoken.basis}, and the opening and closing clips` };
  },
  warnings: (wanted) => {
    const { DriverType: driver = 'Text', VideoParam: param } = wanted;
    const warnings = [
      ...rules.drivenWarnings(wanted),
      ...rules.subtitleWarnings(wanted),
      ...rules.editingWarnings('video_param', param, driver, wanted.InputSsml),
    ];
    const format = param?.Format ?? 'Mp4';
    const edits = [
      'BackgroundFileUrl',
      'VideoHeadFileUrl',
      'VideoTailFileUrl',
      'ShowSubtitles',
      'LogoParams',
    ] as const;
    if (format !== 'Mp4')
      for (const edit of edits)
        if (param?.[edit] !== undefined)
          warnings.push(
            `video_param.${rules.inputName(edit)} may be ignored: ${format} supports placement only.`,
          );
    if (param?.SubtitlesParam && !param.ShowSubtitles)
      warnings.push('video_param.subtitles_param is ignored without video_param.show_subtitles.');
    if (param?.ActionParams?.length && driver !== 'OriginalVoice')
      warnings.push(`video_param.action_params is ignored: driver_type is ${driver}, not OriginalVoice.`);
    return warnings;
  },
});
