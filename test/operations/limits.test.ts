import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { hostSchema } from '../../src/mcp/schema.ts';
import { type Limit, limitsOf, patternsOf, said, trialsOf } from './limits.ts';
import { propertiesOf } from './schema-lint.ts';
import { type Json, jsonSchema, material, merged, pairsOf, refusedAt, toolPath } from './material.ts';
import { withField, withoutUnset } from './material.ts';

interface Half {
  readonly key: string;
  readonly schema: z.ZodType;
  /** All the fixture's requests (or inputs) in one, so that every field's condition is met. */
  readonly base: Json;
  readonly limits: readonly Limit[];
}

const half = (key: string, schema: z.ZodType, values: readonly Json[]): Half => ({
  key,
  schema,
  base: withoutUnset(merged(values), jsonSchema(schema)),
  limits: limitsOf(jsonSchema(schema)),
});

const pairs = material.map(({ key, operation, fixture }) => ({
  key,
  wire: half(
    `${key}, wire`,
    operation.wire.submit.request,
    pairsOf(fixture).map(({ request }) => request),
  ),
  tool: half(
    `${key}, tool`,
    operation.input,
    pairsOf(fixture).map(({ input }) => input),
  ),
}));
const halves = pairs.flatMap(({ wire, tool }) => [wire, tool]);

/** Both ends of a range in one line. */
const range = (path: string, unit: '' | 'Length', low: number, high: number) => [
  unit ? `${path} minLength ${low}` : `${path} minimum ${low}`,
  unit ? `${path} maxLength ${high}` : `${path} maximum ${high}`,
];

const photo = [
  'DriverType enum Text|OriginalVoice',
  ...range('InputSsml', 'Length', 4, 300),
  ...range('SpeechParam.Speed', '', 0.5, 1.5),
  'SpeechParam.TimbreKey minLength 1',
  ...range('SpeechParam.Volume', '', 0, 10),
  'SpeechParam.EmotionCategory minLength 1',
  ...range('SpeechParam.EmotionIntensity', '', 50, 200),
  'SpeechParam.TimbreLanguage minLength 1',
  'CallbackUrl maxLength 999',
];
/** The numbers as read on the pages, written down a second time. */
const documented: Readonly<Record<string, readonly string[]>> = {
  submit_portrait_sing: [
    ...range('ImageBase64', 'Length', 1, 10_000_000),
    'Mode enum Person|Pet',
    'Resolution enum 512:512',
    ...range('LogoParam.LogoImage', 'Length', 1, 10_000_000),
  ],
  'photo_to_video (cn)': [
    ...photo,
    ...range('VideoParam.Resolution', '', 0, 1),
    ...range('VideoParam.Prompt', 'Length', 1, 5000),
  ],
  'photo_to_video (intl)': [
    ...photo,
    'ConcurrencyType enum Exclusive|Shared',
    ...range('VideoParam.EmotionLevel', '', 1, 3),
  ],
  video_retalk: ['model enum videoretalk', ...range('parameters.query_face_threshold', '', 120, 200)],
};

/** Where the tool says more than the page, and why. */
const toolOnly: Readonly<Record<string, readonly string[]>> = {
  submit_portrait_sing: [
    // The page takes every other number for 1.
    ...range('logo_add', '', 0, 1),
  ],
  'photo_to_video (cn)': [],
  'photo_to_video (intl)': [],
  video_retalk: [],
};
/** Where the wire says more than the tool: the model is no choice of the caller. */
const wireOnly: Readonly<Record<string, readonly string[]>> = {
  submit_portrait_sing: [],
  'photo_to_video (cn)': [],
  'photo_to_video (intl)': [],
  video_retalk: ['model enum videoretalk'],
};

