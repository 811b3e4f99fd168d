import type * as z from 'zod';
import type { Problem } from '../../core/failure.ts';
import type { FactsOf } from '../../core/operation.ts';
import { type Breach, type Rules, snakeCase } from '../../core/spelling.ts';
import type { anchorParam, speechParam } from './fields.ts';
import { checkSsml } from './ssml.ts';

type Speech = z.output<typeof speechParam>;

/** The fields by which every speaking operation is driven. */
interface Driven {
  DriverType?: string;
  InputSsml?: string;
  InputAudioUrl?: string;
  SpeechParam?: Speech;
}

/** Faults of the markup, each with its position. */
export function ssmlBreaches(field: string, text: string | undefined): Breach[] {
  return text === undefined ? [] : checkSsml(text).problems.map((message) => ({ field, message }));
}

export function ssmlWarnings(field: string, text: string | undefined): string[] {
  return text === undefined ? [] : checkSsml(text).warnings.map((warning) => `${field}: ${warning}`);
}

interface DriverDemands {
  /** Whether the page requires the speed of speech. */
  readonly speedNeeded?: 'always' | 'for text';
  readonly timbreNeeded?: boolean;
  /** Where in the request the driven fields stand; by default at the top. */
  readonly at?: string;
}

/** What the pages demand of each driver type. Unset means Text. */
export function drivenRules({ speedNeeded, timbreNeeded, at }: DriverDemands): Rules<Driven> {
  const path = (field: string) => (at === undefined ? field : `${at}.${field}`);
  return (request) => {
    const driver = request.DriverType ?? 'Text';
    const speech = request.SpeechParam;
    const breaches: Breach[] = [];
    const need = (field: string, value: unknown, when = `when DriverType is ${driver}`) => {
      if (value === undefined) breaches.push({ field: path(field), message: `is needed ${when}` });
    };
    if (driver === 'Text') {
      need('InputSsml', request.InputSsml);
      if (timbreNeeded) need('SpeechParam.TimbreKey', speech?.TimbreKey);
    } else need('InputAudioUrl', request.InputAudioUrl);
    if (speedNeeded === 'always') need('SpeechParam.Speed', speech?.Speed, 'always');
    else if (speedNeeded && driver === 'Text') need('SpeechParam.Speed', speech?.Speed);
    breaches.push(...ssmlBreaches(path('InputSsml'), request.InputSsml));
    return breaches;
  };
}

/** MOV with alpha takes a tenth of the text (basic and advanced pages). */
export function movTextBreaches(request: { InputSsml?: string; VideoParam?: { Format?: string } }): Breach[] {
  const length = [...(request.InputSsml ?? '')].length;
  return request.VideoParam?.Format === 'TransparentMov' && length > 2_000
    ? [{ field: 'InputSsml', message: `is ${length} characters long; TransparentMov takes 2000` }]
    : [];
}

/** A recording's length, where it breaks a limit that depends on something else. */
export function lengthProblem(
  field: string,
  seconds: number | undefined,
  most: number,
  when: string,
): Problem[] {
  if (seconds === undefined || seconds <= most) return [];
  return [
    {
      field,
      value: `${Math.round(seconds * 10) / 10} s`,
      limit: `is above the ${most} s allowed ${when}`,
      mend: `Cut it: ffmpeg -i input.mp3 -t ${most} output.mp3`,
    },
  ];
}

/** MOV with alpha takes six minutes of recording (basic and advanced pages). */
export function movAudioProblems(
  request: { DriverType?: string; VideoParam?: { Format?: string } },
  facts: FactsOf,
): Problem[] {
  const spoken = (request.DriverType ?? 'Text') !== 'Text';
  return spoken && request.VideoParam?.Format === 'TransparentMov'
    ? lengthProblem('input_audio_url', facts('InputAudioUrl')?.seconds, 360, 'with TransparentMov')
    : [];
}

/** `AnchorExtraParam` travels as JSON inside a string. */
export function jsonTextBreaches(field: string, text: string | undefined): Breach[] {
  if (text === undefined) return [];
  try {
    JSON.parse(text);
    return [];
  } catch {
    return [{ field, message: 'must be JSON text, such as {"shirtColor":{"colorValue":10491928}}' }];
  }
}

/** Built-in voices whose volume cannot be changed: male_1 to male_20, female_1 to female_23. */
const fixedVolumeVoice = /^(male_([1-9]|1\d|20)|female_([1-9]|1\d|2[0-3]))$/;

/** What will be ignored of speech settings; `at` is their place in the input, with its dot. */
export function speechWarnings(speech: Omit<Speech, 'Speed'>, at: string): string[] {
  const warnings: string[] = [];
  if (speech.EmotionIntensity !== undefined && speech.EmotionCategory === undefined)
    warnings.push(`${at}emotion_intensity is ignored without ${at}emotion_category.`);
  if (speech.Volume && fixedVolumeVoice.test(speech.TimbreKey ?? ''))
    warnings.push(`${at}volume is ignored: the voice ${speech.TimbreKey} has a fixed volume.`);
  return warnings;
}

