import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Agent, type Dispatcher, request as call } from 'undici';
import { Failure, foreignText } from '../core/failure.ts';
import { checkUrl, publicLookup } from './url-guard.ts';

export interface DownloadRequest {
  readonly url: string;
  readonly directory: string;
  /** File name without any separator; made by us, never taken from the address. */
  readonly fileName: string;
  readonly allowPrivateAddresses: boolean;
  readonly signal?: AbortSignal;
}

export interface StoredFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

const maxBytes = 8 * 1024 ** 3;
const maxRedirects = 5;

function failed(message: string, advice: string, cause?: unknown): Failure {
  return new Failure({ kind: 'network', message, advice, retryable: true, cause });
}

async function open(
  request: DownloadRequest,
): Promise<{ reply: Dispatcher.ResponseData; close: () => Promise<void> }> {
  const dispatcher = new Agent({
    connect: { timeout: 10_000, ...(!request.allowPrivateAddresses && { lookup: publicLookup }) },
    headersTimeout: 30_000,
    bodyTimeout: 60_000,
  });
  const close = () => dispatcher.destroy();
  try {
    let url = new URL(request.url);
    for (let hop = 0; hop <= maxRedirects; hop++) {
      checkUrl(url, request.allowPrivateAddresses);
      const reply = await call(url, { dispatcher, signal: request.signal });
      const { location } = reply.headers;
      if (reply.statusCode < 300 || reply.statusCode >= 400 || typeof location !== 'string')
        return { reply, close };
      await reply.body.dump();
      url = new URL(location, url);
    }
    throw failed(
      'The result link redirects too often.',
      'Ask get_progress for a fresh link, then try again.',
    );
  } catch (error) {
    await close();
    if (error instanceof Failure) throw error;
    if (error instanceof Error && error.cause instanceof Failure) throw error.cause;
    throw failed(
      'The result could not be fetched.',
      'Check the network and try again before the link expires.',
      error,
    );
  }
}

/**
 * Streams a result to disk: under a temporary name until complete, hashed on the way, never whole in memory.
 * The address comes from a cloud's reply, so it is checked like a stranger's, redirects included.
 *
 * @throws `expired` when the link has died, `storage` when the directory cannot be written, `network` otherwise
 */
export async function download(request: DownloadRequest): Promise<StoredFile> {
  const path = join(request.directory, request.fileName);
  const partial = join(request.directory, `.${request.fileName}.${randomBytes(6).toString('hex')}.part`);
  const { reply, close } = await open(request);
  try {
    if (reply.statusCode === 403 || reply.statusCode === 404 || reply.statusCode === 410)
      throw new Failure({
        kind: 'expired',
        message: `The result link answers HTTP ${reply.statusCode}.`,
        advice: 'The link has probably expired. Look in the cloud’s console, or submit the job again.',
      });
    if (reply.statusCode !== 200)
      throw failed(`The result link answers HTTP ${reply.statusCode}.`, 'Try again in a minute.');
    const declared = Number(reply.headers['content-length']);
    const hash = createHash('sha256');
    let sizeBytes = 0;
    const meter = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        sizeBytes += chunk.length;
        hash.update(chunk);
        done(sizeBytes > maxBytes ? new Error(`above ${maxBytes} bytes`) : null, chunk);
      },
    });
    await mkdir(request.directory, { recursive: true });
    await pipeline(reply.body, meter, createWriteStream(partial, { flush: true }), {
      signal: request.signal,
    });
    if (Number.isFinite(declared) && declared !== sizeBytes)
      throw failed(`The result ended after ${sizeBytes} of ${declared} bytes.`, 'Try again.');
    await rename(partial, path);
    return { path, sizeBytes, sha256: hash.digest('hex') };
  } catch (error) {
    await rm(partial, { force: true }).catch(() => {});
    if (error instanceof Failure) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'ENOTDIR', 'EEXIST'].includes(code))
      throw new Failure({
        kind: 'storage',
        message: `The file cannot be written (${code}): ${foreignText(path, 200)}.`,
        advice: 'Set DIGITAL_HUMAN_OUTPUT_DIR to a directory that can be written and has room.',
        cause: error,
      });
    throw failed('The download broke off.', 'Try again before the link expires.', error);
  } finally {
    await close();
  }
}
