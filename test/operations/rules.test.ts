import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { type Json, material, merged, pairsOf, refusedAt, toolPath, withField } from './material.ts';
import { withoutFields, withoutUnset, jsonSchema } from './material.ts';

interface Rule {
  readonly name: string;
  /** Wire fields to take away from all the fixture's requests in one. */
  readonly without?: readonly string[];
  readonly set?: Readonly<Record<string, unknown>>;
  /** Wire fields that are named; none when it is accepted. */
  readonly refused: readonly string[];
}

const text = { DriverType: 'Text' };
const recording = { DriverType: 'OriginalVoice' };
const speed = 'SpeechParam.Speed';
const timbre = 'SpeechParam.TimbreKey';

/** Each cross-field rule, both ways. */
const photo: readonly Rule[] = [
  { name: 'text and voice, no recording', set: text, without: ['InputAudioUrl'], refused: [] },
  { name: 'text, no InputSsml', set: text, without: ['InputSsml'], refused: ['InputSsml'] },
  { name: 'text, no TimbreKey', set: text, without: [timbre], refused: [timbre] },
  { name: 'text, no Speed', set: text, without: [speed], refused: [speed] },
  { name: 'text, no SpeechParam', set: text, without: ['SpeechParam'], refused: [timbre, speed] },
  {
    name: 'text, nothing at all',
    set: text,
    without: ['SpeechParam', 'InputSsml'],
    refused: ['InputSsml', timbre, speed],
  },
  { name: 'recording alone', set: recording, without: ['InputSsml', 'SpeechParam'], refused: [] },
  { name: 'recording beside a text', set: recording, refused: [] },
  { name: 'no recording', set: recording, without: ['InputAudioUrl'], refused: ['InputAudioUrl'] },
  { name: 'no driver', without: ['DriverType'], refused: ['DriverType'] },
  { name: 'another driver', set: { DriverType: 'ModulatedVoice' }, refused: ['DriverType'] },
  { name: 'one line of SSML', set: { InputSsml: 'One two<break time="1s"/> three' }, refused: [] },
  ...['\n', '\r', '\r\n', '\u2028', '\u2029'].map((lineBreak) => ({
    name: `SSML with ${JSON.stringify(lineBreak)}`,
    set: { InputSsml: `One two${lineBreak}three four` },
    refused: ['InputSsml'],
  })),
];

const rules: Readonly<Record<string, readonly Rule[]>> = {
  submit_portrait_sing: [
    { name: 'image by address', refused: [] },
    { name: 'image in base64', without: ['ImageUrl'], set: { ImageBase64: '/9j/4QlQ' }, refused: [] },
    { name: 'both images', set: { ImageBase64: '/9j/4QlQ' }, refused: [] },
    { name: 'no image', without: ['ImageUrl'], refused: ['ImageUrl'] },
    { name: 'no audio', without: ['AudioUrl'], refused: ['AudioUrl'] },
  ],
  'photo_to_video (cn)': photo,
  'photo_to_video (intl)': photo,
  video_retalk: [
    { name: 'no reference image', without: ['input.ref_image_url'], refused: [] },
    { name: 'no parameters', without: ['parameters'], refused: [] },
    { name: 'no clip', without: ['input.video_url'], refused: ['input.video_url'] },
    { name: 'no recording', without: ['input.audio_url'], refused: ['input.audio_url'] },
  ],
};

function tried(base: Json, { without = [], set = {} }: Rule, rename: (path: string) => string): Json {
  const less = withoutFields(base, ...without.map(rename));
  return Object.entries(set).reduce((value, [path, field]) => withField(value, rename(path), field), less);
}

const whole = (schema: z.ZodType, values: readonly Json[]) =>
  withoutUnset(merged(values), jsonSchema(schema));

const trials = material.flatMap(({ key, operation, fixture }) => {
  const pairs = pairsOf(fixture);
  const request = whole(
    operation.wire.submit.request,
    pairs.map((pair) => pair.request),
  );
  const input = whole(
    operation.input,
    pairs.map((pair) => pair.input),
  );
  return (rules[key] ?? []).map((rule) => ({ key, operation, rule, request, input }));
});

