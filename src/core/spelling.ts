import * as z from 'zod';
import { offeredInstead } from './operation.ts';

/** A cross-field fault. Field and message use the wire's spelling. */
export interface Breach {
  /** Dotted path, for example `SpeechParam.TimbreKey` or `PageConfigs.0.InputSsml`. */
  readonly field: string;
  readonly message: string;
}

/** What a page demands beyond single fields. */
export type Rules<Request> = (request: Request) => readonly Breach[];

/** `PPTFileUrl` -> `ppt_file_url`, `VideoStorageS3Url` -> `video_storage_s3_url`. */
export function snakeCase(name: string): string {
  return name
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .replaceAll(/([a-z\d])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

/** A dotted wire path as the path of an input field. */
export function inputPath(wirePath: string): string {
  return wirePath.split('.').map(snakeCase).join('.');
}

/**
 * Marks a field that a page documents under a second name, where it is not known which name holds:
 * it is offered once, as `name`, and sent under both.
 */
export function twin<S extends z.ZodType>(schema: S, name: string): S {
  return schema.meta({ ...schema.meta(), twin: name });
}

const twinOf = (schema: z.ZodType) => (schema.meta() as { twin?: string } | undefined)?.twin;

/** The schema inside `optional`, and whether there was one around it. */
function unwrap(schema: z.ZodType): { inner: z.ZodType; optional: boolean } {
  return schema instanceof z.ZodOptional
    ? { inner: schema.unwrap() as z.ZodType, optional: true }
    : { inner: schema, optional: false };
}

function respell(schema: z.ZodType): z.ZodType {
  const { inner, optional } = unwrap(schema);
  const instead = offeredInstead(inner);
  let spelled: z.ZodType;
  if (instead) spelled = instead;
  else if (inner instanceof z.ZodObject) spelled = respellObject(inner);
  else if (inner instanceof z.ZodArray)
    spelled = z.array(respell(inner.element as z.ZodType)).check(...((inner.def.checks ?? []) as never[]));
  else return schema;
  const description = schema.description ?? inner.description;
  if (optional) spelled = spelled.optional();
  return description === undefined ? spelled : spelled.describe(description);
}

function respellObject(schema: z.ZodObject, instead: Readonly<Record<string, z.ZodType>> = {}): z.ZodObject {
  const fields = Object.entries(schema.shape)
    .filter(([, field]) => twinOf(field as z.ZodType) === undefined)
    .map(([name, field]) => [snakeCase(name), instead[name] ?? respell(field as z.ZodType)]);
  return z.strictObject(Object.fromEntries(fields) as Record<string, z.ZodType>);
}

/** Gives an input's values the names that the wire schema has for them. */
function toWire(schema: z.ZodType, value: unknown): unknown {
  const { inner } = unwrap(schema);
  if (inner instanceof z.ZodArray && Array.isArray(value))
    return value.map((item) => toWire(inner.element as z.ZodType, item));
  if (!(inner instanceof z.ZodObject) || value === null || typeof value !== 'object') return value;
  const given = value as Record<string, unknown>;
  const fields = Object.entries(inner.shape)
    .map(
      ([name, field]) =>
        [name, toWire(field as z.ZodType, given[snakeCase(twinOf(field as z.ZodType) ?? name)])] as const,
    )
    .filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields);
}

/** Wire names in a message, as the input has them: `DriverType` -> `driver_type`. Other words stay. */
function inputWords(message: string, names: ReadonlySet<string>): string {
  return message.replaceAll(/[A-Za-z][A-Za-z0-9]*/g, (word) => (names.has(word) ? snakeCase(word) : word));
}

function fieldNames(schema: z.ZodType, names = new Set<string>()): Set<string> {
  const { inner } = unwrap(schema);
  if (inner instanceof z.ZodArray) return fieldNames(inner.element as z.ZodType, names);
  if (!(inner instanceof z.ZodObject)) return names;
  for (const [name, field] of Object.entries(inner.shape)) {
    names.add(name);
    fieldNames(field as z.ZodType, names);
  }
  return names;
}

const issue = (field: string, message: string) => ({
  code: 'custom' as const,
  path: field.split('.'),
  message,
});

/**
 * Derives what we offer from what a cloud documents, for clouds whose fields differ from ours in
 * spelling only: one statement of every field, limit and rule serves the wire, the tool and the way
 * from one to the other.
 *
 * @param documented the request as the page has it, every field described in our words
 * @param rules what the page demands across fields
 * @param instead input schemas for fields that we offer more narrowly than the wire, by wire name
 */
export function spelled<S extends z.ZodObject>(
  documented: S,
  rules: Rules<z.output<S>> = () => [],
  instead: Readonly<Record<string, z.ZodType>> = {},
) {
  const names = fieldNames(documented);
  const encode = (input: Record<string, unknown>) => toWire(documented, input) as z.input<S>;
  const request = documented.superRefine((value, context) => {
    for (const { field, message } of rules(value)) context.addIssue(issue(field, message));
  });
  const input = respellObject(documented, instead).superRefine((value, context) => {
    for (const { field, message } of rules(encode(value) as z.output<S>))
      context.addIssue(issue(inputPath(field), inputWords(message, names)));
  });
  return { request, input, encode };
}
