import { describe, expect, it } from 'vitest';
import { catalogFor, submitInput } from '../../src/mcp/tools.ts';
import { hostSchema, type JsonSchema } from '../../src/mcp/schema.ts';
import { material } from './material.ts';
import { forbiddenKeywords, lintSchema, propertiesOf } from './schema-lint.ts';

const tools = material.map(({ key, operation }) => ({
  key,
  operation,
  schema: hostSchema(operation.input),
  whole: hostSchema(submitInput(operation)),
}));
const properties = tools.flatMap(({ key, schema }) =>
  propertiesOf(schema).map((property) => ({ key, ...property })),
);
const allTools = [...catalogFor('cn'), ...catalogFor('intl')].map(({ definition }) => definition);

/** What a reader understands by the name alone, or by the range beside it. */
const obvious = new Set(
  `video_param speech_param logo_params anchor_param small_sample_param subtitles_param
  width height position_x position_y scale speed emotion_intensity
  enable_fake_teeth enable_music_mode start_idx start_time end_time code
  split_punctuation sentence_split_punctuation`.split(/\s+/),
);

/** Words in lower case that a description may begin with: formats and units have no other spelling. */
const lowerCase = /^(jpe?g|png|mp3|mp4|ppt|wav|s|ms)\b/;

/** Faults of a text that a model reads: our own English, one line, at most `most` characters. */
function textFaults(text: string, most = 300): string[] {
  const faults: string[] = [];
  if (/[\r\n\u2028\u2029]/.test(text)) faults.push('line break');
  if (/[^\p{Script=Latin}\p{Script=Common}]/u.test(text)) faults.push('not English');
  if ([...text].length > most) faults.push(`${[...text].length} characters`);
  if (text.trim() !== text || text === '') faults.push('blank at an end');
  if (!/^[\p{Lu}\d`"/]/u.test(text) && !lowerCase.test(text)) faults.push('no sentence');
  // A unit stands alone.
  else if (!/[.!?]$/.test(text) && !/^m?s$/.test(text)) faults.push('no end');
  return faults;
}

/** A note may show markup, in the script that the markup is for. */
const withoutMarkup = (note: string) => note.replaceAll(/<phoneme [^<]*<\/phoneme>/g, 'a tag');

describe('properties', () => {
  it('are as many as the pages document', () => {
    const count = (key: string) => properties.filter((property) => property.key === key).length;
    expect(tools.map(({ key }) => [key, count(key)])).toEqual([
      ['submit_portrait_sing', 14],
      ['submit_image_animate', 15],
      ['synthesize_speech', 14],
      ['make_video', 17],
      ['make_video_advanced', 44],
      ['make_ppt_video', 53],
      ['video_to_video', 33],
      ['photo_to_video (cn)', 16],
      ['photo_to_video (intl)', 15],
      ['video_retalk', 5],
    ]);
  });

  it.each(tools)('$key: names are short snake_case', ({ whole }) => {
    const names = propertiesOf(whole).map(({ name }) => name);
    expect(names.filter((name) => !/^[a-z][a-z0-9_]*$/.test(name) || name.length > 40)).toEqual([]);
  });

  it('have a description, an enum or an obvious name', () => {
    const bare = properties.filter(({ schema }) => schema.description === undefined && !schema.enum);
    // At the least the rectangle of VCLM's mark, twice.
    expect(bare.length).toBeGreaterThanOrEqual(4);
    const unclear = bare.filter(({ name }) => !obvious.has(name));
    expect(unclear.map(({ key, path }) => `${key}: ${path}`)).toEqual([]);
  });

  it('say it in English, on one line, in at most 300 characters', () => {
    const described = properties.flatMap(({ key, path, schema: { description } }) =>
      description === undefined ? [] : [{ place: `${key}: ${path}`, description }],
    );
    // 226 properties; what an enum, a range or the name says need not be said again.
    expect(properties).toHaveLength(226);
    expect(described.length).toBeGreaterThan(100);
    const faults = described.flatMap(({ place, description }) =>
      textFaults(description).map((fault) => `${place}: ${fault}`),
    );
    expect(faults).toEqual([]);
  });

  it.each(tools)('$key: the tool’s own texts are such texts too', ({ operation, whole }) => {
    expect(textFaults(operation.description)).toEqual([]);
    expect(operation.name).toMatch(/^[a-z][a-z0-9_]{0,39}$/);
    expect(operation.title.length).toBeGreaterThan(0);
    const options = propertiesOf(whole).filter(({ name }) => ['idempotency_key', 'dry_run'].includes(name));
    expect(options.map(({ schema }) => textFaults(schema.description ?? ''))).toEqual([[], []]);
    // A note may begin with a field's name.
    const notes = operation.notes.flatMap((note) =>
      textFaults(withoutMarkup(note), 600).filter((fault) => fault !== 'no sentence'),
    );
    expect(operation.notes.length).toBeGreaterThan(0);
    expect(notes).toEqual([]);
  });

  it('finds planted bad texts', () => {
    expect(textFaults('One.\nTwo.')).toContain('line break');
    expect(textFaults('音频时长。')).toContain('not English');
    expect(textFaults(`${'A'.repeat(300)}.`)).toEqual(['301 characters']);
    expect(textFaults('')).toContain('blank at an end');
    expect(textFaults('lower case')).toEqual(['no sentence']);
    expect(textFaults('Upper case')).toEqual(['no end']);
    expect(textFaults('sound.')).toEqual(['no sentence']);
    expect(textFaults('jpg or png.')).toEqual([]);
    expect(textFaults('A sentence, 2–60 s.')).toEqual([]);
  });
});

describe('the schemas that hosts see', () => {
  it.each(tools)('$key: nothing that a host refuses', ({ schema, whole }) => {
    for (const shown of [schema, whole]) {
      expect(shown.type).toBe('object');
      expect(lintSchema(shown)).toEqual([]);
    }
    expect(propertiesOf(whole)).toHaveLength(propertiesOf(schema).length + 2);
  });

  it('every tool of both sites, inputs and outputs', () => {
    expect(new Set(allTools.map(({ name }) => name)).size).toBeGreaterThan(3);
    const faults = allTools.flatMap(({ name, inputSchema, outputSchema }) =>
      [...lintSchema(inputSchema), ...lintSchema(outputSchema)].map((fault) => `${name} ${fault}`),
    );
    expect(faults).toEqual([]);
  });
});

/** A sound schema to plant in; a property may be called like a keyword. */
const sound: JsonSchema = {
  type: 'object',
  properties: {
    not: { type: 'string', enum: ['const', 'anyOf'] },
    const: { type: 'array', items: { type: 'object', properties: { $ref: { type: 'integer' } } } },
    deep: { type: 'object', properties: { deeper: { type: 'object', properties: {} } } },
  },
  required: ['not'],
};
const values: Readonly<Record<(typeof forbiddenKeywords)[number], unknown>> = {
  anyOf: [{ type: 'string' }],
  oneOf: [{ type: 'string' }],
  allOf: [{ type: 'string' }],
  not: { type: 'string' },
  $ref: '#/$defs/a',
  const: 'a',
  additionalProperties: false,
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $defs: { a: { type: 'string' } },
  definitions: { a: { type: 'string' } },
};
const planted = [
  ...forbiddenKeywords.map((keyword) => ({
    keyword: keyword as string,
    fault: { [keyword]: values[keyword] },
  })),
  { keyword: 'several types', fault: { type: ['string', 'integer'] } },
  { keyword: 'null type', fault: { type: 'null' } },
  { keyword: 'null type', fault: { type: ['string', 'null'] } },
  { keyword: 'null type', fault: { enum: ['a', null] } },
  { keyword: 'null type', fault: { nullable: true } },
] as Array<{ keyword: string; fault: JsonSchema }>;
const places: ReadonlyArray<readonly [string, (fault: JsonSchema) => JsonSchema]> = [
  ['$', (fault) => ({ ...sound, ...fault })],
  ['$.properties.planted', (fault) => ({ ...sound, properties: { ...sound.properties, planted: fault } })],
  [
    '$.properties.list.items.properties.planted',
    (fault) => ({
      properties: { list: { type: 'array', items: { type: 'object', properties: { planted: fault } } } },
    }),
  ],
];
const plants = places.flatMap(([place, plant]) => planted.map((item) => ({ place, plant, ...item })));

describe('the lint itself', () => {
  it('finds nothing in a sound schema, whatever its properties are called', () => {
    expect(lintSchema(sound)).toEqual([]);
    expect(propertiesOf(sound).map(({ path }) => path)).toEqual([
      'not',
      'const',
      'const.[].$ref',
      'deep',
      'deep.deeper',
    ]);
  });

  it('is tried with fifteen violations in three places', () => {
    expect(planted).toHaveLength(15);
    expect(plants).toHaveLength(45);
  });

  it.each(plants)('finds $keyword at $place', ({ place, plant, keyword, fault }) => {
    expect(lintSchema(plant(fault))).toContain(`${place}: ${keyword}`);
  });

  it('finds what the bare zod schema holds and hostSchema takes away', () => {
    const bare: JsonSchema = { ...sound, additionalProperties: false, $schema: 'x' };
    expect(lintSchema(bare)).toEqual(['$: additionalProperties', '$: $schema']);
  });
});
