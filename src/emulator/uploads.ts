import { createHmac, randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import path from 'node:path';
import { CloudError } from './cloud-error.ts';
import { jsonReply, type Reply } from './exchange.ts';
import { type FormPost, NotAForm, readForm } from './form-post.ts';
import { sameText } from './signatures.ts';
import { hex, type World } from './world.ts';

const route = '/_uploads';
const megabyte = 1024 * 1024;
/** The documented bound of the store; a policy may say less. */
const mostMegabytes = 1024;
const policySeconds = 300;
const lifeMs = 48 * 3600 * 1000;

interface Conditions {
  readonly expiration: string;
  readonly conditions: { readonly upload_dir: string; readonly max_bytes: number };
}

interface Stored {
  readonly file: string;
  readonly expiresAt: number;
}

/** An object store's way of saying no. */
class Refused extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

function xml({ status, code, message }: Refused): Reply {
  const body = `<?xml version="1.0"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>\n`;
  return { status, type: 'application/xml', body };
}

/** Where DashScope keeps temporary files: uploads by a signed policy, read again as `oss://` by its models. */
export class Uploads {
  readonly #folder: string;
  readonly #host: string;
  readonly #key = { id: `LTAI${hex(8)}`, secret: hex(16) };
  readonly #stored = new Map<string, Stored>();

  constructor(folder: string, base: string) {
    this.#folder = folder;
    this.#host = base + route;
  }

  suits(url: string | undefined): boolean {
    return url === route || url?.startsWith(`${route}?`) === true;
  }

  /** A new permission to upload one file. */
  policy() {
    const upload_dir = `dashscope-instant/${hex(16)}/${new Date().toISOString().slice(0, 10)}/${randomUUID()}`;
    const said: Conditions = {
      expiration: new Date(Date.now() + policySeconds * 1000).toISOString(),
      conditions: { upload_dir, max_bytes: mostMegabytes * megabyte },
    };
    const policy = Buffer.from(JSON.stringify(said)).toString('base64');
    return {
      policy,
      signature: this.#signature(policy),
      upload_dir,
      upload_host: this.#host,
      expire_in_seconds: policySeconds,
      max_file_size_mb: mostMegabytes,
      oss_access_key_id: this.#key.id,
      x_oss_object_acl: 'private',
      x_oss_forbid_overwrite: 'true',
    };
  }

  /** Takes a form. @param expired answer as if the life of its policy were over */
  async take(request: IncomingMessage, expired: boolean): Promise<Reply> {
    const draft = path.join(this.#folder, `upload-${randomUUID()}`);
    try {
      if (request.method !== 'POST') throw new Refused(405, 'MethodNotAllowed', 'Only POST.');
      const boundary = /^multipart\/form-data;\s*boundary="?([^\s";]{1,70})"?$/.exec(
        request.headers['content-type'] ?? '',
      )?.[1];
      // Without a length, an object store does not take a form.
      if (!request.headers['content-length']) throw new Refused(411, 'MissingContentLength', 'No length.');
      if (!boundary) throw new Refused(400, 'MalformedPOSTRequest', 'No form.');
      const file = await open(draft, 'wx');
      let form: FormPost;
      try {
        form = await readForm(request, boundary, file, mostMegabytes * megabyte);
      } finally {
        await file.close();
      }
      const key = this.#check(form, expired);
      this.#stored.set(key, { file: draft, expiresAt: Date.now() + lifeMs });
      return { status: 200, type: 'application/xml', body: '' };
    } catch (error) {
      await rm(draft, { force: true });
      request.resume();
      if (error instanceof NotAForm) return xml(new Refused(400, 'MalformedPOSTRequest', error.message));
      if (error instanceof Refused) return xml(error);
      throw error;
    }
  }

  /** The file behind an `oss://` address. @throws Error when there is none, or not any more */
  find(url: string): string {
    const found = this.#stored.get(url.slice('oss://'.length));
    if (!found || Date.now() > found.expiresAt) throw new Error('no such object in the temporary store');
    return found.file;
  }

  clear(): void {
    for (const { file } of this.#stored.values()) rmSync(file, { force: true });
    this.#stored.clear();
  }

  #signature(policy: string): string {
    return createHmac('sha1', this.#key.secret).update(policy).digest('base64');
  }

  /** @returns the object's key @throws Refused in the store's order: form, key, signature, policy */
  #check({ fields, fileBytes, fileNotLast }: FormPost, expired: boolean): string {
    const denied = (why: string) => new Refused(403, 'AccessDenied', `Invalid according to Policy: ${why}.`);
    const value = (name: string) => {
      const text = fields.get(name);
      if (text === undefined)
        throw new Refused(400, 'InvalidArgument', `The field ${name} is missing before the file.`);
      return text;
    };
    if (fileBytes === undefined) throw new Refused(400, 'InvalidArgument', 'There is no file.');
    if (fileNotLast) throw new Refused(400, 'InvalidArgument', 'The file must be the last field.');
    const [policy, key] = [value('policy'), value('key')];
    if (value('OSSAccessKeyId') !== this.#key.id)
      throw new Refused(403, 'InvalidAccessKeyId', 'Unknown key id.');
    if (!sameText(value('Signature'), this.#signature(policy)))
      throw new Refused(403, 'SignatureDoesNotMatch', 'The signature is not that of the policy.');
    const { expiration, conditions } = JSON.parse(Buffer.from(policy, 'base64').toString()) as Conditions;
    if (expired || Date.now() > Date.parse(expiration)) throw denied('Policy expired');
    const rest = key.startsWith(`${conditions.upload_dir}/`)
      ? key.slice(conditions.upload_dir.length + 1)
      : '';
    if (!/^[^/\s]+$/.test(rest)) throw denied('Policy Condition failed: starts-with $key');
    if (value('x-oss-object-acl') !== 'private') throw denied('Policy Condition failed: x-oss-object-acl');
    if (value('x-oss-forbid-overwrite') !== 'true')
      throw denied('Policy Condition failed: x-oss-forbid-overwrite');
    if (value('success_action_status') !== '200')
      throw denied('Policy Condition failed: success_action_status');
    if (fileBytes > conditions.max_bytes) throw new Refused(400, 'EntityTooLarge', 'The file is too large.');
    if (this.#stored.has(key)) throw new Refused(409, 'FileAlreadyExists', 'The object exists.');
    return key;
  }
}

/** GET /uploads?action=getPolicy&model=…. @throws CloudError */
export function issuePolicy(world: World, query: URLSearchParams): Reply {
  if (query.get('action') !== 'getPolicy')
    throw new CloudError('InvalidParameter', 'action must be getPolicy.');
  const model = query.get('model');
  if (!model) throw new CloudError('InvalidParameter', 'Field required: model');
  if (!world.wires.some(({ cloud, operation }) => cloud === 'dashscope' && operation === model))
    throw new CloudError('ModelNotFound', 'There is no such model here.');
  return jsonReply(200, { request_id: randomUUID(), data: world.uploads.policy() });
}
