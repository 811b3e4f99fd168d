import type { JsonSchema } from '../../src/mcp/schema.ts';

/** Keywords that some host refuses a whole tool list for. */
export const forbiddenKeywords = [
  'anyOf',
  'oneOf',
  'allOf',
  'not',
  '$ref',
  'const',
  'additionalProperties',
  '$schema',
  '$defs',
  'definitions',
] as const;

/** Keywords whose value is a map of names to schemas: their keys are names, not keywords. */
const maps = new Set(['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions']);
/** Keywords whose value is data, never a schema. */
const data = new Set(['enum', 'const', 'default', 'examples', 'required']);

const isSchema = (value: unknown): value is JsonSchema =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

function nested(schema: JsonSchema): Array<[string, JsonSchema]> {
  return Object.entries(schema).flatMap(([keyword, value]): Array<[string, JsonSchema]> => {
    if (data.has(keyword)) return [];
    if (Array.isArray(value))
      return value.filter(isSchema).map((inner, index) => [`${keyword}[${index}]`, inner]);
    if (!isSchema(value)) return [];
    if (!maps.has(keyword)) return [[keyword, value]];
    return Object.entries(value)
      .filter((entry): entry is [string, JsonSchema] => isSchema(entry[1]))
      .map(([name, inner]) => [`${keyword}.${name}`, inner]);
  });
}

/** What a schema holds that hosts refuse, as `place: fault`, at any depth. */
export function lintSchema(schema: JsonSchema, place = '$'): string[] {
  const faults: string[] = forbiddenKeywords
    .filter((keyword) => Object.hasOwn(schema, keyword))
    .map((keyword) => `${place}: ${keyword}`);
  const type: unknown = schema.type;
  if (Array.isArray(type)) faults.push(`${place}: several types`);
  if (type === 'null' || (Array.isArray(type) && type.includes('null'))) faults.push(`${place}: null type`);
  if (Array.isArray(schema.enum) && schema.enum.some((value: unknown) => value === null))
    faults.push(`${place}: null type`);
  if (schema.nullable === true) faults.push(`${place}: null type`);
  return [...faults, ...nested(schema).flatMap(([step, inner]) => lintSchema(inner, `${place}.${step}`))];
}

export interface NamedProperty {
  readonly path: string;
  readonly name: string;
  readonly schema: JsonSchema;
}

/** Every property of a schema, nested ones and those of array items included. */
export function propertiesOf(schema: JsonSchema, prefix = ''): NamedProperty[] {
  const here = Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const path = prefix + name;
    return [{ path, name, schema: property }, ...propertiesOf(property, `${path}.`)];
  });
  return schema.items ? [...here, ...propertiesOf(schema.items, `${prefix}[].`)] : here;
}
