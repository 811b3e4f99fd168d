import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { asSent, type Json, jsonSchema, material, refusedAt, valueAt, withField } from './material.ts';
import { type NamedProperty, propertiesOf } from './schema-lint.ts';
import { wholeInput } from './whole-input.ts';

/** Wire field, input field (null: no choice of the caller), the page's type, whether it is required. */
const row = z.tuple([
  z.string(),
  z.string().nullable(),
  z.enum(['string', 'int', 'float', 'bool', 'object', 'array']),
  z.enum(['yes', 'no']),
]);

/** THE table: what the pages' request tables list, read a second time by hand. */
const tables = z
  .record(
    z.string(),
    z.strictObject({
      page: z.string().min(1),
      fields: z.array(row),
      /** Fields that the page's table does not have, with where they come from. */
      extra: z.array(z.strictObject({ field: row, source: z.string().min(1) })),
    }),
  )
  .parse(JSON.parse(readFileSync(new URL('../fixtures/documented-fields.json', import.meta.url), 'utf8')));

const jsonTypes = {
  string: 'string',
  int: 'integer',
  float: 'number',
  bool: 'boolean',
  object: 'object',
  array: 'array',
} as const;

/** Objects that DashScope's page writes as the first part of a name and lists nowhere by themselves. */
const containers = new Set(['input', 'parameters']);

/**
 * Where the page's column of what is required is not followed by the schema: a sample of the page leaves
 * the field out, or it is needed with some drivers only, which is a rule.
 */
const relaxed: Readonly<Record<string, readonly string[]>> = {
  make_video: ['InputSsml', 'SpeechParam.Speed'],
  make_video_advanced: ['SpeechParam', 'SpeechParam.Speed'],
};

/** Whole numbers that JSON Schema calls numbers: two words of a list. */
const listedNumbers = new Set(['SampleRate', 'sample_rate']);

/** What is required at its own place, by path. */
function requiredPaths(properties: readonly NamedProperty[], top: readonly string[] = []): string[] {
  const inner = properties.flatMap(({ path, schema }) => [
    ...(schema.required ?? []).map((name) => `${path}.${name}`),
    ...(schema.items?.required ?? []).map((name) => `${path}.[].${name}`),
  ]);
  return [...top, ...inner];
}

const cases = material.map(({ key, operation }) => {
  const table = tables[key];
  const wireSchema = jsonSchema(operation.wire.submit.request);
  const inputSchema = jsonSchema(operation.input);
  return {
    key,
    operation,
    listed: table?.fields ?? [],
    rows: [...(table?.fields ?? []), ...(table?.extra ?? []).map(({ field }) => field)],
    wire: propertiesOf(wireSchema).filter(({ path }) => !containers.has(path)),
    wireRequired: requiredPaths(propertiesOf(wireSchema), wireSchema.required),
    input: propertiesOf(inputSchema),
    inputRequired: requiredPaths(propertiesOf(inputSchema), inputSchema.required),
  };
});

const offered = (rows: ReadonlyArray<z.output<typeof row>>) =>
  rows.flatMap(([wire, input, type, required]) => (input === null ? [] : [{ wire, input, type, required }]));

describe('the table of documented fields', () => {
  it('is counted by operation and in total', () => {
    expect(
      Object.entries(tables).map(([key, { fields, extra }]) => [key, fields.length, extra.length]),
    ).toEqual([
      ['submit_portrait_sing', 7, 7],
      ['submit_image_animate', 8, 7],
      ['synthesize_speech', 13, 1],
      ['make_video', 17, 0],
      ['make_video_advanced', 44, 0],
      ['make_ppt_video', 53, 0],
      ['video_to_video', 33, 1],
      ['photo_to_video (cn)', 16, 0],
      ['photo_to_video (intl)', 15, 0],
      ['video_retalk', 5, 1],
    ]);
    expect(Object.keys(tables)).toEqual(material.map(({ key }) => key));
    expect(cases.flatMap(({ listed }) => listed)).toHaveLength(211);
    expect(cases.flatMap(({ rows }) => rows)).toHaveLength(228);
  });

  it('lists no field twice, and one input field twice only for the twin', () => {
    for (const { key, rows } of cases) {
      expect(new Set(rows.map(([wire]) => wire)).size, key).toBe(rows.length);
      const inputs = offered(rows).map(({ input }) => input);
      const twice = inputs.filter((input, index) => inputs.indexOf(input) !== index);
      expect(twice, key).toEqual(key === 'video_to_video' ? ['video_param.disable_id_detect'] : []);
    }
  });

  it('names a page that is among the literal’s', () => {
    for (const { key, operation } of cases)
      expect(
        operation.wire.documentation.filter(({ date }) => tables[key]?.page.includes(date)),
        key,
      ).toHaveLength(1);
  });
});

