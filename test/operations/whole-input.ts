import type { Operation } from '../../src/core/operation.ts';
import type { JsonSchema } from '../../src/mcp/schema.ts';
import { isAddressPattern, isJsonText } from './limits.ts';
import { type Json, jsonSchema, withField } from './material.ts';
import { type NamedProperty, propertiesOf } from './schema-lint.ts';

/** The properties that hold a value: no objects, and no arrays of objects. */
export const leavesOf = (schema: JsonSchema) =>
  propertiesOf(schema).filter(({ schema: { properties, items } }) => !properties && !items?.properties);

/** Values that a rule across fields asks for: a stretch that ends after it starts. */
const asked: Readonly<Record<string, unknown>> = {
  'video_param.disable_intervals.[].start_time': 11,
  'video_param.disable_intervals.[].end_time': 12,
};

/** A value that no other field has where the property allows it, at one end of its range. */
function valueFor({ path, schema }: NamedProperty, index: number, end: 'low' | 'high'): unknown {
  if (path in asked) return asked[path];
  if (schema.enum) return schema.enum.at(end === 'low' ? 0 : -1);
  switch (schema.type) {
    case 'boolean':
      return end === 'high';
    case 'array':
      return [`https://example.com/${path}/1`, `https://example.com/${path}/2`];
    case 'integer':
    case 'number': {
      if (end === 'low' && typeof schema.exclusiveMinimum === 'number') return 0.01 + index / 1000;
      const bound = end === 'low' ? schema.minimum : schema.maximum;
      const documented = bound !== undefined && Number.isFinite(bound) && Math.abs(bound) < 1e9;
      return documented ? bound : 100 + index;
    }
    default: {
      const pattern = typeof schema.pattern === 'string' ? schema.pattern : '';
      if (isJsonText(path)) return JSON.stringify({ path });
      if (isAddressPattern(pattern)) return `https://example.com/${path}`;
      if (pattern.startsWith('^#')) return `#ABCD${10 + index}`;
      return pattern === '' ? `the ${path}` : `AAAA${index}`;
    }
  }
}

export interface Field {
  readonly path: string;
  readonly value: unknown;
}

/** An input with every field of a tool set, at either end of what the fields allow. */
export function wholeInput({ input }: Operation, end: 'low' | 'high'): { fields: Field[]; input: Json } {
  const fields = leavesOf(jsonSchema(input)).map((property, index) => ({
    path: property.path,
    value: valueFor(property, index, end),
  }));
  return {
    fields,
    input: fields.reduce<Json>((value, field) => withField(value, field.path, field.value), {}),
  };
}
