import * as z from 'zod';

export interface JsonSchema {
  type?: string;
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  enum?: string[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  [keyword: string]: unknown;
}

/** Keywords that some host refuses a whole tool list for, or that say nothing to a model. */
const dropped = new Set([
  '$schema',
  'additionalProperties',
  'default',
  'pattern',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'twin',
]);

function flatten(schema: JsonSchema): JsonSchema {
  const kept: JsonSchema = {};
  for (const [keyword, value] of Object.entries(schema)) {
    if (dropped.has(keyword)) continue;
    // zod says the range of safe integers for every integer; that is no documented limit.
    if (value === Number.MAX_SAFE_INTEGER || value === Number.MIN_SAFE_INTEGER) continue;
    // "Not empty" goes without saying, in every tool again.
    if (keyword === 'minLength' && value === 1) continue;
    kept[keyword] = value;
  }
  if (schema.properties)
    kept.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, property]) => [name, flatten(property)]),
    );
  if (schema.items) kept.items = flatten(schema.items);
  return kept;
}

/**
 * An output's schema without the inside of nested objects: it travels with every tool, and hosts check
 * results against it without showing it to a model. The README says what is inside.
 */
export function outline(schema: z.ZodType): JsonSchema {
  const { properties = {}, ...rest } = hostSchema(schema);
  const shallow = ({ type, items, enum: values }: JsonSchema): JsonSchema => ({
    type,
    ...(items && { items: { type: items.type } }),
    ...(values && { enum: values }),
  });
  return {
    ...rest,
    properties: Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, shallow(field)])),
  };
}

/** The JSON Schema of an input or output as hosts are shown it: flat, without what any of them refuses. */
export function hostSchema(schema: z.ZodType): JsonSchema {
  return flatten(z.toJSONSchema(schema, { io: 'input' }) as JsonSchema);
}