describe('rules across fields', () => {
  it('are tried 43 times on each half', () => {
    expect(material.map(({ key }) => rules[key]?.length)).toEqual([5, 17, 17, 4]);
    expect(trials).toHaveLength(43);
    const refused = trials.filter(({ rule }) => rule.refused.length > 0);
    expect(refused).toHaveLength(30);
  });

  it.each(trials)('$key, wire: $rule.name', ({ operation, rule, request }) => {
    const value = tried(request, rule, (path) => path);
    expect(refusedAt(operation.wire.submit.request, value).toSorted()).toEqual(rule.refused.toSorted());
  });

  it.each(trials)('$key, tool: $rule.name', ({ operation, rule, input }) => {
    const value = tried(input, rule, toolPath);
    expect(refusedAt(operation.input, value).toSorted()).toEqual(rule.refused.map(toolPath).toSorted());
  });

  it('what the tool takes, the wire takes once encoded', () => {
    const accepted = trials.filter(({ rule }) => rule.refused.length === 0);
    expect(accepted).toHaveLength(13);
    for (const { key, operation, rule, input } of accepted) {
      const encoded = operation.encode(operation.input.parse(tried(input, rule, toolPath)));
      const sent: unknown = JSON.parse(JSON.stringify(encoded));
      expect(refusedAt(operation.wire.submit.request, sent), `${key}, ${rule.name}`).toEqual([]);
    }
  });
});

/** Fields that a page says take effect only beside others: our input, and the fields the warnings name. */
const conditions: ReadonlyArray<readonly [string, Json, readonly string[]]> = [
  ['submit_portrait_sing', { image_base64: 'AAAA' }, ['image_url']],
  ['submit_portrait_sing', {}, []],
  ...['photo_to_video (cn)', 'photo_to_video (intl)'].flatMap((key) => [
    [key, { driver_type: 'Text' }, ['input_audio_url']] as const,
    [key, { driver_type: 'OriginalVoice' }, ['speech_param.speed', 'input_ssml']] as const,
    [
      key,
      { speech_param: { timbre_key: 'v', speed: 1, emotion_intensity: 60 } },
      ['speech_param.emotion_intensity', 'input_audio_url'],
    ] as const,
    [
      key,
      { speech_param: { timbre_key: 'v', speed: 1, emotion_intensity: 60, emotion_category: 'sad' } },
      ['input_audio_url'],
    ] as const,
    ...(['male_20', 'female_23'] as const).map(
      (timbre_key) =>
        [
          key,
          { speech_param: { timbre_key, speed: 1, volume: 3 } },
          ['speech_param.volume', 'input_audio_url'],
        ] as const,
    ),
    ...(['male_21', 'female_24'] as const).map(
      (timbre_key) =>
        [key, { speech_param: { timbre_key, speed: 1, volume: 3 } }, ['input_audio_url']] as const,
    ),
  ]),
  ['video_retalk', { query_face_threshold: 150 }, ['query_face_threshold']],
  ['video_retalk', { query_face_threshold: 150, ref_image_url: 'https://example.com/a.jpg' }, []],
];

describe('fields without effect', () => {
  it('are tried twenty times', () => {
    expect(conditions).toHaveLength(20);
  });

  it.each(conditions)('%s with %j', (key, change, named) => {
    const found = material.find((entry) => entry.key === key);
    expect(found).toBeDefined();
    const inputs = found ? pairsOf(found.fixture).map(({ input }) => input) : [];
    const volume = { speech_param: { timbre_key: 'voice', speed: 1 } };
    const input = { ...merged(inputs), ...(key.startsWith('photo') && volume), ...change };
    const { operation } = found ?? {};
    const warnings = operation?.warnings?.(operation.encode(operation.input.parse(input))) ?? [];
    expect(warnings.map((warning) => warning.split(' ')[0])).toEqual(named);
  });
});
