import { createHash } from 'node:crypto';

const largest = 100_000;

function slimmed(value: unknown): unknown {
  if (typeof value === 'string')
    return value.length > largest
      ? `sha256:${createHash('sha256').update(value).digest('hex')} (${value.length} characters)`
      : value;
  if (Array.isArray(value)) return value.map(slimmed);
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, slimmed(field)]));
  return value;
}

/**
 * The input with strings above 100 kB (pictures as base64) replaced by their hash and length; undefined
 * when there are none. Once a job has been sent nobody needs them, and they would fill the job file.
 */
export function withoutLargeValues(input: Readonly<Record<string, unknown>>): string | undefined {
  const before = JSON.stringify(input);
  if (before.length <= largest) return undefined;
  const after = JSON.stringify(slimmed(input));
  return after === before ? undefined : after;
}
