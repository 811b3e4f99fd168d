import { Failure } from '../core/failure.ts';
import type { Operation } from '../core/operation.ts';
import { isLocal, type Inspection } from '../media/inspection.ts';
import { StillUploading } from '../media/delivery.ts';
import { namedFiles } from '../media/preflight.ts';
import type { Application } from './application.ts';
import type { CallContext } from './tool.ts';

type Input = Readonly<Record<string, unknown>>;

/** A copy of a value with one field, named by its dotted path, changed or taken out. */
function withField(value: unknown, path: readonly string[], field: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return field;
  if (Array.isArray(value))
    return value.map((item: unknown, index) =>
      index === Number(step) ? withField(item, rest, field) : item,
    );
  const held = (value ?? {}) as Record<string, unknown>;
  const changed = { ...held, [step]: withField(held[step], rest, field) };
  if (changed[step] === undefined) delete changed[step];
  return changed;
}

const setField = (input: Input, path: string, field: unknown) =>
  withField(input, path.split('.'), field) as Input;

/**
 * What makes two submissions the same: the input, with files of this machine named by their content, so that
 * a file that was changed under its name is another input.
 */
export async function identityOf(
  operation: Operation,
  input: Input,
  application: Application,
): Promise<Input> {
  const preflight = await application.preflight();
  let identity = input;
  for (const file of namedFiles(operation.wire, operation.encode(input)).filter(isLocal)) {
    const opened = await preflight.openLocal(file.value);
    try {
      identity = setField(identity, operation.inputField(file.field), `file:sha256:${await opened.sha256()}`);
    } finally {
      await opened.close();
    }
  }
  return identity;
}

/** One call waits this long for uploads; they go on behind it. */
const patienceMs = 30_000;

/**
 * Brings every file of this machine to where the cloud can read it.
 *
 * @returns the input with addresses or contents in place of paths; undefined when the time was up and
 * uploads go on
 */
export async function deliverFiles(
  operation: Operation,
  input: Input,
  { files, facts }: Inspection,
  application: Application,
  context: CallContext,
): Promise<Input | undefined> {
  const local = files.filter(isLocal);
  if (local.length === 0) return input;
  const { wire } = operation;
  const connection = (await application.connections())[wire.cloud];
  if (!connection) return input;
  const [preflight, deliveries] = await Promise.all([application.preflight(), application.deliveries()]);
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(patienceMs)]);
  const request = JSON.stringify(operation.encode(input));
  let room = (wire.maxRequestBytes ?? 0) - Buffer.byteLength(request);
  let delivered = input;
  try {
    for (const { field, value, limits } of local) {
      const path = operation.inputField(field);
      const inlinePath = limits.inline === undefined ? undefined : operation.inputField(limits.inline);
      // The same file is already there as base64, which wins: the other one would be ignored.
      if (files.some((other) => other.inline && other.limits === limits)) {
        delivered = setField(delivered, path, undefined);
        continue;
      }
      const found = facts(field);
      const parcel = {
        file: await preflight.openLocal(value),
        kind: limits.kind,
        format: found?.format ?? 'bin',
        inlineRoom: inlinePath === undefined ? 0 : room,
        model: wire.operation,
      };
      const report = (sent: number, total: number) =>
        void context.progress?.(sent, total, `uploading ${path}`);
      const result = await deliveries.deliver(parcel, connection, report, signal);
      if (result.way === 'inline' && inlinePath !== undefined) {
        room -= result.base64.length;
        delivered = setField(setField(delivered, path, undefined), inlinePath, result.base64);
      } else if (result.way === 'address') delivered = setField(delivered, path, result.url);
    }
  } catch (error) {
    if (error instanceof StillUploading) return undefined;
    throw error;
  }
  return delivered;
}

const extensions: Readonly<Record<string, string>> = { TransparentWebm: 'webm', TransparentMov: 'mov' };

/** The ending of the file that will be written for a storage field. */
function extensionOf(field: string, input: Input): string {
  if (field.startsWith('subtitle')) return 'srt';
  if (field.startsWith('audio')) return typeof input.codec === 'string' ? input.codec : 'mp3';
  const { format } = (input.video_param ?? {}) as { format?: string };
  return extensions[format ?? ''] ?? 'mp4';
}

const storageFields = (input: Input) =>
  Object.entries(input).filter(([name, value]) => name.endsWith('_storage_s3_url') && value === 'auto');

/** Refuses "auto" where no bucket is configured. @throws `unsupported` */
export function checkStorage(input: Input, application: Application): void {
  const [first] = storageFields(input);
  if (!first || application.config.bucket) return;
  throw new Failure({
    kind: 'unsupported',
    message: `${first[0]} is "auto", but no bucket is configured. Nothing was sent.`,
    advice:
      'Set DIGITAL_HUMAN_S3_ENDPOINT, _BUCKET and keys; or give a signed PUT address; or leave the field out.',
  });
}

/** Puts signed addresses of fresh objects where the input says "auto", and says where they can be read. */
export async function offerStorage(
  input: Input,
  application: Application,
): Promise<{ input: Input; notes: readonly string[] }> {
  const notes: string[] = [];
  let offered = input;
  for (const [field] of storageFields(input)) {
    const bucket = await application.bucket();
    if (!bucket) continue;
    const place = await bucket.offer(extensionOf(field, input));
    offered = { ...offered, [field]: place.putUrl };
    notes.push(
      `${field}: when done, the cloud also writes it to your bucket; read it until ${new Date(place.expiresAt).toISOString()} at ${place.getUrl}`,
    );
  }
  return { input: offered, notes };
}