/** What will be ignored of the speech settings and of the driver that is not used. */
export function drivenWarnings(request: Driven): string[] {
  const { DriverType: driver = 'Text', SpeechParam: speech = {} } = request;
  const warnings: string[] = [];
  if (driver !== 'Text' && speech.Speed !== undefined)
    warnings.push('speech_param.speed is ignored: a recording drives the video.');
  warnings.push(...speechWarnings(speech, 'speech_param.'));
  if (driver === 'Text') warnings.push(...ssmlWarnings('input_ssml', request.InputSsml));
  else if (request.InputSsml !== undefined) warnings.push(`input_ssml is ignored: driver_type is ${driver}.`);
  if (driver === 'Text' && request.InputAudioUrl !== undefined)
    warnings.push('input_audio_url is ignored: driver_type is Text.');
  return warnings;
}

/** Subtitles are made for text only (FAQ, 2025-07-11). */
export function subtitleWarnings(request: { DriverType?: string; SubtitleStorageS3Url?: string }): string[] {
  return request.SubtitleStorageS3Url !== undefined && (request.DriverType ?? 'Text') !== 'Text'
    ? ['subtitle_storage_s3_url is ignored: subtitles are made for text only.']
    : [];
}

interface SmallSample {
  MakeType?: string;
  StartIdx?: number;
  EndIdx?: number;
}

interface Editing {
  AnchorParam?: z.output<typeof anchorParam>;
  SmallSampleParam?: SmallSample;
  SmartActionEnabled?: boolean;
  ShowSubtitles?: boolean;
}

function smallSampleWarnings(at: string, sample: SmallSample, driver: string): string[] {
  const { MakeType: type = 'Default', StartIdx: start, EndIdx: end } = sample;
  const warnings: string[] = [];
  if (type === 'Default' && start !== undefined)
    warnings.push(`${at}.start_idx is ignored: make_type is Default.`);
  if (type !== 'Custom' && end !== undefined)
    warnings.push(`${at}.end_idx is ignored: make_type is ${type}, not Custom.`);
  if (type === 'Circle' && driver === 'Text')
    warnings.push(`${at}.make_type Circle is for recordings; with driver_type Text it may not take effect.`);
  return warnings;
}

/** What an avatar's editing settings will ignore; `at` is their place in the input. */
export function editingWarnings(
  at: string,
  editing: Editing | undefined,
  driver: string,
  ssml: string | undefined,
): string[] {
  if (!editing) return [];
  const warnings: string[] = [];
  if (editing.AnchorParam?.Angle !== undefined)
    warnings.push(`${at}.anchor_param.angle takes effect for 3D avatars only.`);
  if (editing.SmallSampleParam)
    warnings.push(...smallSampleWarnings(`${at}.small_sample_param`, editing.SmallSampleParam, driver));
  if (editing.SmartActionEnabled && driver !== 'Text')
    warnings.push(`${at}.smart_action_enabled is ignored: driver_type is ${driver}, not Text.`);
  else if (editing.SmartActionEnabled && ssml !== undefined && checkSsml(ssml).actions.length > 0)
    warnings.push(`${at}.smart_action_enabled is ignored: input_ssml holds action tags.`);
  if (editing.ShowSubtitles && driver !== 'Text')
    warnings.push(`${at}.show_subtitles is ignored: subtitles are made for text only.`);
  return warnings;
}

/** A wire field's name as the input has it. */
export const inputName = snakeCase;

/** How jobs are counted (FAQ, 2025-07-11). */
export const concurrencyNotes: readonly string[] = [
  'Five video jobs per kind of avatar run at once by default, main and sub accounts together, on machines that all customers share; each purchased exclusive path adds one. Further jobs are held here.',
];

export const avatarNotes: readonly string[] = [
  ...concurrencyNotes,
  'Subtitles exist for text only: with a recording there is no subtitle file.',
  'An action in the text needs about ten characters before and after it to show.',
  'WebM with alpha looks green in players that do not know its transparency; Chrome shows it on black.',
  'Where the result goes to your own storage, the signed address must permit writing.',
];

/** The markup that the cloud documents (SSML specification, 2025-06-27). */
export const ssmlNotes: readonly string[] = [
  'SSML is optional: plain text works. Write & as &amp;. No line breaks. Characters are counted as Unicode code points, markup included.',
  'Tags: <phoneme alphabet="py" ph="fu4">主</phoneme> (pinyin and tone 1–5, one character a tag); <break time="500ms"/> (50–9000 ms, or 1–9 s) or <break strength="medium"/> (x-weak to x-strong), after a word; <word>…</word> (spoken as one); <sub alias="…">…</sub>; <say-as interpret-as="telephone">…</say-as> (cardinal, digits, telephone, address, id, date, time, punctuation, characters, measure, currency); <insert-action type="CODE"/> (codes from list_assets, kind actions).',
  'Voices male_1 to male_20 and female_1 to female_23 ignore volume. emotion_category and timbre_language must be ones that list_assets shows for the voice.',
];

/** Placement, worked through (FAQ, 2025-07-11). */
export const placementNotes: readonly string[] = [
  'Placement: the avatar is drawn pose image × OriginZoom × scale large (both from list_assets, kind avatars). With its upper left corner at x, y in a video of W × H: horizontal_position = (x + width/2 − W/2) / W, vertical_position = (height + y − H) / 2 / height. Scaling keeps the lower left corner.',
  'Example: a pose image of 1080 × 1920 with OriginZoom 0.5 and scale 1 is 540 × 960. In 1920 × 1080, standing on the lower edge (y = 120) with its left edge at x = 1380: horizontal_position = (1380 + 270 − 960) / 1920 = 0.359, vertical_position = (960 + 120 − 1080) / 2 / 960 = 0.',
];
