import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { Agent, type Dispatcher, request as send } from 'undici';
import { type ErrorRule, Failure, foreignText, quoted, rule } from '../core/failure.ts';
import type { OpenLocalFile } from './local-file.ts';
import { type BucketSettings, longestLinkSeconds, presign } from './presign.ts';

export type { BucketSettings } from './presign.ts';

export interface StoreOptions {
  readonly contentType: string;
  /** Of the object's name, without a dot. */
  readonly extension: string;
  readonly signal?: AbortSignal;
  /** Called with the bytes sent so far. */
  readonly progress?: (sentBytes: number) => void;
}

/** A link that whoever has it may use until it expires. Its query is a secret. */
export interface StoredLink {
  readonly url: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** A stored object, with a link to read it. */
export interface StoredObject extends StoredLink {
  /** The object's name in the bucket. */
  readonly key: string;
}

/** A place for a result: where a cloud may PUT it, and where it can be read afterwards. */
export interface Offer {
  readonly putUrl: string;
  readonly getUrl: string;
  /** The object's name in the bucket. */
  readonly key: string;
  /** Of both addresses, epoch milliseconds. */
  readonly expiresAt: number;
}

export interface Bucket {
  /**
   * Stores a file under a name made of its SHA-256 and returns a presigned address to read it; the same file
   * is stored once. It is streamed with its length and never whole in memory.
   * @throws `credentials`, `permission`, `network` or `storage` with the store's own code; `storage` also when
   *   the file changes meanwhile; `cancelled` when the signal fires
   */
  store(file: OpenLocalFile, options: StoreOptions): Promise<StoredObject>;
  /** A fresh presigned address to read an object. Nothing is sent. */
  link(key: string): Promise<StoredLink>;
  /** @param contentType what a reader of `getUrl` is told, whatever the cloud said when it stored it */
  offer(extension: string, contentType?: string): Promise<Offer>;
  /**
   * Asks for an object that is not there. `denied`: the store denies what it does not list, so that whether these
   * keys may put and get shows at the first file only.
   * @throws like `store`
   */
  check(signal?: AbortSignal): Promise<'reached' | 'denied'>;
}

/** Life of the addresses that only this server uses; a transfer that has begun may last longer. */
const ownSeconds = 900;
/** The most that S3 takes in one PUT. */
const mostBytes = 5 * 1024 ** 3;
const mostErrorBytes = 64 * 1024;

const keys = 'Check DIGITAL_HUMAN_S3_ACCESS_KEY_ID, _S3_SECRET_ACCESS_KEY, _S3_SESSION_TOKEN and _S3_REGION.';
const place = 'Check DIGITAL_HUMAN_S3_ENDPOINT, _S3_REGION, _S3_BUCKET and _S3_ADDRESSING.';

/** Codes of the S3 protocol that tell what to mend. Source: Amazon S3 API reference, error responses. */
const codes: Readonly<Record<string, ErrorRule>> = {
  InvalidAccessKeyId: rule('credentials', keys),
  SignatureDoesNotMatch: rule('credentials', keys),
  AuthorizationHeaderMalformed: rule('credentials', keys),
  AuthorizationQueryParametersError: rule('credentials', keys),
  ExpiredToken: rule('credentials', 'Renew DIGITAL_HUMAN_S3_SESSION_TOKEN and the keys that came with it.'),
  InvalidToken: rule('credentials', 'Renew DIGITAL_HUMAN_S3_SESSION_TOKEN and the keys that came with it.'),
  RequestTimeTooSkewed: rule('credentials', 'Set this machine’s clock.'),
  AccessDenied: rule('permission', 'Allow these keys to get and put objects below the prefix.'),
  NoSuchBucket: rule('storage', place),
  PermanentRedirect: rule('storage', place),
  TemporaryRedirect: rule('storage', place),
  EntityTooLarge: rule('storage', 'Shrink the file, or give its address instead.'),
};

function unlisted(status: number): ErrorRule {
  if (status === 401 || status === 403) return rule('permission', keys);
  if (status === 429 || status >= 500) return rule('network', 'Try again in a minute.', true);
  return rule('storage', place);
}

const element = (body: string, name: string) =>
  new RegExp(`<${name}>([^<]{1,500})</${name}>`).exec(body)?.[1];

async function textOf(body: Dispatcher.ResponseData['body']): Promise<string> {
  let text = '';
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      text += chunk.toString('latin1');
      if (text.length > mostErrorBytes) break;
    }
  } catch {
    // An answer that breaks off has still said its status.
  }
  return text;
}

async function refusedBy(host: string, reply: Dispatcher.ResponseData): Promise<Failure> {
  const body = await textOf(reply.body);
  const code = element(body, 'Code') ?? '';
  const { kind, advice, retry } = (Object.hasOwn(codes, code) && codes[code]) || unlisted(reply.statusCode);
  // A store may repeat the signed query that it was asked with.
  const said = element(body, 'Message')?.replaceAll(/\?\S*/g, '?…');
  const words = code ? `${quoted(code, 60)}${said ? `: ${quoted(said, 200)}` : ''}` : 'no readable reason';
  return new Failure({
    kind,
    message: `The bucket at ${foreignText(host, 120)} answers HTTP ${reply.statusCode}, ${words}.`,
    advice,
    retryable: retry,
    code: code ? foreignText(code, 60) : undefined,
  });
}

/** What broke a transfer: the file, whoever waited for it, or the way. */
function brokenOff(host: string, error: unknown, signal: AbortSignal | undefined): Failure {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof Failure) return at;
  if (signal?.aborted)
    return new Failure({
      kind: 'cancelled',
      message: 'The upload was stopped.',
      advice: 'Nothing was stored.',
      cause: error,
    });
  const code = (error as NodeJS.ErrnoException).code ?? 'no reason given';
  return new Failure({
    kind: 'network',
    message: `The exchange with the bucket at ${foreignText(host, 120)} broke off (${code}).`,
    advice: `Try again. ${place}`,
    retryable: true,
    cause: error,
  });
}

