import * as z from 'zod';
import { defineOperation, defineWire, fileAddress, storageAddress } from '../../core/operation.ts';
import { spelled } from '../../core/spelling.ts';
import * as ivh from './fields.ts';
import { avatarVideoLane, ivhTool, ivhWire, submitReply } from './progress.ts';
import * as rules from './rules.ts';
import { spokenEstimate } from './speaking.ts';

const { request, input, encode } = spelled(
  z.strictObject({
    VirtualmanKey: z.string().min(1).describe('Avatar, from list_assets.'),
    DriverType: ivh.voiceDriverType.optional().describe(ivh.voiceDriverNote),
    InputSsml: ivh.ssml(1, 20_000).optional().describe(ivh.longTextNote),
    InputAudioUrl: fileAddress().optional().describe(ivh.longAudioNote),
    SpeechParam: ivh.speechParam.describe('Speed is required.'),
    VideoParam: z
      .strictObject({
        Format: ivh.videoFormat.optional().describe('Default TransparentWebm; Mp4 has a green screen.'),
      })
      .optional(),
    ConcurrencyType: ivh.concurrencyType.optional().describe(ivh.concurrencyNote),
    CallbackUrl: ivh.callbackUrl.optional().describe('Posted to once.'),
    VideoStorageS3Url: storageAddress().optional().describe('Signed PUT address, or auto.'),
    SubtitleStorageS3Url: storageAddress().optional().describe('Signed PUT address, or auto.'),
  }),
  (wanted) => [...rules.drivenRules({ speedNeeded: 'always' })(wanted), ...rules.movTextBreaches(wanted)],
);

/** IVH, avatar video, basic page of 2025-12-10. */
export const makeVideo = defineOperation({
  ...ivhTool,
  wire: defineWire({
    ...ivhWire,
    operation: 'videomake',
    documentation: [{ title: 'IVH broadcast service, video production, basic', date: '2025-12-10' }],
    submit: { address: '/v2/ivh/videomaker/broadcastservice/videomake', request, reply: submitReply },
    media: { InputAudioUrl: ivh.drivingAudio },
    lane: avatarVideoLane,
  }),
  name: 'make_video',
  title: 'Avatar video (Tencent IVH)',
  description:
    'An avatar speaks a text or a recording, without editing (see make_video_advanced). Paid; returns a job at once.',
  input,
  encode,
  example: {
    virtualman_key: 'k3dda2d3b56f4ec89778f2e032c2e294',
    input_ssml: 'Hello, I am your virtual presenter.',
    speech_param: { speed: 1 },
    video_param: { format: 'Mp4' },
  },
  notes: [
    'input_ssml: the table requires it always, the sample with a recording omits it; it is needed for Text only.',
    'speech_param with speed: the table requires it and every sample sends it, also with a recording; so it is required.',
    'Format default: TransparentWebm here, Mp4 on the advanced page.',
    'TransparentWebm and TransparentMov carry alpha; Mp4 has a green screen, or the avatar’s own background if it was not keyed. TransparentMov takes a tenth: 2,000 characters, 6 minutes.',
    'OriginalVoice speaks with the recording’s voice; ModulatedVoice changes it to timbre_key, by default the avatar’s own.',
    ...rules.ssmlNotes,
    ...rules.avatarNotes,
  ],
  acrossMedia: (wanted, facts) => ({ problems: rules.movAudioProblems(wanted, facts), warnings: [] }),
  estimate: (wanted, facts) => spokenEstimate(wanted, facts),
  warnings: (wanted) => [...rules.drivenWarnings(wanted), ...rules.subtitleWarnings(wanted)],
});