describe('the limits found', () => {
  it('are counted, so that an empty walk shows', () => {
    expect(halves.map(({ key, limits }) => [key, limits.length])).toEqual([
      ['submit_portrait_sing, wire', 6],
      ['submit_portrait_sing, tool', 8],
      ['photo_to_video (cn), wire', 17],
      ['photo_to_video (cn), tool', 17],
      ['photo_to_video (intl), wire', 16],
      ['photo_to_video (intl), tool', 16],
      ['video_retalk, wire', 3],
      ['video_retalk, tool', 2],
    ]);
    const trials = halves.flatMap(({ limits }) => limits.flatMap(trialsOf));
    expect(trials.filter(({ accepted }) => accepted).length).toBe(121);
    expect(trials.filter(({ accepted }) => !accepted).length).toBe(113);
  });

  it.each(pairs)('$key: the wire says the page’s numbers', ({ key, wire }) => {
    expect(wire.limits.map(said).toSorted()).toEqual(documented[key]?.toSorted());
  });

  it.each(pairs)('$key: the tool says the same, and only what is listed beside', ({ key, wire, tool }) => {
    const shared = wire.limits
      .filter((limit) => !wireOnly[key]?.includes(said(limit)))
      .map((limit) => said({ ...limit, path: toolPath(limit.path) }));
    expect(shared).toHaveLength(wire.limits.length - (wireOnly[key]?.length ?? 0));
    expect(tool.limits.map(said).toSorted()).toEqual([...shared, ...(toolOnly[key] ?? [])].toSorted());
  });

  it.each(material)('$key: hosts are shown every limit of the tool', ({ key, operation }) => {
    const shown = limitsOf(hostSchema(operation.input)).map(said);
    expect(shown).toEqual(pairs.find((pair) => pair.key === key)?.tool.limits.map(said));
    expect(shown.length).toBeGreaterThan(0);
  });

  it('paths are mapped as the contract says', () => {
    expect(
      [
        'SpeechParam.TimbreKey',
        'input.video_url',
        'parameters.video_extension',
        'VideoStorageS3Url',
        'ImageBase64',
        'PPTFileUrl',
        'LogoParam.LogoRect.X',
      ].map(toolPath),
    ).toEqual([
      'speech_param.timbre_key',
      'video_url',
      'video_extension',
      'video_storage_s3_url',
      'image_base64',
      'ppt_file_url',
      'logo_param.logo_rect.x',
    ]);
  });
});

describe.each(halves)('$key', ({ schema, base, limits }) => {
  it('takes the fixture as it is', () => {
    expect(refusedAt(schema, base)).toEqual([]);
  });

  it.each(limits.map((limit) => ({ limit, line: said(limit) })))('$line', ({ limit }) => {
    const trials = trialsOf(limit);
    expect(trials.some(({ accepted }) => accepted)).toBe(true);
    expect(trials.some(({ accepted }) => !accepted)).toBe(true);
    for (const { name, value, accepted } of trials) {
      const refused = refusedAt(schema, withField(base, limit.path, value));
      expect(refused, name).toEqual(accepted ? [] : [limit.path]);
    }
  });
});

const notAddresses = [
  '',
  'example.com/a.mp3',
  'ftp://example.com/a',
  'file:///etc/passwd',
  'https://',
  'https:///a',
];
const addresses = halves.map(({ key, schema, base }) => ({
  key,
  schema,
  base,
  paths: patternsOf(jsonSchema(schema)).filter(({ pattern }) => pattern.startsWith('^https?')),
}));

describe('addresses', () => {
  it('are counted', () => {
    expect(addresses.map(({ paths }) => paths.length)).toEqual([3, 3, 4, 4, 3, 3, 3, 3]);
  });

  it.each(addresses)('$key: only http and https, without blanks', ({ schema, base, paths }) => {
    for (const { path } of paths) {
      for (const value of [...notAddresses, 'https://example.com/a b', 'https://example.com/a\nb', 7, null])
        expect(refusedAt(schema, withField(base, path, value)), `${path}: ${value}`).toEqual([path]);
      for (const value of ['http://example.com', 'https://example.com/a?b=c&d=%20#e'])
        expect(refusedAt(schema, withField(base, path, value)), `${path}: ${value}`).toEqual([]);
    }
  });
});

describe('strictness', () => {
  it.each(halves)('$key: an unknown field is refused, also in a nested object', ({ schema, base }) => {
    const json = jsonSchema(schema);
    const objects = Object.keys(json.properties ?? {}).filter((name) => json.properties?.[name]?.properties);
    const places = ['', ...objects.map((name) => `${name}.`)];
    for (const place of places) {
      const result = schema.safeParse(withField(base, `${place}Unknown`, 1));
      expect(
        result.error?.issues.map(({ code }) => code),
        place,
      ).toContain('unrecognized_keys');
    }
  });

  const whole = halves.map(({ key, schema, base }) => ({
    key,
    schema,
    base,
    integers: propertiesOf(jsonSchema(schema)).filter((property) => property.schema.type === 'integer'),
  }));

  it('whole numbers are counted', () => {
    expect(whole.map(({ integers }) => integers.length)).toEqual([1, 1, 3, 3, 3, 3, 1, 1]);
  });

  it.each(whole)('$key: whole numbers are whole', ({ schema, base, integers }) => {
    for (const { path } of integers) {
      const halfway = (property: number) => refusedAt(schema, withField(base, path, property + 0.5));
      expect([0, 1, 50, 120].map(halfway), path).toEqual([[path], [path], [path], [path]]);
    }
  });
});
