import type { JsonSchema } from '../../src/mcp/schema.ts';

/** One end of a range, or a list of words: what a schema says and a value can break. */
export interface Limit {
  readonly path: string;
  readonly rule: 'minimum' | 'maximum' | 'minLength' | 'maxLength' | 'enum';
  readonly value: number | readonly unknown[];
  /** The property that the limit stands on. */
  readonly schema: JsonSchema;
}

const numeric = ['minimum', 'maximum', 'minLength', 'maxLength'] as const;

/** The range of safe integers, which zod says for every integer, is no limit. */
const isSafeBound = (value: number) => value === Number.MAX_SAFE_INTEGER || value === Number.MIN_SAFE_INTEGER;

/** Every limit of a schema, nested objects included. */
export function limitsOf(schema: JsonSchema, prefix = ''): Limit[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const path = prefix + name;
    const found: Limit[] = numeric.flatMap((rule) => {
      const value = property[rule];
      return value === undefined || isSafeBound(value) ? [] : [{ path, rule, value, schema: property }];
    });
    const words = property.enum ?? (property.const === undefined ? undefined : [property.const]);
    if (words) found.push({ path, rule: 'enum', value: words, schema: property });
    return [...found, ...limitsOf(property, `${path}.`)];
  });
}

/** `SpeechParam.Speed minimum 0.5`, `DriverType enum Text|OriginalVoice`. */
export function said({ path, rule, value }: Pick<Limit, 'path' | 'rule' | 'value'>): string {
  return `${path} ${rule} ${typeof value === 'number' ? value : value.join('|')}`;
}

/** Every property with a pattern, nested objects included: its path. */
export function patternsOf(schema: JsonSchema, prefix = ''): Array<{ path: string; pattern: string }> {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => [
    ...(typeof property.pattern === 'string' ? [{ path: prefix + name, pattern: property.pattern }] : []),
    ...patternsOf(property, `${prefix}${name}.`),
  ]);
}

const address = 'https://example.com/';
const isAddress = ({ pattern }: JsonSchema) => typeof pattern === 'string' && pattern.startsWith('^https?');
const isBase64 = ({ pattern }: JsonSchema) =>
  typeof pattern === 'string' && pattern.startsWith('^[A-Za-z0-9+/]');

/** A string of that many code points that the property's pattern allows. */
function stringOf(schema: JsonSchema, points: number, character: string): string {
  return isAddress(schema)
    ? address + character.repeat(points - address.length)
    : character.repeat(Math.max(0, points));
}

export interface Trial {
  readonly name: string;
  readonly value: unknown;
  readonly accepted: boolean;
}

/** The edge and what lies one step beyond it; strings also in characters of two UTF-16 units. */
export function trialsOf({ rule, value, schema }: Limit): Trial[] {
  if (typeof value !== 'number') {
    const words = value.map((word): Trial => ({ name: String(word), value: word, accepted: true }));
    return [...words, { name: 'an unlisted word', value: 'NotListed', accepted: false }];
  }
  const down = rule === 'minimum' || rule === 'minLength';
  if (rule === 'minimum' || rule === 'maximum') {
    const step = schema.type === 'integer' ? 1 : 0.001;
    const beyond = down ? value - step : value + step;
    return [
      { name: `${value}`, value, accepted: true },
      { name: `${beyond}`, value: beyond, accepted: false },
    ];
  }
  const beyond = down ? value - 1 : value + 1;
  const characters = isBase64(schema) ? ['A'] : ['A', '😀'];
  return characters.flatMap((character) => [
    { name: `${value} × ${character}`, value: stringOf(schema, value, character), accepted: true },
    { name: `${beyond} × ${character}`, value: stringOf(schema, beyond, character), accepted: false },
  ]);
}
