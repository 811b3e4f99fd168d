import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { hostSchema } from '../../src/mcp/schema.ts';
import { documented, toolOnly, wireOnly } from './limits-documented.ts';
import { isAddressPattern, type Limit, limitsOf, patternsOf, said, trialsOf } from './limits.ts';
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

/** What the samples leave out and a limit needs: a recording on the first page, for its driver type. */
const needed: Readonly<Record<string, readonly [string, unknown]>> = {
  'make_ppt_video, wire': ['PageConfigs.[].InputAudioUrl', 'https://example.com/line.mp3'],
  'make_ppt_video, tool': ['page_configs.[].input_audio_url', 'https://example.com/line.mp3'],
};

/** Edges that a rule across fields forbids: a stretch cannot end where none can start before. */
const forbidden =
  /^(VideoParam\.DisableIntervals\.\[]\.EndTime|video_param\.disable_intervals\.\[]\.end_time) /;

/** The place at which a fault of the first item is found. */
const first = (path: string) => path.replaceAll('[]', '0');

const half = (key: string, schema: z.ZodType, values: readonly Json[]): Half => {
  const base = withoutUnset(merged(values), jsonSchema(schema));
  const more = needed[key];
  return {
    key,
    schema,
    base: more ? withField(base, ...more) : base,
    limits: limitsOf(jsonSchema(schema)),
  };
};

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

describe('the limits found', () => {
  it('are counted, so that an empty walk shows', () => {
    expect(pairs.map(({ key, wire, tool }) => [key, wire.limits.length, tool.limits.length])).toEqual([
      ['submit_portrait_sing', 6, 8],
      ['submit_image_animate', 5, 7],
      ['synthesize_speech', 18, 18],
      ['make_video', 16, 16],
      ['make_video_advanced', 32, 32],
      ['make_ppt_video', 44, 44],
      ['video_to_video', 37, 35],
      ['photo_to_video (cn)', 17, 17],
      ['photo_to_video (intl)', 16, 16],
      ['video_retalk', 3, 2],
    ]);
    const lists = halves.flatMap(({ limits }) => limits.filter(({ rule }) => rule.endsWith('Items')));
    expect(lists.map(said)).toEqual([
      'PageConfigs minItems 1',
      'PageConfigs maxItems 50',
      'page_configs minItems 1',
      'page_configs maxItems 50',
      'VideoParam.RefPhotoUrls maxItems 10',
      'VideoParam.DisableIntervals maxItems 5',
      'video_param.ref_photo_urls maxItems 10',
      'video_param.disable_intervals maxItems 5',
    ]);
    const trials = halves.flatMap(({ limits }) => limits.flatMap(trialsOf));
    expect(trials.filter(({ accepted }) => accepted).length).toBe(563);
    expect(trials.filter(({ accepted }) => !accepted).length).toBe(501);
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

  it.each(material)(
    '$key: hosts are shown every limit but what says nothing to them',
    ({ key, operation }) => {
      const shown = limitsOf(hostSchema(operation.input)).map(said);
      const tool = pairs.find((pair) => pair.key === key)?.tool.limits ?? [];
      // An empty string is nobody's plan, and some hosts refuse exclusiveMinimum.
      const [hidden, plain] = [
        tool.filter((limit) => / (minLength 1|exclusiveMinimum 0)$/.test(said(limit))),
        tool.filter((limit) => !/ (minLength 1|exclusiveMinimum 0)$/.test(said(limit))),
      ];
      expect(shown).toEqual(plain.map(said));
      expect(shown.length).toBeGreaterThan(0);
      const exclusive = hidden.filter(({ rule }) => rule === 'exclusiveMinimum');
      expect(exclusive).toHaveLength({ make_video_advanced: 2, make_ppt_video: 3 }[key] ?? 0);
    },
  );

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
      const expected = accepted && !forbidden.test(said(limit)) ? [] : [first(limit.path)];
      expect(refused, name).toEqual(expected);
    }
  });
});

const notAddresses = [
  '',
  'example.com/a.mp3',
  'ftp://example.com/a',
  'ftp:///a',
  'relative/a.mp3',
  '\\\\host\\share\\a.mp3',
  'https://',
  'https:///a',
];
/** What our input takes in place of an address, by the beginning of its pattern. */
const inPlace: ReadonlyArray<readonly [pattern: RegExp, values: readonly string[]]> = [
  [/^\^\(https/, ['file:///home/me/a.mp3', '/home/me/my song.mp3', 'C:\\me\\a.mp3', 'd:/me/a.mp3']],
  [/^\^\(auto/, ['auto']],
];
const addresses = halves.map(({ key, schema, base }) => ({
  key,
  schema,
  base,
  paths: patternsOf(jsonSchema(schema)).filter(({ pattern }) => isAddressPattern(pattern)),
}));

describe('addresses', () => {
  it('are counted', () => {
    const counts = [3, 2, 1, 4, 8, 3, 8, 4, 3, 3];
    expect(addresses.map(({ paths }) => paths.length)).toEqual(counts.flatMap((count) => [count, count]));
  });

  it.each(addresses)('$key: only http and https, without blanks', ({ schema, base, paths }) => {
    for (const { path, pattern } of paths) {
      for (const [begins, values] of inPlace)
        for (const value of values)
          expect(refusedAt(schema, withField(base, path, value)), `${path}: ${value}`).toEqual(
            begins.test(pattern) ? [] : [first(path)],
          );
      for (const value of [...notAddresses, 'https://example.com/a b', 'https://example.com/a\nb', 7, null])
        expect(refusedAt(schema, withField(base, path, value)), `${path}: ${value}`).toEqual([first(path)]);
      for (const value of ['http://example.com', 'https://example.com/a?b=c&d=%20#e'])
        expect(refusedAt(schema, withField(base, path, value)), `${path}: ${value}`).toEqual([]);
    }
  });
});

describe('strictness', () => {
  it.each(halves)('$key: an unknown field is refused, also in a nested object', ({ schema, base }) => {
    const objects = propertiesOf(jsonSchema(schema)).flatMap((property) => {
      if (property.schema.properties) return [`${property.path}.`];
      return property.schema.items?.properties ? [`${property.path}.[].`] : [];
    });
    const places = ['', ...objects];
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
    const counts = [1, 1, 1, 1, 3, 3, 2, 2, 9, 9, 13, 13, 9, 8, 3, 3, 3, 3, 1, 1];
    expect(whole.map(({ integers }) => integers.length)).toEqual(counts);
  });

  it.each(whole)('$key: whole numbers are whole', ({ schema, base, integers }) => {
    for (const { path } of integers) {
      const halfway = (property: number) => refusedAt(schema, withField(base, path, property + 0.5));
      expect([0, 1, 50, 120].map(halfway), path).toEqual(Array.from({ length: 4 }, () => [first(path)]));
    }
  });
});
