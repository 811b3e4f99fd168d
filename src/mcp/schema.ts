import { z } from 'zod';

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
const dropped = new Set(['$schema', 'additionalProperties', 'default', 'pattern']);

function flatten(schema: JsonSchema): JsonSchema {
  const kept: JsonSchema = {};
  for (const [keyword, value] of Object.entries(schema)) {
    if (dropped.has(keyword)) continue;
    // zod says the range of safe integers for every integer; that is no documented limit.
    if (value === Number.MAX_SAFE_INTEGER || value === Number.MIN_SAFE_INTEGER) continue;
    kept[keyword] = value;
  }
  if (schema.properties)
    kept.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, property]) => [name, flatten(property)]),
    );
  if (schema.items) kept.items = flatten(schema.items);
  return kept;
}

/** The JSON Schema of an input or output as hosts are shown it: flat, without what any of them refuses. */
export function hostSchema(schema: z.ZodType): JsonSchema {
  return flatten(z.toJSONSchema(schema, { io: 'input' }) as JsonSchema);
}
