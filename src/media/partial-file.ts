import { createHash, type Hash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Failure, quoted } from '../core/failure.ts';

export interface StoredFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Hexadecimal, in lower case. */
  readonly sha256: string;
}

/** Left behind by a process that died: nobody has written to it for a day. */
const staleMs = 24 * 3_600_000;
const mostCopies = 100;
const partialName = /^\.digital-human-[0-9a-f]{16}\.part$/;
/** Starts with a letter or digit and has no separator, so it can neither hide nor leave its directory. */
const plainName = /^[a-z0-9][\w.-]{0,199}$/i;

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'no code';
}

/** Everything that the file system refuses becomes one kind of failure. */
async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new Failure({
      kind: 'storage',
      message: `${quoted(path, 200)} cannot be written (${codeOf(error)}).`,
      advice: 'Set DIGITAL_HUMAN_OUTPUT_DIR to a directory that can be written and has room.',
      cause: error,
    });
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function removeStale(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!partialName.test(name)) continue;
    const path = join(directory, name);
    const { mtimeMs } = await lstat(path).catch(() => ({ mtimeMs: Date.now() }));
    // Another process may have been quicker, or may hold it open.
    if (Date.now() - mtimeMs > staleMs) await rm(path, { force: true }).catch(() => undefined);
  }
}

/**
 * A file on its way: under a name of its own until it is whole, its hash growing with it. What is on disk
 * is always what has been hashed, so that a download goes on where it broke off. Nothing is made on disk
 * before there are bytes to store. Every method throws `storage`.
 *
 * Two processes never share a partial file: each brings its own to the end, and the second finds that the
 * first has placed the same.
 */
export class PartialFile {
  readonly #directory: string;
  readonly #path: string;
  #handle: FileHandle | undefined;
  #hash: Hash = createHash('sha256');
  #bytes = 0;

  constructor(directory: string) {
    this.#directory = directory;
    this.#path = join(directory, `.digital-human-${randomBytes(8).toString('hex')}.part`);
  }

  /** Bytes on disk so far. */
  get bytes(): number {
    return this.#bytes;
  }

  async #open(): Promise<FileHandle> {
    if (this.#handle) return this.#handle;
    await mkdir(this.#directory, { recursive: true });
    this.#handle = await open(this.#path, 'wx');
    await removeStale(this.#directory);
    return this.#handle;
  }

  async append(chunk: Uint8Array): Promise<void> {
    await writing(this.#directory, async () => {
      const handle = await this.#open();
      for (let done = 0; done < chunk.length; ) {
        const { bytesWritten } = await handle.write(chunk, done, chunk.length - done, this.#bytes);
        this.#hash.update(chunk.subarray(done, done + bytesWritten));
        this.#bytes += bytesWritten;
        done += bytesWritten;
      }
    });
  }

  /** Forgets what has come so far. */
  async restart(): Promise<void> {
    await writing(this.#directory, async () => this.#handle?.truncate(0));
    this.#hash = createHash('sha256');
    this.#bytes = 0;
  }

  /** Marks it as in use, for whoever looks for stale ones. */
  async touch(): Promise<void> {
    const now = new Date();
    await writing(this.#directory, async () => this.#handle?.utimes(now, now));
  }

  /**
   * Gives the whole file its name, in one step. Nothing is ever overwritten: a file of that name with the same
   * content is this file; one with another content keeps its name, and this one gets `-2`, `-3` and so on.
   */
  async keep(fileName: string): Promise<StoredFile> {
    if (!plainName.test(fileName)) throw new Error(`not a plain file name: ${quoted(fileName)}`);
    const sha256 = this.#hash.digest('hex');
    const { name, ext } = parse(fileName);
    return writing(this.#directory, async () => {
      const handle = await this.#open();
      await handle.sync();
      await handle.close();
      for (let copy = 1; copy <= mostCopies; copy++) {
        const path = join(this.#directory, copy === 1 ? fileName : `${name}-${copy}${ext}`);
        if ((await this.#place(path)) || (await this.#isAt(path, sha256)))
          return { path, sizeBytes: this.#bytes, sha256 };
      }
      throw new Error('too many files of this name');
    });
  }

  /** False when something has that name already. */
  async #place(path: string): Promise<boolean> {
    try {
      // Unlike a rename, a link never replaces what another process has just put there.
      await link(this.#path, path);
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST' || (await lstat(path).catch(() => undefined))) return false;
      // File systems without hard links.
      await rename(this.#path, path);
      return true;
    }
  }

  async #isAt(path: string, sha256: string): Promise<boolean> {
    const found = await lstat(path).catch(() => undefined);
    return found?.isFile() === true && found.size === this.#bytes && (await sha256Of(path)) === sha256;
  }

  /** Ends the work on it and removes the temporary name; what was kept stays. */
  async discard(): Promise<void> {
    await this.#handle?.close().catch(() => undefined);
    if (this.#handle) await rm(this.#path, { force: true }).catch(() => undefined);
  }
}