describe.each(cases)('$key', ({ key, operation, rows, ...halves }) => {
  it('the wire has every field and no other', () => {
    expect(halves.wire.map(({ path }) => path).toSorted()).toEqual(rows.map(([wire]) => wire).toSorted());
  });

  it('the tool has every field and no other', () => {
    const expected = new Set(offered(rows).map(({ input }) => input));
    expect(halves.input.map(({ path }) => path).toSorted()).toEqual([...expected].toSorted());
  });

  it('fields have the page’s type on both halves', () => {
    const typeAt = (properties: readonly NamedProperty[], path: string) =>
      properties.find((property) => property.path === path)?.schema.type;
    const expected = (path: string, type: keyof typeof jsonTypes) =>
      listedNumbers.has(path) ? 'number' : jsonTypes[type];
    expect(rows.map(([wire]) => [wire, typeAt(halves.wire, wire)])).toEqual(
      rows.map(([wire, , type]) => [wire, expected(wire, type)]),
    );
    expect(offered(rows).map(({ input }) => [input, typeAt(halves.input, input)])).toEqual(
      offered(rows).map(({ input, type }) => [input, expected(input, type)]),
    );
  });

  it('what the page requires is required on both halves', () => {
    const wanted = rows.filter(([wire, , , need]) => need === 'yes' && !relaxed[key]?.includes(wire));
    expect(halves.wireRequired.filter((path) => !containers.has(path)).toSorted()).toEqual(
      wanted.map(([wire]) => wire).toSorted(),
    );
    expect(halves.inputRequired.toSorted()).toEqual(
      offered(wanted)
        .map(({ input }) => input)
        .toSorted(),
    );
  });

  it.each(['low', 'high'] as const)('every field is taken by both halves, %s values', (end) => {
    const { input } = wholeInput(operation, end);
    expect(refusedAt(operation.input, input)).toEqual([]);
    const encoded = asSent(operation.encode(operation.input.parse(input)));
    expect(refusedAt(operation.wire.submit.request, encoded)).toEqual([]);
    for (const { wire, input: path } of offered(rows)) {
      expect(valueAt(input, path), path).toBeDefined();
      expect(valueAt(encoded, wire), wire).toBeDefined();
    }
  });

  it('a field in the other half’s spelling is refused by name', () => {
    const { input } = wholeInput(operation, 'high');
    const encoded = asSent(operation.encode(operation.input.parse(input)));
    const last = (path: string) => path.split('.').at(-1) ?? '';
    const sibling = (path: string, name: string) => [...path.split('.').slice(0, -1), name].join('.');
    const unknown = (schema: z.ZodType, value: Json) =>
      schema.safeParse(value).error?.issues.some(({ code }) => code === 'unrecognized_keys');
    const swapped = offered(rows).filter(({ wire, input: path }) => last(wire) !== last(path));
    // DashScope's names are ours already.
    expect(swapped).toHaveLength(key === 'video_retalk' ? 0 : rows.length);
    for (const { wire, input: path } of swapped) {
      const atTool = withField(input, sibling(path, last(wire)), 1);
      expect(unknown(operation.input, atTool), wire).toBe(true);
      const atWire = withField(encoded, sibling(wire, last(path)), 1);
      expect(unknown(operation.wire.submit.request, atWire), path).toBe(true);
    }
  });
});