async function* counted(
  file: OpenLocalFile,
  progress: StoreOptions['progress'],
): AsyncGenerator<Buffer, void, undefined> {
  let sent = 0;
  for await (const chunk of file.stream() as AsyncIterable<Buffer>) {
    yield chunk;
    sent += chunk.length;
    progress?.(sent);
  }
}

/** Only what every store takes in a name. */
function ending(extension: string): string {
  const plain = extension.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return plain === '' ? '' : `.${plain.slice(0, 8)}`;
}

/** Requests to one bucket, over connections that are given up after each file. */
class Exchange {
  readonly #settings: BucketSettings;
  readonly #agent: Agent;
  readonly #signal: AbortSignal | undefined;

  constructor(settings: BucketSettings, signal: AbortSignal | undefined) {
    this.#settings = settings;
    this.#signal = signal;
    this.#agent = new Agent({
      connections: 1,
      connect: { timeout: 10_000 },
      headersTimeout: 60_000,
      bodyTimeout: 60_000,
    });
  }

  /** @returns the answer, if it is one of the expected; @throws what else was said */
  async ask(
    method: 'GET' | 'HEAD' | 'PUT',
    key: string,
    expected: readonly number[],
    upload: { headers: Record<string, string>; body: Readable } | { headers?: Record<string, string> } = {},
  ): Promise<Dispatcher.ResponseData> {
    const url = await presign(this.#settings, { method, key, seconds: ownSeconds }, Date.now());
    const { host } = new URL(url);
    const reply = await send(url, {
      method,
      dispatcher: this.#agent,
      signal: this.#signal,
      ...upload,
    }).catch((error: unknown) => {
      throw brokenOff(host, error, this.#signal);
    });
    if (!expected.includes(reply.statusCode)) throw await refusedBy(host, reply);
    return reply;
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

/** Whether the object is there, whole. Refusals that an upload would meet too are found here, before it. */
async function isStored(exchange: Exchange, key: string, bytes: number): Promise<boolean> {
  const head = await exchange.ask('HEAD', key, [200, 400, 401, 403, 404]);
  await head.body.dump();
  if (head.statusCode === 200) return Number(head.headers['content-length']) === bytes;
  if (head.statusCode === 404) return false;
  // HEAD gives no reason. Keys that may not list are told "denied" of what is merely not there.
  try {
    const reply = await exchange.ask('GET', key, [200, 206], { headers: { range: 'bytes=0-0' } });
    reply.body.on('error', () => undefined).destroy();
    return false;
  } catch (error) {
    if (error instanceof Failure && (error.code === 'AccessDenied' || error.code === 'NoSuchKey'))
      return false;
    throw error;
  }
}

/** HEAD says no reason, and so nothing of a bucket that is not there: asked is for the first byte. */
async function checkAbsent(exchange: Exchange, key: string): Promise<'reached' | 'denied'> {
  try {
    const reply = await exchange.ask('GET', key, [200, 206], { headers: { range: 'bytes=0-0' } });
    reply.body.on('error', () => undefined).destroy();
    return 'reached';
  } catch (error) {
    if (error instanceof Failure && error.code === 'NoSuchKey') return 'reached';
    if (error instanceof Failure && error.code === 'AccessDenied') return 'denied';
    throw error;
  }
}

/** Opens an S3-compatible bucket. Nothing is loaded or sent until the first call. */
export function createBucket(settings: BucketSettings): Bucket {
  const linkSeconds = Math.min(settings.linkSeconds, longestLinkSeconds);
  const link = async (key: string): Promise<StoredLink> => {
    const now = Date.now();
    return {
      url: await presign(settings, { method: 'GET', key, seconds: linkSeconds }, now),
      expiresAt: now + linkSeconds * 1000,
    };
  };
  return {
    link,
    async store(file, { contentType, extension, signal, progress }) {
      if (file.bytes > mostBytes)
        throw new Failure({
          kind: 'storage',
          message: `The file ${quoted(file.name, 120)} has ${file.bytes} bytes; a bucket takes ${mostBytes} at once.`,
          advice: 'Shrink the file, or give its address instead.',
        });
      const key = `${settings.prefix}${await file.sha256()}${ending(extension)}`;
      const exchange = new Exchange(settings, signal);
      try {
        if (!(await isStored(exchange, key, file.bytes))) {
          const reply = await exchange.ask('PUT', key, [200, 201, 204], {
            headers: { 'content-type': contentType, 'content-length': `${file.bytes}` },
            body: Readable.from(counted(file, progress), { objectMode: false }),
          });
          await reply.body.dump();
        }
        return { key, ...(await link(key)) };
      } finally {
        await exchange.close();
      }
    },
    async check(signal) {
      const exchange = new Exchange(settings, signal);
      try {
        return await checkAbsent(exchange, `${settings.prefix}absent-${randomUUID()}`);
      } finally {
        await exchange.close();
      }
    },
    async offer(extension, contentType) {
      const now = Date.now();
      const key = `${settings.prefix}results/${randomUUID()}${ending(extension)}`;
      const common = { key, seconds: linkSeconds };
      const [putUrl, getUrl] = await Promise.all([
        presign(settings, { ...common, method: 'PUT' }, now),
        presign(settings, { ...common, method: 'GET', contentType }, now),
      ]);
      return { putUrl, getUrl, key, expiresAt: now + linkSeconds * 1000 };
    },
  };
}
