import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();
const encoded = (text: string) =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/**
 * The signature that a presigned request should carry, from AWS's description of Signature Version 4 with
 * query parameters; written without any of the code that signs.
 */
export function expectedSignature(method: string, url: URL, host: string, secret: string): string {
  const query = [...url.searchParams].filter(([name]) => name !== 'X-Amz-Signature');
  const value = (name: string) => url.searchParams.get(name) ?? '';
  const [, date = '', region = '', service = ''] = value('X-Amz-Credential').split('/');
  if (value('X-Amz-SignedHeaders') !== 'host') throw new Error('more is signed than the host');
  const canonical = [
    method,
    decodeURIComponent(url.pathname).split('/').map(encoded).join('/'),
    query
      .map(([name, text]) => `${encoded(name)}=${encoded(text)}`)
      .toSorted()
      .join('&'),
    `host:${host}`,
    '',
    'host',
    'UNSIGNED-PAYLOAD',
  ].join('\n');
  const scope = `${date}/${region}/${service}/aws4_request`;
  const text = [
    'AWS4-HMAC-SHA256',
    value('X-Amz-Date'),
    scope,
    createHash('sha256').update(canonical).digest('hex'),
  ].join('\n');
  const key = [region, service, 'aws4_request'].reduce<Buffer>(hmac, hmac(`AWS4${secret}`, date));
  return hmac(key, text).toString('hex');
}

interface StoredObject {
  readonly bytes: number;
  readonly sha256: string;
  readonly type: string | undefined;
}

/** An answer instead of the usual one. */
export interface Script {
  readonly method: string;
  readonly status: number;
  readonly code?: string;
  readonly message?: string;
  /** Answers before the body is read, and hangs up. */
  readonly early?: boolean;
}

/** A small object store on loopback: it believes nothing but signatures and keeps nothing but digests. */
export class ObjectStore {
  readonly requests: Array<{ method: string; path: string; headers: IncomingMessage['headers'] }> = [];
  readonly objects = new Map<string, StoredObject>();
  readonly faults: string[] = [];
  script: Script[] = [];
  readonly secret = 'the-secret-access-key';
  receivedBytes = 0;
  #server = createServer((request, response) => {
    this.#serve(request, response).catch((error: unknown) => {
      // A transfer that its sender breaks off is no fault of the store.
      if (!request.errored && !request.destroyed) this.faults.push(String(error));
      response.destroy();
    });
  });

  static async start(): Promise<ObjectStore> {
    const store = new ObjectStore();
    await new Promise<void>((resolve) => store.#server.listen(0, '127.0.0.1', resolve));
    return store;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  methods(): string[] {
    return this.requests.map(({ method }) => method);
  }

  clear(): void {
    this.requests.length = 0;
    this.objects.clear();
    this.script = [];
    this.receivedBytes = 0;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers } = request;
    const url = new URL(request.url ?? '/', this.url);
    this.requests.push({ method, path: url.pathname, headers });
    const refuse = (status: number, code?: string, message = 'No.') => {
      const body = code ? `<Error><Code>${code}</Code><Message>${message}</Message></Error>` : '';
      response.writeHead(status, { 'content-type': 'application/xml' }).end(method === 'HEAD' ? '' : body);
    };
    const at = this.script.findIndex((entry) => entry.method === method);
    const [script] = at < 0 ? [] : this.script.splice(at, 1);
    if (script?.early) return refuse(script.status, script.code, script.message);
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
      this.receivedBytes += chunk.length;
    }
    if (script) return refuse(script.status, script.code, script.message);
    const signature = expectedSignature(method, url, headers.host ?? '', this.secret);
    if (url.searchParams.get('X-Amz-Signature') !== signature) return refuse(403, 'SignatureDoesNotMatch');
    if (method === 'PUT') {
      // Chunked uploads and trailing checksums are what other stores refuse.
      if (
        headers['content-length'] !== `${bytes}` ||
        Object.keys(headers).some((name) => /checksum|^x-amz/.test(name))
      )
        return refuse(400, 'InvalidRequest');
      this.objects.set(url.pathname, { bytes, sha256: hash.digest('hex'), type: headers['content-type'] });
      return void response.writeHead(200, { etag: '"1"' }).end();
    }
    const found = this.objects.get(url.pathname);
    if (!found) return refuse(404, 'NoSuchKey');
    response.writeHead(200, {
      'content-length': method === 'HEAD' ? found.bytes : found.sha256.length,
      'content-type': url.searchParams.get('response-content-type') ?? found.type ?? '',
    });
    response.end(method === 'HEAD' ? '' : found.sha256);
  }
}
