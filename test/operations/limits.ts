import type { JsonSchema } from '../../src/mcp/schema.ts';
import { propertiesOf } from './schema-lint.ts';

const bounds = [
  'minimum',
  'exclusiveMinimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
] as const;

/** One end of a range, or a list of words: what a schema says and a value can break. */
export interface Limit {
  /** Dotted; `[]` stands for the items of an array. */
  readonly path: string;
  readonly rule: (typeof bounds)[number] | 'enum';
  readonly value: number | readonly unknown[];
  /** The property that the limit stands on. */
  readonly schema: JsonSchema;
}

/** The range of safe integers, which zod says for every integer, is no limit. */
const isSafeBound = (value: number) => value === Number.MAX_SAFE_INTEGER || value === Number.MIN_SAFE_INTEGER;

/** Every limit of a schema, nested objects and the items of arrays included. */
export function limitsOf(schema: JsonSchema): Limit[] {
  return propertiesOf(schema).flatMap(({ path, schema: property }) => {
    const found: Limit[] = bounds.flatMap((rule) => {
      const value = property[rule];
      return typeof value !== 'number' || isSafeBound(value) ? [] : [{ path, rule, value, schema: property }];
    });
    const words = property.enum ?? (property.const === undefined ? undefined : [property.const]);
    return words ? [...found, { path, rule: 'enum', value: words, schema: property }] : found;
  });
}

/** `SpeechParam.Speed minimum 0.5`, `DriverType enum Text|OriginalVoice`. */
export function said({ path, rule, value }: Pick<Limit, 'path' | 'rule' | 'value'>): string {
  return `${path} ${rule} ${typeof value === 'number' ? value : value.join('|')}`;
}

/** Every property with a pattern, nested ones and the strings of a list included: its path. */
export function patternsOf(schema: JsonSchema): Array<{ path: string; pattern: string }> {
  return propertiesOf(schema).flatMap(({ path, schema: property }) =>
    [
      { path, pattern: property.pattern },
      { path: `${path}.[]`, pattern: property.items?.pattern },
    ].flatMap((found) =>
      typeof found.pattern === 'string' ? [{ path: found.path, pattern: found.pattern }] : [],
    ),
  );
}

const address = 'https://example.com/';
/** Web addresses, alone or beside what our input takes in their place. */
export const isAddressPattern = (pattern: unknown) =>
  typeof pattern === 'string' && /^\^\(?(auto\|)?https\?/.test(pattern);
const isAddress = ({ pattern }: JsonSchema) => isAddressPattern(pattern);
const isBase64 = ({ pattern }: JsonSchema) =>
  typeof pattern === 'string' && pattern.startsWith('^[A-Za-z0-9+/]');

/** A string that must be JSON inside; a digit is. */
export const isJsonText = (path: string) => /AnchorExtraParam$|anchor_extra_param$/.test(path);

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

/** One item of a list that nothing but its number can make wrong: an address, a page, a stretch. */
function itemOf(items: JsonSchema, index: number): unknown {
  if (!items.properties) return `${address}${index}`;
  const sound: Readonly<Record<string, unknown>> = {
    starttime: 2 * index,
    endtime: 2 * index + 1,
    inputssml: 'Some words.',
  };
  const named = Object.keys(items.properties).map((name) => [
    name,
    sound[name.replaceAll('_', '').toLowerCase()],
  ]);
  return Object.fromEntries(named.filter(([, value]) => value !== undefined)) as unknown;
}

const listOf = (items: JsonSchema, count: number) =>
  Array.from({ length: count }, (_, index) => itemOf(items, index));

/** The edge and what lies one step beyond it; strings also in characters of two UTF-16 units. */
export function trialsOf({ path, rule, value, schema }: Limit): Trial[] {
  if (typeof value !== 'number') {
    const words = value.map((word): Trial => ({ name: String(word), value: word, accepted: true }));
    const unlisted: unknown[] = ['NotListed'];
    if (value.every((word) => typeof word === 'number')) unlisted.push(...value.map((word) => word + 1));
    return [
      ...words,
      ...unlisted.map((word): Trial => ({ name: `unlisted ${String(word)}`, value: word, accepted: false })),
    ];
  }
  if (rule === 'exclusiveMinimum')
    return [
      { name: `${value + 0.001}`, value: value + 0.001, accepted: true },
      { name: `${value}`, value, accepted: false },
    ];
  const beyond = rule.startsWith('min') ? -1 : 1;
  if (rule === 'minimum' || rule === 'maximum') {
    const next = value + beyond * (schema.type === 'integer' ? 1 : 0.001);
    return [
      { name: `${value}`, value, accepted: true },
      { name: `${next}`, value: next, accepted: false },
    ];
  }
  const next = value + beyond;
  if (rule === 'minItems' || rule === 'maxItems') {
    const { items = {} } = schema;
    return [
      { name: `${value} items`, value: listOf(items, value), accepted: true },
      { name: `${next} items`, value: listOf(items, next), accepted: false },
    ];
  }
  const characters = isBase64(schema) ? ['A'] : isJsonText(path) ? ['1'] : ['A', '😀'];
  return characters.flatMap((character) => [
    { name: `${value} × ${character}`, value: stringOf(schema, value, character), accepted: true },
    { name: `${next} × ${character}`, value: stringOf(schema, next, character), accepted: false },
  ]);
}
