import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { Readable } from 'node:stream';
import * as z from 'zod';
import { Failure, foreignText, quoted } from '../../core/failure.ts';
import { conforming, type Uploaded, type UploadFile, type UploadOptions } from '../exchange.ts';
import type { Http, HttpReply } from '../http.ts';

export interface TemporaryUpload extends UploadOptions {
  /** DashScope's address with its version path: `https://…/api/v1`. */
  readonly url: string;
  readonly apiKey: string;
  /** The only model that will be able to read the file. */
  readonly model: string;
  readonly file: UploadFile;
  readonly http: Http;
  /** Reads a reply in the cloud's own form. */
  readonly read: (reply: HttpReply) => unknown;
}

/** Source: Model Studio, upload a local file to get a temporary URL (read 2026-11): 48 hours. */
const lifeMs = 48 * 3600 * 1000;
const longestUploadMs = 30 * 60_000;

const policyReply = z.looseObject({
  data: z.looseObject({
    policy: z.string().min(1),
    signature: z.string().min(1),
    upload_dir: z.string().regex(/^[^\s/][^\s"]*$/),
    upload_host: z.url(),
    max_file_size_mb: z.coerce.number().positive(),
    oss_access_key_id: z.string().min(1),
    x_oss_object_acl: z.string(),
    x_oss_forbid_overwrite: z.union([z.string(), z.boolean()]).transform(String),
  }),
});

type Policy = z.output<typeof policyReply>['data'];

/** The store is named in a reply, and gets a file of the user: a name over TLS, unless DashScope itself is emulated. */
function checkHost(host: string, dashscope: string): void {
  const { protocol, hostname, username, password } = new URL(host);
  const encrypted = protocol === 'https:' && !isIP(hostname.replaceAll(/[[\]]/g, ''));
  const emulated = protocol === 'http:' && new URL(dashscope).protocol === 'http:';
  if ((encrypted || emulated) && username === '' && password === '') return;
  throw new Failure({
    kind: 'cloud',
    message: `DashScope names ${quoted(`${protocol}//${hostname}`, 120)} as its temporary store. Nothing was sent there.`,
    advice: 'Check DIGITAL_HUMAN_DASHSCOPE_URL and any proxy on the way; or give the address of the file.',
  });
}

function checkSize({ name, bytes }: UploadFile, { max_file_size_mb: most }: Policy): void {
  if (bytes <= most * 1024 * 1024) return;
  throw new Failure({
    kind: 'media',
    message: `The file ${quoted(name, 120)} has ${bytes} bytes; DashScope's temporary store takes ${most} MB. Nothing was sent.`,
    advice: 'Shrink the file, or give its address instead.',
  });
}

/** A name of our own: people's file names say more than they should, and the store refuses to overwrite. */
function objectKey({ upload_dir: directory }: Policy, name: string): string {
  const ending = /\.[A-Za-z0-9]{1,8}$/.exec(name)?.[0].toLowerCase() ?? '';
  return `${directory.replace(/\/+$/, '')}/${randomBytes(12).toString('hex')}${ending}`;
}

/** The form in its documented order: the file comes last, and what follows it is not looked at. */
function formParts(policy: Policy, key: string, boundary: string): { head: Buffer; tail: Buffer } {
  const fields: ReadonlyArray<readonly [string, string]> = [
    ['OSSAccessKeyId', policy.oss_access_key_id],
    ['Signature', policy.signature],
    ['policy', policy.policy],
    ['x-oss-object-acl', policy.x_oss_object_acl],
    ['x-oss-forbid-overwrite', policy.x_oss_forbid_overwrite],
    ['key', key],
    ['success_action_status', '200'],
  ];
  const part = (name: string, more = '') =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n`;
  const said = fields.map(([name, value]) => `${part(name)}\r\n${value}\r\n`).join('');
  const file = `${part('file', `; filename="${key.split('/').at(-1)}"`)}Content-Type: application/octet-stream\r\n\r\n`;
  return { head: Buffer.from(said + file), tail: Buffer.from(`\r\n--${boundary}--\r\n`) };
}

async function* form(
  { head, tail }: { head: Buffer; tail: Buffer },
  file: UploadFile,
  progress: UploadOptions['progress'],
): AsyncGenerator<Buffer, void, undefined> {
  yield head;
  let sent = 0;
  for await (const chunk of file.stream() as AsyncIterable<Buffer>) {
    yield chunk;
    sent += chunk.length;
    progress?.(sent);
  }
  yield tail;
}

/** The store answers in XML, and a dead policy with 403. */
function refusedByStore({ status, body }: HttpReply): Failure {
  const element = (name: string) => new RegExp(`<${name}>([^<]{1,300})</${name}>`).exec(body)?.[1];
  const code = element('Code');
  const reason = code ? `${quoted(code, 60)}: ${quoted(element('Message'), 200)}` : 'no readable reason';
  const retryable = status >= 500 || status === 403 || status === 429;
  return new Failure({
    kind: status >= 500 || status === 429 ? 'network' : status === 403 ? 'permission' : 'storage',
    message: `DashScope's temporary store answers HTTP ${status}, ${reason}.`,
    advice: retryable
      ? 'Try again: every upload asks for a new permission.'
      : 'Give the address of the file instead.',
    retryable,
    code: code && foreignText(code, 60),
  });
}

/**
 * Uploads a file to the platform's temporary store, which is meant for trying things out: 48 hours, for one
 * model and for this account. The file is streamed and never whole in memory.
 * Source: Model Studio, upload a local file to get a temporary URL (read 2026-11).
 *
 * @returns an `oss://` address, which only a submission with the resolving header can use
 * @throws the cloud's refusal; `media` for a file above the store's limit; `permission`, `storage` or
 *   `network` by the store; `cancelled` when the signal fires
 */
export async function temporaryUpload(options: TemporaryUpload): Promise<Uploaded> {
  const { url, apiKey, model, file, http, signal, progress } = options;
  const query = new URLSearchParams({ action: 'getPolicy', model });
  try {
    const asked = await http.send({
      method: 'GET',
      url: `${url}/uploads?${query.toString()}`,
      headers: { authorization: `Bearer ${apiKey}` },
      signal,
    });
    const { data } = conforming('dashscope', policyReply, options.read(asked));
    checkHost(data.upload_host, url);
    checkSize(file, data);
    const key = objectKey(data, file.name);
    const boundary = `digital-human-${randomBytes(16).toString('hex')}`;
    const parts = formParts(data, key, boundary);
    const reply = await http.send({
      method: 'POST',
      url: data.upload_host,
      headers: {
        'content-type': `multipart/form-data; boundary=${boundary}`,
        'content-length': `${parts.head.length + file.bytes + parts.tail.length}`,
      },
      stream: Readable.from(form(parts, file, progress), { objectMode: false }),
      deadlineMs: longestUploadMs,
      signal,
    });
    if (reply.status !== 200 && reply.status !== 201 && reply.status !== 204) throw refusedByStore(reply);
    return { url: `oss://${key}`, expiresAt: Date.now() + lifeMs };
  } catch (error) {
    if (!signal?.aborted) throw error;
    throw new Failure({
      kind: 'cancelled',
      message: 'The upload was stopped.',
      advice: 'Nothing was submitted.',
      cause: error,
    });
  }
}
