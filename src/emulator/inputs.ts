import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { MediaLimits } from '../core/operation.ts';
import { MediaBreach } from './cloud-error.ts';
import type { Ffmpeg } from './ffmpeg.ts';
import { breachOf, type Inspected, inspect } from './inspect.ts';
import type { Uploads } from './uploads.ts';

/** One input of a submission: an address that the cloud fetches, or bytes sent along as base64. */
export interface MediaSource {
  /** Dotted field of the wire whose limits hold. */
  readonly field: string;
  readonly url?: string;
  readonly base64?: string;
}

/** A fetched and checked input. */
export interface MediaFile extends Inspected {
  readonly path: string;
  /** SHA-256 of the content. */
  readonly digest: string;
}

const defaultMaxBytes = 200 * 1024 * 1024;
const maxRedirects = 3;

class Unreachable extends Error {}

/** Follows redirects by hand: at most three, and never to anything but http and https. */
async function follow(url: string, signal: AbortSignal): Promise<Response> {
  let address = new URL(url);
  for (let hop = 0; hop <= maxRedirects; hop += 1) {
    if (address.protocol !== 'http:' && address.protocol !== 'https:')
      throw new Unreachable(`${address.protocol} is not fetched`);
    const response = await fetch(address, { redirect: 'manual', signal });
    const location = response.headers.get('location');
    if (response.status < 300 || response.status > 399 || !location) return response;
    await response.body?.cancel();
    address = new URL(location, address);
  }
  throw new Unreachable(`more than ${maxRedirects} redirects`);
}

/** Fetches input media into a folder and checks them against their documented limits. */
export class Inputs {
  readonly #folder: string;
  readonly #ffmpeg: Ffmpeg;
  readonly #uploads: Uploads;
  readonly #timeoutMs: number;
  readonly #inspected = new Map<string, Promise<Inspected | undefined>>();

  constructor(folder: string, ffmpeg: Ffmpeg, uploads: Uploads, timeoutMs: number) {
    this.#uploads = uploads;
    this.#folder = folder;
    this.#ffmpeg = ffmpeg;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Fetches or unpacks one input and holds it against the limits of its field.
   * @throws MediaBreach naming the broken aspect
   */
  async take(source: MediaSource, limits: MediaLimits): Promise<MediaFile> {
    const name = source.url ?? 'base64';
    const breach = (aspect: MediaBreach['aspect'], found: string) =>
      new MediaBreach(source.field, aspect, limits, name, found);
    const draft = path.join(this.#folder, `draft-${randomUUID()}`);
    try {
      if (source.base64 !== undefined) await writeFile(draft, Buffer.from(source.base64, 'base64'));
      else await this.#download(name, draft, limits, breach);
      const file = await this.#keep(draft, limits);
      if (!file) throw breach('open', 'no known kind of file');
      const broken = breachOf(file, limits);
      if (broken) throw breach(broken.aspect, broken.found);
      return file;
    } finally {
      await rm(draft, { force: true });
    }
  }

  /** Names the file by its content, so that the same media is stored and inspected once. */
  async #keep(draft: string, limits: MediaLimits): Promise<MediaFile | undefined> {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(draft)) hash.update(chunk as Buffer);
    const digest = hash.digest('hex');
    const file = path.join(this.#folder, digest);
    await rename(draft, file);
    const key = `${digest} ${limits.kind}`;
    const longest = limits.seconds && limits.seconds[1] + 5;
    let inspected = this.#inspected.get(key);
    if (!inspected) {
      inspected = inspect(this.#ffmpeg, file, limits.kind, longest);
      this.#inspected.set(key, inspected);
      // A failure of ffmpeg itself says nothing about the file: ask again next time.
      inspected.catch(() => this.#inspected.delete(key));
    }
    const found = await inspected;
    return found && { ...found, path: file, digest };
  }

  async #download(
    url: string,
    file: string,
    limits: MediaLimits,
    breach: (aspect: MediaBreach['aspect'], found: string) => MediaBreach,
  ): Promise<void> {
    const cap = limits.maxBytes ?? defaultMaxBytes;
    const signal = AbortSignal.timeout(this.#timeoutMs);
    try {
      if (url.startsWith('oss://')) return await copyFile(this.#uploads.find(url), file);
      const response = await follow(url, signal);
      if (!response.ok || !response.body) throw new Unreachable(`HTTP ${response.status}`);
      let bytes = 0;
      const counted = async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          bytes += chunk.byteLength;
          if (bytes > cap) throw breach('bytes', `more than ${cap} bytes`);
          yield chunk;
        }
      };
      await pipeline(Readable.fromWeb(response.body), counted, createWriteStream(file), { signal });
    } catch (error) {
      if (error instanceof MediaBreach) throw error;
      if (signal.aborted) throw breach('timeout', `no complete answer in ${this.#timeoutMs} ms`);
      throw breach('download', error instanceof Error ? error.message : String(error));
    }
  }
}
