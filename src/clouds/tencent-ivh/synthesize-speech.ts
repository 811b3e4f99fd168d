import * as z from 'zod';
import { defineOperation, defineWire, storageAddress } from '../../core/operation.ts';
import { type Breach, spelled } from '../../core/spelling.ts';
import * as ivh from './fields.ts';
import { decodeProgress, ivhTool, ivhWire, speechLane, submitReply } from './progress.ts';
import * as rules from './rules.ts';
import { spokenEstimate } from './speaking.ts';

const { Speed, Volume, EmotionCategory, EmotionIntensity, TimbreLanguage } = ivh.speechParam.shape;

const { request, input, encode } = spelled(
  z.strictObject({
    InputSsml: ivh.ssml(1, 20_000).describe('Text or SSML, one line.'),
    TimbreKey: z.string().min(1).optional().describe('Voice, from list_assets; or virtualman_key.'),
    VirtualmanKey: z.string().min(1).optional().describe('Avatar whose voice speaks.'),
    Speed: Speed.unwrap(),
    Volume,
    EmotionCategory,
    EmotionIntensity,
    TimbreLanguage,
    Codec: z.enum(['mp3', 'wav']).optional(),
    SampleRate: z.literal([24_000, 16_000]).optional(),
    SentenceMaxWords: z.int().min(0).max(999).optional().describe('0 means 30.'),
    SentenceDisplayPunctuation: z.string().min(1).optional().describe('"1" all, "0" none, or the marks.'),
    SentenceSplitPunctuation: z.string().min(1).optional(),
    AudioStorageS3Url: storageAddress().optional().describe('Signed PUT address, or auto.'),
  }),
  (wanted) => {
    const breaches: Breach[] = rules.ssmlBreaches('InputSsml', wanted.InputSsml);
    if (wanted.TimbreKey === undefined && wanted.VirtualmanKey === undefined)
      breaches.push({ field: 'TimbreKey', message: 'is needed, or VirtualmanKey' });
    return breaches;
  },
);

/** IVH, text to speech, as the page of 2025-12-10 has it. */
export const synthesizeSpeech = defineOperation({
  ...ivhTool,
  wire: defineWire({
    ...ivhWire,
    operation: 'tts',
    documentation: [{ title: 'IVH broadcast service, audio production', date: '2025-12-10' }],
    submit: { address: '/v2/ivh/videomaker/broadcastservice/tts', request, reply: submitReply },
    media: {},
    lane: speechLane,
  }),
  name: 'synthesize_speech',
  title: 'Speech (Tencent IVH)',
  description:
    'Speaks a text with a chosen voice: mp3 or wav, word times in the job resource. Returns a job at once.',
  input,
  encode,
  example: { input_ssml: 'Hello, I am your virtual presenter.', timbre_key: 'female_1', speed: 1 },
  notes: [
    'sentence_display_punctuation and sentence_split_punctuation shape the sentences of the word times; by default all marks are kept and 。 ; ? ! … end a sentence, the full stop of Latin script does not.',
    'With virtualman_key alone, the avatar’s first voice speaks.',
    'One speech job runs at a time unless concurrency was bought; further ones are held here.',
    ...rules.ssmlNotes,
    'SentenceDisplayPunctuation is split across two lines of the page; the whole name is an inference.',
  ],
  estimate: (wanted, facts) =>
    spokenEstimate({ InputSsml: wanted.InputSsml, SpeechParam: { Speed: wanted.Speed } }, facts),
  warnings: (wanted) => [
    ...rules.speechWarnings(wanted, ''),
    ...rules.ssmlWarnings('input_ssml', wanted.InputSsml),
    ...(wanted.TimbreKey !== undefined && wanted.VirtualmanKey !== undefined
      ? ['virtualman_key only chooses a voice where timbre_key is missing.']
      : []),
  ],
  decode: (reply) => decodeProgress(reply, 'audio'),
});
