import { describe, expect, it } from 'vitest';
import type { JsonSchema } from '../../src/mcp/schema.ts';
import { asSent, isObject, type Json, jsonSchema, material, toolPath, withField } from './material.ts';
import { type NamedProperty, propertiesOf } from './schema-lint.ts';

const leaves = (schema: JsonSchema) => propertiesOf(schema).filter((property) => !property.schema.properties);

/** A value that no other field has, at one end of what the property allows. */
function valueFor({ path, schema }: NamedProperty, index: number, end: 'low' | 'high'): unknown {
  if (schema.enum) return schema.enum.at(end === 'low' ? 0 : -1);
  switch (schema.type) {
    case 'boolean':
      return end === 'high';
    case 'integer':
    case 'number': {
      const bound = end === 'low' ? schema.minimum : schema.maximum;
      const documented = bound !== undefined && Number.isFinite(bound) && Math.abs(bound) < 1e9;
      return documented ? bound : 100 + index;
    }
    default: {
      const pattern = typeof schema.pattern === 'string' ? schema.pattern : '';
      if (pattern.startsWith('^https?')) return `https://example.com/${path}`;
      return pattern === '' ? `the ${path}` : `AAAA${index}`;
    }
  }
}

function valueAt(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((at, step) => (isObject(at) ? at[step] : undefined), value);
}

const cases = material.flatMap(({ key, operation }) =>
  (['low', 'high'] as const).map((end) => {
    const fields = leaves(jsonSchema(operation.input)).map((property, index) => ({
      path: property.path,
      value: valueFor(property, index, end),
    }));
    const input = fields.reduce<Json>((value, field) => withField(value, field.path, field.value), {});
    const wire = leaves(jsonSchema(operation.wire.submit.request)).map(({ path }) => path);
    return { key, end, operation, fields, input, wire };
  }),
);

/** Wire fields that are no choice of the caller. */
const fixed: Readonly<Record<string, unknown>> = { model: 'videoretalk' };

describe('every field of the tool reaches the cloud', () => {
  it('fields are counted on both halves', () => {
    expect(cases.map(({ key, end, fields, wire }) => [key, end, fields.length, wire.length])).toEqual([
      ['submit_portrait_sing', 'low', 12, 12],
      ['submit_portrait_sing', 'high', 12, 12],
      ['photo_to_video (cn)', 'low', 14, 14],
      ['photo_to_video (cn)', 'high', 14, 14],
      ['photo_to_video (intl)', 'low', 13, 13],
      ['photo_to_video (intl)', 'high', 13, 13],
      ['video_retalk', 'low', 5, 6],
      ['video_retalk', 'high', 5, 6],
    ]);
  });

  it.each(cases)('$key, all fields set, $end values', ({ operation, fields, input, wire }) => {
    const encoded = asSent(operation.encode(operation.input.parse(input)));
    expect(operation.wire.submit.request.safeParse(encoded).error).toBeUndefined();
    const sent = wire.map((path) => [path, valueAt(encoded, path)]);
    const expected = wire.map((path) => [
      path,
      fixed[path] ?? fields.find((field) => field.path === toolPath(path))?.value,
    ]);
    expect(sent).toEqual(expected);
    expect(sent.filter(([, value]) => value === undefined)).toEqual([]);
    const named = wire.filter((path) => !(path in fixed)).map(toolPath);
    expect(named.toSorted()).toEqual(fields.map(({ path }) => path).toSorted());
  });
});
