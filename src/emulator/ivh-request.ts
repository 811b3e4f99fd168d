import * as z from 'zod';
import type { Wire } from '../core/operation.ts';
import { CloudError } from './cloud-error.ts';

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function parameterError(text: string): CloudError {
  return new CloudError('100001', `InvalidParameter:请求参数错误: ${text}`);
}

type Path = readonly PropertyKey[];

const inside = (value: unknown, key: PropertyKey): unknown =>
  (value as Record<PropertyKey, unknown> | null | undefined)?.[key];
const valueAt = (value: unknown, path: Path) => path.reduce(inside, value);

interface FieldSchema {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, FieldSchema>>;
  readonly items?: FieldSchema;
}

/** Words a breach like the published sample: `Speed value invalid, ranges:0.5-1.5`. */
function describeIssue(wire: Wire, request: unknown, issue: z.core.$ZodIssue): string {
  const path = issue.path.map(String);
  const name = path.findLast((part) => !/^\d+$/.test(part)) ?? 'Payload';
  if (issue.code === 'unrecognized_keys') return `${issue.keys[0]} is not a parameter`;
  const value = valueAt(request, path);
  if (value === undefined) return `${name} is required`;
  if (issue.code === 'invalid_type') return `${name} type invalid, expected ${issue.expected}`;
  const root = z.toJSONSchema(wire.submit.request, { io: 'input', unrepresentable: 'any' }) as FieldSchema;
  const field = path.reduce<FieldSchema | undefined>(
    (schema, key) => schema?.items ?? schema?.properties?.[key],
    root,
  );
  if (field?.enum) return `${name} value invalid, allowed:${field.enum.join(',')}`;
  if (issue.code !== 'too_small' && issue.code !== 'too_big')
    return `${name} value invalid, ${issue.message}`;
  if (typeof value === 'string')
    return `${name} length invalid, ranges:${field?.minLength ?? 0}-${field?.maxLength ?? ''}`;
  if (Array.isArray(value)) return `${name} count invalid, ${issue.message}`;
  const least = field?.minimum ?? field?.exclusiveMinimum ?? '';
  return `${name} value invalid, ranges:${least}-${field?.maximum ?? ''}`;
}

/** Takes one value out of a copy. @returns false when it is not there any more */
function remove(root: unknown, path: Path): boolean {
  const holder = valueAt(root, path.slice(0, -1));
  const key = path.at(-1);
  if (key === undefined || typeof holder !== 'object' || holder === null || !(key in holder)) return false;
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else Reflect.deleteProperty(holder, key);
  return true;
}

const isUnset = (value: unknown) => value === 0 || value === '' || value === null;

/**
 * Reads a submission. The vendor's own samples send zeros and empty strings in optional fields for "not
 * set", at every depth, also where the documented range forbids them: whatever breaks a limit with such a
 * value counts as left out. Where zero is allowed it stays, for it may be the start of a segment.
 * @throws CloudError 100001 for the first breach that remains
 */
export function readRequest(wire: Wire, payload: unknown): unknown {
  const wanted = structuredClone(payload);
  for (;;) {
    const parsed = wire.submit.request.safeParse(wanted);
    if (parsed.success) return parsed.data;
    const { issues } = parsed.error;
    // From the last to the first, so that places in arrays still hold.
    const unset = issues.filter(({ code, path }) => code !== 'custom' && isUnset(valueAt(wanted, path)));
    const removed = unset.toReversed().filter(({ path }) => remove(wanted, path));
    const first = issues[0];
    if (removed.length === 0 && first) throw parameterError(describeIssue(wire, wanted, first));
  }
}
