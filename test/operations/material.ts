import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { operations } from '../../src/clouds/index.ts';
import { failureKinds } from '../../src/core/failure.ts';
import type { Operation } from '../../src/core/operation.ts';
import type { JsonSchema } from '../../src/mcp/schema.ts';

export type Json = Record<string, unknown>;

const object = z.record(z.string(), z.unknown());

/** The form of a fixture file: data only. Anything else in it is refused by name. */
const fixtureFile = z.strictObject({
  page: z.strictObject({ title: z.string().min(1), date: z.string().regex(/^(\d{4}-\d\d-\d\d|undated)$/) }),
  /** Damage of the page that is mended here. */
  mended: z.array(z.string()).optional(),
  /** What does not stand on the page as one piece. */
  composed: z.array(z.string()).optional(),
  examples: z.array(z.strictObject({ name: z.string(), input: object, request: object, reply: object })),
  refusals: z.array(
    z.strictObject({
      name: z.string(),
      call: z.enum(['submit', 'status']).default('submit'),
      input: object.optional(),
      request: object.optional(),
      /** HTTP status. */
      status: z.int().default(200),
      reply: object,
      code: z.string(),
      kind: z.string().refine((kind) => Object.hasOwn(failureKinds, kind)),
    }),
  ),
  statuses: z.array(
    z.strictObject({
      name: z.string(),
      reply: object,
      state: z.looseObject({ state: z.string(), unrecognised: z.string().optional() }),
    }),
  ),
});

export type Fixture = z.output<typeof fixtureFile>;

const folders = {
  vclm: 'tencent-vclm',
  vclm_intl: 'tencent-vclm',
  ivh: 'tencent-ivh',
  dashscope: 'dashscope',
} as const;

export function fixturePath({ name, wire }: Operation): string {
  return `${folders[wire.cloud]}/${name}${wire.site ? `.${wire.site}` : ''}.json`;
}

export function readFixture(path: string): Fixture {
  return fixtureFile.parse(JSON.parse(readFileSync(new URL(`../fixtures/${path}`, import.meta.url), 'utf8')));
}

/** Every operation with its fixture; `key` tells the sites apart. */
export const material = operations.map((operation) => ({
  key: operation.name + (operation.wire.site ? ` (${operation.wire.site})` : ''),
  operation,
  fixture: readFixture(fixturePath(operation)),
}));

/** Every request of a fixture with the input that means the same: accepted ones and refused ones. */
export function pairsOf({
  examples,
  refusals,
}: Fixture): Array<{ name: string; input: Json; request: Json }> {
  return [...examples, ...refusals].flatMap(({ name, input, request }) =>
    input && request ? [{ name, input, request }] : [],
  );
}

export const asSent = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json;

export function jsonSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
}

export function isObject(value: unknown): value is Json {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** `""`, and a 0 that the page's own range forbids: how the vendors write a field that is not set. */
function isUnset(value: unknown, { minimum = 0, exclusiveMinimum }: JsonSchema): boolean {
  return value === '' || (value === 0 && (minimum > 0 || exclusiveMinimum === 0));
}

/** Every field that a vendor's sample fills without setting it: its path. */
export function unsetIn(value: unknown, schema: JsonSchema, path = ''): string[] {
  if (Array.isArray(value))
    return value.flatMap((item, index) => unsetIn(item, schema.items ?? {}, `${path}.${index}`));
  if (!isObject(value)) return isUnset(value, schema) ? [path] : [];
  return Object.entries(value).flatMap(([name, field]) => {
    const inner = schema.properties?.[name] ?? {};
    return schema.required?.includes(name) && !isObject(field) && !Array.isArray(field)
      ? []
      : unsetIn(field, inner, path === '' ? name : `${path}.${name}`);
  });
}

/** A request without the fields that are not set. */
export function withoutUnset(value: Json, schema: JsonSchema): Json {
  return withoutFields(value, ...unsetIn(value, schema));
}

/** A copy of `base` with the value at the end of `steps`; what is missing on the way is made. */
function changed(base: unknown, steps: readonly string[], value: unknown): unknown {
  const [head, ...rest] = steps;
  if (head === undefined) return value;
  if (base === undefined && value === undefined) return undefined;
  if (Array.isArray(base) || (base === undefined && /^\d+$/.test(head))) {
    const items: unknown[] = Array.isArray(base) ? [...(base as unknown[])] : [];
    items[Number(head)] = changed(items[Number(head)], rest, value);
    return items;
  }
  const { [head]: at, ...others } = isObject(base) ? base : {};
  const inner = changed(at, rest, value);
  return inner === undefined ? others : { ...others, [head]: inner };
}

/** A copy of `base` with one field set; a number in the path is a place in an array, `[]` the first. */
export function withField(base: Json, path: string, value: unknown): Json {
  return changed(base, path.replaceAll('[]', '0').split('.'), value) as Json;
}

/** A copy of `base` without the named fields. */
export function withoutFields(base: Json, ...paths: string[]): Json {
  return paths.reduce((value, path) => withField(value, path, undefined), base);
}

/** What stands at a path. */
export function valueAt(value: unknown, path: string): unknown {
  const steps = path.replaceAll('[]', '0').split('.');
  return steps.reduce<unknown>(
    (at, step) => (Array.isArray(at) ? (at as unknown[])[Number(step)] : isObject(at) ? at[step] : undefined),
    value,
  );
}

/** Several objects as one; what stands first wins. */
export function merged(values: readonly Json[]): Json {
  return values.reduceRight<Json>((under, over) => {
    const joined = { ...under };
    for (const [name, field] of Object.entries(over)) {
      const below = joined[name];
      joined[name] = isObject(field) && isObject(below) ? merged([field, below]) : field;
    }
    return joined;
  }, {});
}

/**
 * `SpeechParam.Speed` -> `speech_param.speed`; DashScope's `input.` and `parameters.` fall away, and
 * the field that a page misspells has the name of its twin.
 */
export function toolPath(wirePath: string): string {
  return wirePath
    .replace('DisabledDetect', 'DisableIdDetect')
    .replace(/^(input|parameters)\./, '')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .replace(/([a-z\d])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

/** The paths at which a value is refused, each once; empty when it is accepted. */
export function refusedAt(schema: z.ZodType, value: unknown): string[] {
  const result = schema.safeParse(value);
  return [...new Set(result.error?.issues.map((issue) => issue.path.join('.')))];
}
