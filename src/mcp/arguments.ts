import { distance } from 'fastest-levenshtein';
import type * as z from 'zod';
import { Failure, foreignText, type Problem } from '../core/failure.ts';
import type { JsonSchema } from './schema.ts';

/** Models send numbers and booleans as strings. They are taken for what the schema wants where nothing is lost. */
export function loosen(schema: JsonSchema, value: unknown): unknown {
  if (typeof value === 'string') {
    const trimmed = value.trim();
    if (
      (schema.type === 'number' || schema.type === 'integer') &&
      /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(trimmed)
    )
      return Number(trimmed);
    if (schema.type === 'boolean' && /^(true|false)$/i.test(trimmed)) return trimmed.toLowerCase() === 'true';
    if (
      (schema.type === 'object' && /^\s*\{/.test(value)) ||
      (schema.type === 'array' && /^\s*\[/.test(value))
    ) {
      try {
        return loosen(schema, JSON.parse(value));
      } catch {
        return value;
      }
    }
    return value;
  }
  if (Array.isArray(value))
    return schema.items ? value.map((item) => loosen(schema.items ?? {}, item)) : value;
  if (value !== null && typeof value === 'object' && schema.properties) {
    const entries = Object.entries(value)
      // Some hosts send null for what the model left out.
      .filter(([, field]) => field !== null)
      .map(([name, field]) => {
        const property = Object.hasOwn(schema.properties ?? {}, name) ? schema.properties?.[name] : undefined;
        return [name, property ? loosen(property, field) : field] as const;
      });
    return Object.fromEntries(entries);
  }
  return value;
}

function schemaAt(schema: JsonSchema, path: readonly PropertyKey[]): JsonSchema | undefined {
  let at: JsonSchema | undefined = schema;
  for (const step of path) at = typeof step === 'number' ? at?.items : at?.properties?.[String(step)];
  return at;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const step of path)
    at = at === null || typeof at !== 'object' ? undefined : (at as Record<PropertyKey, unknown>)[step];
  return at;
}

/** A value as a reader may see it: short, and without the signature of a signed address. */
function shown(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return foreignText(text, 60);
}

function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known.map((candidate) => ({ candidate, away: distance(name.toLowerCase(), candidate) }));
  ranked.sort((a, b) => a.away - b.away);
  const [best] = ranked;
  return best && best.away <= Math.max(2, Math.floor(best.candidate.length / 2)) ? best.candidate : undefined;
}

function between(schema: JsonSchema | undefined): string {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems } = schema ?? {};
  const range = (low: number | undefined, high: number | undefined, unit: string) =>
    low !== undefined && high !== undefined
      ? `Use ${low} to ${high}${unit}.`
      : high !== undefined
        ? `Use at most ${high}${unit}.`
        : `Use at least ${low}${unit}.`;
  if (minimum !== undefined || maximum !== undefined) return range(minimum, maximum, '');
  if (minLength !== undefined || maxLength !== undefined) return range(minLength, maxLength, ' characters');
  if (minItems !== undefined || maxItems !== undefined) return range(minItems, maxItems, ' entries');
  return 'Leave it out, or give a value inside the limit.';
}

function describe(issue: z.core.$ZodIssue, schema: JsonSchema, input: unknown): Problem[] {
  const field = issue.path.map(String).join('.') || 'arguments';
  const raw = valueAt(input, issue.path);
  const value = shown(raw);
  const here = schemaAt(schema, issue.path);
  const unit =
    issue.code === 'too_big' || issue.code === 'too_small'
      ? issue.origin === 'string'
        ? ' characters'
        : ''
      : '';
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const known = Object.keys(here?.properties ?? {});
        const close = nearest(key, known);
        const named = foreignText(key, 60);
        return {
          field: field === 'arguments' ? named : `${field}.${named}`,
          limit: 'is not a known property',
          mend: close ? `Did you mean ${close}?` : `Known: ${known.join(', ')}.`,
        };
      });
    case 'too_big': {
      const length = unit && typeof raw === 'string' ? ` (${[...raw].length})` : '';
      return [
        {
          field,
          value,
          limit: `is above the limit of ${issue.maximum}${unit}${length}`,
          mend: between(here),
        },
      ];
    }
    case 'too_small': {
      const length = unit && typeof raw === 'string' ? ` (${[...raw].length})` : '';
      return [
        {
          field,
          value,
          limit: `is below the limit of ${issue.minimum}${unit}${length}`,
          mend: between(here),
        },
      ];
    }
    case 'invalid_value':
      return [
        {
          field,
          value,
          limit: raw === undefined ? 'is required' : 'is not one of the allowed values',
          mend: `Use ${issue.values.map(String).join(' or ')}.`,
        },
      ];
    case 'invalid_type':
      return raw === undefined
        ? [
            {
              field,
              limit: 'is required',
              mend: here?.description ?? `Give a value of type ${issue.expected}.`,
            },
          ]
        : [{ field, value, limit: `must be of type ${issue.expected}`, mend: `Give a ${issue.expected}.` }];
    default:
      return [
        { field, value, limit: issue.message, mend: here?.description ?? 'See the operation’s resource.' },
      ];
  }
}

/** Problems as lines of text: field, value, limit, mend. */
export function problemLines(problems: readonly Problem[]): string[] {
  return problems.map(({ field, value, limit, mend }) =>
    value === undefined
      ? `${field} ${limit}. ${mend}`
      : `${field}: ${JSON.stringify(value)} ${limit}. ${mend}`,
  );
}

/**
 * Checks a call's arguments against a tool's input. Throws `invalid_input` with every problem at once.
 *
 * @param schema the JSON Schema that the host was shown, to say limits in its words
 */
export function readArguments<S extends z.ZodType>(
  tool: string,
  input: S,
  schema: JsonSchema,
  raw: unknown,
): z.output<S> {
  const value = loosen(schema, raw ?? {});
  const parsed = input.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap((issue) => describe(issue, schema, value));
  throw new Failure({
    kind: 'invalid_input',
    message: `Invalid input for ${tool}. Nothing was sent.`,
    advice: 'Mend every line above and call again.',
    problems,
  });
}
